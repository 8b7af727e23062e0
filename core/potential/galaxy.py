"""The analytic solver: a Galaxy in closed form, its free parameters fitted to the stationarity condition.

    Φ = two Miyamoto–Nagai discs + Navarro–Frenk–White halo + bulge,   r = V·∂ln f/∂x - ∇Φ·∂ln f/∂v - Ω_p ∂_φ ln f

as in the convex solver, with the same weights and, of members on two halves of the stars, the product of the residuals
of the halves in place of the square of their mean: errors that the halves do not share then cancel. Gauss–Newton steps
with damping, in the logarithms of the parameters, which are all positive. A few numbers cannot follow what is local:
this is a prior made of shapes, for comparison, for extrapolation, and where there are few stars.

No Ω_p is claimed of it. An axisymmetric Φ has nothing that could turn: where the stars have a pattern, Ω_p makes up
for the torques that Φ lacks (8.6 km/s/kpc for 20 in Freeman's bar), and both halves agree on that.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import PerStar
from core.config import PotentialConfig
from core.galaxy_config import PARAMETERS, AnalyticConfig
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential import analytic
from core.potential.fields import laplacian_density
from core.potential.linear import UNRESOLVED
from core.potential.normal_equations import noise_share, weights_for
from core.potential.reference_frame import ReferenceFrame
from core.potential.sides import UNIT, Sides, sides_of

_STEPS = 60
_CONVERGED = 1e-8
"""Relative change of a parameter in the last step."""

_SMALLEST = 1e-3
"""Least fraction of its first value that a free parameter with a bound of 0 may take: its logarithm is fitted."""


class GalaxyState(NamedTuple):
    """A fitted Galaxy, a pytree: its ``parameters`` in the order of PARAMETERS, its axes and its centre [kpc]."""

    parameters: Float[Array, " q"]
    axes: Float[Array, "3 3"]
    centre: Float[Array, "3"]


@dataclass(frozen=True)
class GalaxyModel:
    """Two discs, a halo and a ``bulge`` of Hernquist or Plummer."""

    bulge: str

    def potential(self, state: GalaxyState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ [(km/s)²] at a heliocentric position."""
        thin, thick, halo, bulge = self.components(state, x)
        return thin + thick + halo + bulge

    def components(self, state: GalaxyState, x: Float[Array, "3"]) -> tuple[Float[Array, ""], ...]:
        """Φ [(km/s)²] of the thin and the thick disc, the halo and the bulge."""
        X = state.axes @ (x - state.centre)
        p = dict(zip(PARAMETERS, state.parameters, strict=True))
        bulge = analytic.POTENTIALS[self.bulge]
        return (
            analytic.miyamoto_nagai(X, mass=p["thin_mass"], a=p["thin_length"], b=p["thin_height"]),
            analytic.miyamoto_nagai(X, mass=p["thick_mass"], a=p["thick_length"], b=p["thick_height"]),
            analytic.nfw(X, mass=p["halo_mass"], scale=p["halo_scale"]),
            bulge(X, mass=p["bulge_mass"], scale=p["bulge_scale"]),
        )

    def density(self, state: GalaxyState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """ρ [Msun/pc³]."""
        return laplacian_density(partial(self.potential, state), x)


@dataclass(frozen=True)
class GalaxyFit:
    """The fitted state, Ω_p [km/s/kpc] or None, its noise share or None, the weights of the points, a free drift."""

    state: GalaxyState
    pattern_speed: float | None
    noise_share: float | None
    weights: PerStar
    drift: Float[np.ndarray, "3"] | None = None


def galaxy_state(config: AnalyticConfig, frame: ReferenceFrame, sun: SolarPosition) -> GalaxyState:
    """The Galaxy with which a fit begins."""
    return GalaxyState(jnp.asarray(config.values), jnp.asarray(frame.axes), jnp.asarray(frame.centre))


class _Expansion(NamedTuple):
    """Value, gradient and second derivatives (Gauss–Newton) of the weighted mean product of two residuals.

    ``own`` are the second derivatives with products of each residual's derivatives with themselves.
    """

    value: float
    gradient: Float[np.ndarray, " u"]
    curvature: Float[np.ndarray, "u u"]
    own: Float[np.ndarray, "u u"]


@partial(jax.jit, static_argnums=(0, 1))
def _gradients(
    model: GalaxyModel, free: tuple[int, ...], start: GalaxyState, logs: Float[Array, " q"], x: Float[Array, "n 3"]
) -> tuple[Float[Array, "n 3"], Float[Array, "n 3 q"]]:
    """∇Φ and its derivatives by the logarithms of the free parameters."""

    def slope(logs: Float[Array, " q"], point: Float[Array, "3"]) -> Float[Array, "3"]:
        parameters = start.parameters.at[jnp.asarray(free, int)].set(jnp.exp(logs))
        return jax.grad(model.potential, argnums=1)(start._replace(parameters=parameters), point)

    both = jax.vmap(lambda point: (slope(logs, point), jax.jacfwd(slope)(logs, point)))
    return both(x)


@dataclass(frozen=True)
class _Problem:
    """What is fitted, with bounds: the logarithms of the ``free`` parameters, then u and Ω_p where free, in tens."""

    model: GalaxyModel
    begin: GalaxyState
    free: tuple[int, ...]
    low: Float[np.ndarray, " u"]
    high: Float[np.ndarray, " u"]

    def expansion(self, unknown: Float[np.ndarray, " u"], sides: Sides, weights: PerStar) -> _Expansion:
        count = len(self.free)
        slope, change = _gradients(
            self.model, self.free, self.begin, jnp.asarray(unknown[:count]), jnp.asarray(sides.x)
        )
        residuals, rows = [], []
        for side in sides.pair:
            residuals.append(side.residual(np.asarray(slope), unknown[count:])[0])
            columns = [-np.einsum("niq,ni->nq", np.asarray(change), side.score_v[0])]
            columns += [column[0] for column in side.motion_columns(unknown[count:])]
            rows.append(np.concatenate(columns, 1))
        (a, b), (A, B), share = residuals, rows, weights / len(weights)
        cross = (A * share[:, None]).T @ B
        mean = (A + B) / 2
        gradient = (share * b) @ A + (share * a) @ B
        return _Expansion(float(np.sum(share * a * b)), gradient, cross + cross.T, 2 * (mean * share[:, None]).T @ mean)

    def minimum(self, unknown: Float[np.ndarray, " u"], sides: Sides, weights: PerStar) -> Float[np.ndarray, " u"]:
        """By damped Gauss–Newton steps inside the bounds."""
        size = len(unknown)
        low, high = self.low[:size], self.high[:size]
        here, damping = self.expansion(unknown, sides, weights), 1e-3
        for _ in range(_STEPS):
            trial = np.clip(unknown + _step(here, unknown, low, high, damping), low, high)
            there = self.expansion(trial, sides, weights)
            if not there.value <= here.value:
                damping *= 10
                if damping > 1e6:
                    break
                continue
            moved = np.abs(trial - unknown).max(initial=0)
            unknown, here, damping = trial, there, max(damping / 10, 1e-12)
            if moved < _CONVERGED:
                break
        return unknown


def _step(
    here: _Expansion,
    unknown: Float[np.ndarray, " u"],
    low: Float[np.ndarray, " u"],
    high: Float[np.ndarray, " u"],
    damping: float,
) -> Float[np.ndarray, " u"]:
    """A damped step of those that no bound holds; at most a factor e in a parameter, and 10 km/s/kpc."""
    held = ((unknown <= low) & (here.gradient > 0)) | ((unknown >= high) & (here.gradient < 0))
    scale = np.sqrt(np.diag(here.own))
    move = ~held & (scale > 0)
    step = np.zeros(len(unknown))
    if not move.any():
        return step
    scale = scale[move]
    values, vectors = np.linalg.eigh(here.curvature[np.ix_(move, move)] / scale[:, None] / scale)
    step[move] = -(vectors @ (vectors.T @ (here.gradient[move] / scale) / (np.maximum(values, 0) + damping))) / scale
    return step / max(1.0, np.abs(step).max())


def fit_galaxy(
    sample: ScoredSample,
    config: PotentialConfig,
    frame: ReferenceFrame,
    sun: SolarPosition,
    weights: PerStar | None = None,
) -> GalaxyFit:
    """The parameters that the configuration frees, and Ω_p where it does, from a joint sample.

    Given ``weights`` they are used instead of being found. Raises TrainingError for scores that are not finite.
    """
    sides = sides_of(sample, frame, config)
    with jax.enable_x64(True):
        problem = _problem(config.analytic, frame, sun)
        start = np.log([config.analytic.values[i] for i in problem.free])
        beginning = np.append(np.zeros(3 * sides.drifting), [2.5] * (sides.speed is None))
        unknown = np.append(start, beginning)
        updates = config.reweights if weights is None and len(sides.streaming) > 1 else 0
        used = np.ones(len(sides.x)) if weights is None else np.asarray(weights, float)
        unknown, share = _answer(problem, unknown, sides, used)
        for _ in range(updates):
            used = _updated_weights(problem, unknown, sides)
            unknown, share = _answer(problem, unknown, sides, used)
        motion = unknown[len(problem.free) :]
        speed = sides.pattern_speed(motion)
        parameters = problem.begin.parameters.at[jnp.asarray(problem.free, int)].set(
            jnp.exp(unknown[: len(problem.free)])
        )
        state = problem.begin._replace(parameters=parameters)
    drift = UNIT * motion[:3] if sides.drifting else None
    if not frame.rotates:
        return GalaxyFit(state, None, None, used, drift)
    if sides.speed is not None and config.pattern_speed == "free":
        # Nothing turns at all: any Ω_p does.
        speed, share = float("nan"), 1.0
    return GalaxyFit(state, speed, share, used, drift)


def _answer(
    problem: _Problem, start: Float[np.ndarray, " u"], sides: Sides, weights: PerStar
) -> tuple[Float[np.ndarray, " u"], float | None]:
    """What minimises the product of the halves, and the noise share of Ω_p.

    It begins at the minimum of the squared mean. Where Ω_p is noise in both halves, noise divided by noise, it stays
    what it is there.
    """
    plain = problem.minimum(start, sides.mean(None), weights)
    one, other = sides.pair
    if one is other:
        return plain, None
    if sides.speed is not None:
        return problem.minimum(plain, sides, weights), None
    there = problem.expansion(plain, sides, weights)
    share = noise_share(there.own, there.curvature, np.ones(len(plain), bool))
    if share < UNRESOLVED:
        return problem.minimum(plain, sides, weights), share
    fixed = replace(sides, speed=sides.pattern_speed(plain))
    return np.append(problem.minimum(plain[:-1], fixed, weights), plain[-1]), share


def _problem(config: AnalyticConfig, frame: ReferenceFrame, sun: SolarPosition) -> _Problem:
    free = tuple(PARAMETERS.index(name) for name in config.free_names)
    low, high = [], []
    for i in free:
        least, most = config.bounds(PARAMETERS[i])
        low.append(np.log(max(least, _SMALLEST * config.values[i])))
        high.append(np.log(most))
    begin = galaxy_state(config, frame, sun)
    return _Problem(
        GalaxyModel(config.bulge), begin, free, np.append(low, [-np.inf] * 4), np.append(high, [np.inf] * 4)
    )


def _updated_weights(problem: _Problem, unknown: Float[np.ndarray, " u"], sides: Sides) -> PerStar:
    """1 / (mean over members of the squared residual + floor), as in the convex solver."""
    count = len(problem.free)
    slope, _ = _gradients(
        problem.model, problem.free, problem.begin, jnp.asarray(unknown[:count]), jnp.asarray(sides.x)
    )
    residual = sides.residual(np.asarray(slope), unknown[count:])
    return weights_for(np.mean(residual**2, 0))
