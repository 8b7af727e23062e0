"""The published solver: Φ as a tanh network, trained on the published loss (Kalda & Green 2025; PHYSICS 3).

    L = ln ⟨ asinh(α|R|)/α + λ asinh(β max(-∇²Φ, 0))/β ⟩ + l2 Σ weights²

The residual is in units of its size without any force and the density in units of the scatter that the force implies,
so that α, β and λ are numbers of order one. It begins with random weights, as published, or with the forces of another
potential. Known to collapse to a constant when l2 is large, which is found and said, and to leave a few per cent of the
volume with negative density; the convex solver beside it does neither.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from core.config import NetworkConfig
from core.ensemble import median
from core.errors import TrainingError
from core.optimization import Descent, Progress, State
from core.phase_space.sample import ScoredSample
from core.potential.fields import laplacian_density
from core.potential.reference_frame import ReferenceFrame


class PotentialNetwork(nnx.Module):
    """A tanh network of the scaled position, plus a free linear term for the mean field."""

    def __init__(self, layers: int, hidden: int, *, rngs: nnx.Rngs):
        init = nnx.initializers.variance_scaling(1.0, "fan_in", "normal")
        sizes = [3] + [hidden] * layers
        self.hidden = nnx.List([nnx.Linear(a, b, kernel_init=init, rngs=rngs) for a, b in itertools.pairwise(sizes)])
        self.last = nnx.Linear(hidden, 1, use_bias=False, kernel_init=init, rngs=rngs)
        self.linear = nnx.Linear(3, 1, use_bias=False, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, u: Float[Array, "3"]) -> Float[Array, ""]:
        hidden = u
        for layer in self.hidden:
            hidden = jnp.tanh(layer(hidden))
        return (self.last(hidden) + self.linear(u))[0]


class NetworkState(NamedTuple):
    """Φ = energy · network((x - centre) / length) and Ω_p = speed · ``turn``: a pytree."""

    network: Any
    turn: Float[Array, ""]
    centre: Float[Array, "3"]
    length: Float[Array, ""]
    energy: Float[Array, ""]


@dataclass(frozen=True)
class NetworkModel:
    """Shape of the potential network."""

    layers: int
    hidden: int

    def potential(self, state: NetworkState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ [(km/s)²] at a heliocentric position."""
        network = nnx.merge(_graph(self), state.network)
        return state.energy * network((x - state.centre) / state.length)

    def density(self, state: NetworkState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """ρ [Msun/pc³]."""
        return laplacian_density(partial(self.potential, state), x)


@lru_cache(maxsize=16)
def _graph(model: NetworkModel) -> nnx.GraphDef:
    return nnx.graphdef(PotentialNetwork(model.layers, model.hidden, rngs=nnx.Rngs(0)))


SPEED, DRIFT = 10.0, 10.0
"""Units of the trained pattern speed [km/s/kpc] and drift [km/s]."""


def network_descent(model: NetworkModel, config: NetworkConfig) -> Descent:
    """The published loss over the rows of :func:`network_problem`."""

    def loss(parameters: dict[str, Any], rows: Float[Array, "b d"], key: jax.Array) -> Float[Array, ""]:
        network = nnx.merge(_graph(model), parameters["network"])
        u, score_v, streaming, turning, rest = jnp.split(rows, [3, 6, 7, 8], axis=1)
        gradient = jax.vmap(jax.grad(network))(u)
        laplacian = jax.vmap(lambda point: jnp.trace(jax.jacfwd(jax.grad(network))(point)))(u)
        residual = streaming[:, 0] - jnp.sum(gradient * score_v, 1) - parameters["turn"] * turning[:, 0]
        if "drift" in parameters:
            residual -= (rest[:, 1:4] + parameters["turn"] * rest[:, 4:]) @ parameters["drift"]
        unsteady = jnp.arcsinh(config.alpha * jnp.abs(residual * rest[:, 0])) / config.alpha
        repulsive = jnp.arcsinh(config.beta * jnp.maximum(-laplacian, 0)) / config.beta
        squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(parameters["network"]))
        return jnp.log(jnp.mean(unsteady + config.penalty * repulsive)) + config.l2 * squares

    return Descent(loss, config.training)


@dataclass(frozen=True)
class NetworkProblem:
    """A scored sample in the network's units, in random ``order``, with the last tenth held out."""

    rows: Float[np.ndarray, "n d"]
    order: Int[np.ndarray, " n"]
    centre: Float[np.ndarray, "3"]
    length: float
    energy: float
    free_speed: bool
    fixed_speed: float
    drifting: bool = False

    @property
    def training(self) -> Float[np.ndarray, "n d"]:
        return self.rows[: -len(self.rows) // 10]

    @property
    def held_out(self) -> Float[np.ndarray, "n d"]:
        return self.rows[-len(self.rows) // 10 :]


def network_problem(
    sample: ScoredSample,
    frame: ReferenceFrame,
    config: NetworkConfig,
    pattern_speed: str,
    seed: int,
    *,
    drifting: bool = False,
) -> NetworkProblem:
    """Rows (u, ∂ln f/∂v, streaming, turning, weight) in the network's units, from the median score of the members.

    Where the frame is ``drifting`` freely, what multiplies u, and Ω_p times u, follows.

    The residual is divided by the typical |V · ∂ln f/∂x|; with ``target`` "f" each point counts with f over its median,
    as published.
    """
    score, log_df = median(sample.score), median(sample.log_df)
    centre = sample.w[:, :3].mean(0)
    length = float(np.sqrt(np.mean(np.sum((sample.w[:, :3] - centre) ** 2, 1))))
    energy = float(np.mean(np.var(sample.w[:, 3:], 0)))
    streaming, turning = frame.streaming(sample.w, score), frame.turning(sample.w, score)
    free = frame.rotates and pattern_speed == "free"
    fixed = float(pattern_speed) if frame.rotates and not free else 0.0
    streaming = streaming - fixed * turning
    unit = float(np.median(np.abs(streaming))) + 1e-30
    weight = np.exp(log_df - np.median(log_df)) if config.target == "f" else np.ones(len(log_df))
    motion = []
    if drifting:
        shifts, swerves = frame.shifts(score) * DRIFT / unit, frame.swerves(score) * DRIFT / unit
        motion = [shifts + fixed * swerves, swerves * SPEED if free else np.zeros_like(swerves)]
    rows = np.column_stack(
        [
            (sample.w[:, :3] - centre) / length,
            score[:, 3:] * energy / length / unit,
            streaming / unit,
            (turning * SPEED / unit) if free else np.zeros(len(weight)),
            weight,
            *motion,
        ]
    )
    order = np.random.default_rng(seed).permutation(len(rows))
    return NetworkProblem(rows[order].astype(np.float32), order, centre, length, energy, free, fixed, drifting)


class Beginning(NamedTuple):
    """Forces ∇Φ [(km/s)²/kpc] at the places of a scored sample, Ω_p [km/s/kpc], u [km/s]: where a network may begin."""

    gradient: Float[np.ndarray, "n 3"]
    pattern_speed: float | None
    drift: tuple[float, float, float] | None = None


def warming_descent(model: NetworkModel, config: NetworkConfig) -> Descent:
    """The mean squared error of ∇Φ over rows (u, ∇Φ) in the units of the network."""

    def loss(parameters: Any, rows: Float[Array, "b 6"], key: jax.Array) -> Float[Array, ""]:
        gradient = jax.vmap(jax.grad(nnx.merge(_graph(model), parameters)))(rows[:, :3])
        return jnp.mean(jnp.sum((gradient - rows[:, 3:]) ** 2, 1))

    return Descent(loss, config.warming)


def warmed(
    problem: NetworkProblem, model: NetworkModel, descent: Descent, beginning: Beginning, seed: int
) -> dict[str, Any]:
    """The parameters of the network of ``seed`` that has nearly the forces of a beginning."""
    key = jax.random.key(seed)
    target = beginning.gradient[problem.order] * problem.length / problem.energy
    rows = jnp.asarray(np.column_stack([problem.rows[:, :3], target]), jnp.float32)
    held = len(rows) // 10
    start = nnx.state(PotentialNetwork(model.layers, model.hidden, rngs=nnx.Rngs(key)))
    *_, last = descent.run(start, rows[:-held], rows[-held:], key=key)
    speed = beginning.pattern_speed
    turn = speed / SPEED if problem.free_speed and speed is not None and np.isfinite(speed) else 0.0
    return {"network": last.state.best, "turn": jnp.full((), turn)} | _drift(problem.drifting, beginning.drift)


def _drift(drifting: bool, drift: tuple[float, float, float] | None) -> dict[str, Any]:
    """The parameters of u at a ``drift`` [km/s], zero without one; none where u is not fitted."""
    return {"drift": jnp.asarray(drift or (0.0, 0.0, 0.0)) / DRIFT} if drifting else {}


def random_parameters(model: NetworkModel, seed: int, *, drifting: bool) -> dict[str, Any]:
    """The parameters of the network of ``seed`` before its first step, Ω_p and u being zero."""
    network = nnx.state(PotentialNetwork(model.layers, model.hidden, rngs=nnx.Rngs(jax.random.key(seed))))
    return {"network": network, "turn": jnp.zeros(())} | _drift(drifting, None)


def fit_network(
    problem: NetworkProblem,
    model: NetworkModel,
    descent: Descent,
    seed: int,
    initial: dict[str, Any] | None = None,
    resume: State | None = None,
) -> Iterator[Progress]:
    """Train the network of ``seed`` on the problem, from ``initial`` parameters or random ones; yields reports.

    It goes on from the state to ``resume``, if there is one, bit for bit. Raises TrainingError where the network has
    collapsed: where it explains the stars no better than no force does.
    """
    key = jax.random.key(seed)
    if initial is None:
        initial = random_parameters(model, seed, drifting=problem.drifting)
    held_out, state = jnp.asarray(problem.held_out), resume
    for report in descent.run(initial, jnp.asarray(problem.training), held_out, key=key, resume=resume):
        state = report.state
        yield report
    without_force = jax.tree.map(jnp.zeros_like, initial)
    assert state is not None
    if not state.best_loss < jax.jit(descent.loss)(without_force, held_out, key) - _LEAST_GAIN:
        raise TrainingError(
            "the network has collapsed: it explains the stars no better than no force at all; "
            "lower potential.network.l2, or train longer"
        )


_LEAST_GAIN = 0.01
"""Of the published loss, a logarithm: one per cent."""


def network_state(problem: NetworkProblem, best: dict[str, Any]) -> NetworkState:
    """The trained member in physical units."""
    return NetworkState(
        network=best["network"],
        turn=best["turn"],
        centre=jnp.asarray(problem.centre, jnp.float32),
        length=jnp.asarray(problem.length, jnp.float32),
        energy=jnp.asarray(problem.energy, jnp.float32),
    )


def network_pattern_speed(problem: NetworkProblem, state: NetworkState) -> float:
    """Ω_p [km/s/kpc]: trained, or the fixed value."""
    return float(state.turn) * SPEED if problem.free_speed else problem.fixed_speed


def network_drift(problem: NetworkProblem, best: dict[str, Any]) -> tuple[float, float, float] | None:
    """The trained u [km/s]; None where it is not fitted."""
    if not problem.drifting:
        return None
    x, y, z = (np.asarray(best["drift"], float) * DRIFT).tolist()
    return x, y, z
