"""Continuous normalizing flows: the published family (FFJORD; Grathwohl et al. 2019), with its exact trace.

A point u flows from the stars (t = 0) to a normal distribution (t = 1) by du/dt = g(u, t), and
ln p(u) = ln N(u(1)) + ∫ tr ∂g/∂u dt. The field is first trained by flow matching, which solves no ODE: straight lines
between stars and normal draws that a minibatch optimal transport pairs (Tong et al. 2024). Maximum likelihood with the
kinetic and Jacobian regularisers of Finlay et al. (2020) then refines it.

A flow on a fixed grid of times learns the solver's errors as if they were likelihood. So training moves the inner times
at random, and a member whose likelihood on the training grid and on a finer one differ by 0.005 is refused.
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from core.array_types import PhaseSpace
from core.config import ContinuousConfig, FlowConfig
from core.errors import TrainingError
from core.flow.chunks import in_chunks
from core.flow.family import Batch, FlowState, Phase, TrainingStars
from core.flow.whole import WHOLE, WholeFlow
from core.optimization import Descent

LARGEST_DIFFERENCE = 0.005
"""Of the mean ln f on the training grid and on one four times finer, in nat."""
_PAIRED = 256
"""Stars that are paired with as many draws by one optimal transport."""
_DIMENSIONS = 6


class VectorField(nnx.Module):
    """g(u, t): a tanh network of the point and the time."""

    def __init__(self, hidden: int, layers: int, *, rngs: nnx.Rngs):
        init = nnx.initializers.variance_scaling(1.0, "fan_in", "normal")
        sizes = [_DIMENSIONS + 1, *[hidden] * layers]
        self.inner = nnx.List([nnx.Linear(a, b, kernel_init=init, rngs=rngs) for a, b in itertools.pairwise(sizes)])
        self.last = nnx.Linear(hidden, _DIMENSIONS, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, u: Float[Array, "*n d"], t: Float[Array, "*n"]) -> Float[Array, "*n d"]:
        values = jnp.concatenate([u, t[..., None]], -1)
        for layer in self.inner:
            values = jnp.tanh(layer(values))
        return self.last(values)


@dataclass(frozen=True)
class ContinuousFlow(WholeFlow):
    """FFJORD with ``layers`` of ``hidden`` units, solved in ``steps`` of Tsitouras' fifth-order method."""

    name: ClassVar[str] = "continuous"

    layers: int
    hidden: int
    steps: int

    def networks(self, key: jax.Array) -> dict[str, Any]:
        return {WHOLE: nnx.state(VectorField(self.hidden, self.layers, rngs=nnx.Rngs(key)))}

    def log_prob(self, parameters: Any, u: Float[Array, "6"]) -> Float[Array, ""]:
        """On a grid twice as fine as the training's."""
        return self._solved(parameters, u, _even(2 * self.steps, u))[0]

    def standard_draws(self, parameters: Any, key: jax.Array, count: int) -> Float[Array, "n 6"]:
        field = nnx.merge(_graph(self), parameters)
        base = jax.random.normal(key, (count, _DIMENSIONS))

        def back(u: Float[Array, "6"]) -> Float[Array, "6"]:
            rate = lambda t, y, _: -field(y, 1 - t)  # noqa: E731
            return _integral(rate, u, _even(2 * self.steps, u))

        return jax.vmap(back)(base)

    def phases(self, stars: TrainingStars, config: FlowConfig) -> tuple[Phase, ...]:
        rows = lambda rotation: self.standardised(stars.w, rotation)  # noqa: E731
        settings = config.continuous
        phases = []
        if settings.match:
            matching = Descent(self._matching_loss(settings), settings.matching)
            phases.append(Phase("matching", WHOLE, rows, matching, share=0.2))
        likelihood = Descent(self._likelihood_loss(settings), settings.likelihood)
        return (*phases, Phase("likelihood", WHOLE, rows, likelihood, share=0.8, judged=2048))

    def finish(
        self, networks: dict[str, Any], rotation: Float[Array, "3 3"], stars: TrainingStars, held_out: PhaseSpace
    ) -> FlowState:
        u = np.asarray(self.standardised(held_out[:4096], rotation))
        coarse, fine = (
            float(np.mean(in_chunks(partial(_on_grid(self, steps), networks[WHOLE]), u)))
            for steps in (self.steps, 4 * self.steps)
        )
        if not abs(coarse - fine) < LARGEST_DIFFERENCE:
            raise TrainingError(
                f"the likelihood on the training grid of times, {coarse:.4f}, and on a finer one, {fine:.4f}, differ "
                f"by {LARGEST_DIFFERENCE} or more: the flow has learned the errors of its solver; raise "
                f"flow.continuous.steps or flow.continuous.kinetic"
            )
        return super().finish(networks, rotation, stars, held_out)

    def _matching_loss(self, settings: ContinuousConfig) -> Any:
        def loss(parameters: Any, batch: Batch, key: jax.Array) -> Float[Array, ""]:
            field = nnx.merge(_graph(self), parameters)
            draw_key, time_key, pair_key = jax.random.split(key, 3)
            base = jax.random.normal(draw_key, batch.rows.shape, batch.rows.dtype)
            if settings.transport:
                base = _paired(pair_key, batch.rows, base)
            # Even steps over the batch, shifted at random: the mean over times has less noise than of free draws.
            count = len(base)
            t = (jax.random.uniform(time_key, (), base.dtype) + jnp.arange(count, dtype=base.dtype) / count) % 1.0
            t = jax.random.permutation(time_key, t)
            on_line = (1 - t)[:, None] * batch.rows + t[:, None] * base
            error = field(on_line, t) - (base - batch.rows)
            return batch.mean(jnp.mean(error**2, -1))

        return loss

    def _likelihood_loss(self, settings: ContinuousConfig) -> Any:
        def loss(parameters: Any, batch: Batch, key: jax.Array) -> Float[Array, ""]:
            times = _jittered(key, self.steps, batch.rows)
            solved = jax.vmap(lambda u: self._solved(parameters, u, times))(batch.rows)
            log_prob, kinetic, jacobian = solved
            return batch.mean(settings.kinetic * kinetic + settings.jacobian * jacobian - log_prob)

        return loss

    def _solved(
        self, parameters: Any, u: Float[Array, "6"], times: Float[Array, " s"]
    ) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
        """ln p(u), and the integrals of |g|² and |∂g/∂u|² along the way."""
        field = nnx.merge(_graph(self), parameters)

        def rates(t: Array, y: tuple[Array, ...], _: Any) -> tuple[Array, ...]:
            g, push = jax.linearize(lambda point: field(point, t), y[0])
            jacobian = jax.vmap(push)(jnp.eye(_DIMENSIONS, dtype=g.dtype))
            return g, jnp.trace(jacobian), jnp.sum(g * g), jnp.sum(jacobian * jacobian)

        zero = jnp.zeros((), u.dtype)
        end, trace, kinetic, jacobian = _integral(rates, (u, zero, zero, zero), times)
        base = -0.5 * jnp.sum(end * end) - 0.5 * _DIMENSIONS * jnp.log(2 * jnp.asarray(jnp.pi, u.dtype))
        return base + trace, kinetic, jacobian


def _integral(rates: Any, start: Any, times: Float[Array, " s"]) -> Any:
    """The solution at the last of ``times``, stepping from each to the next.

    A plain scan: what ``diffeqsolve`` checks on the way calls back to Python, and such programs are never cached. The
    gradient keeps one state per step and computes the rest of it again.
    """
    solver, term = diffrax.Tsit5(), diffrax.ODETerm(rates)

    def step(carry: Any, span: tuple[Array, Array]) -> tuple[Any, None]:
        y, _, _, inner, _ = solver.step(term, *span, carry[0], None, carry[1], made_jump=False)
        return (y, inner), None

    inner = solver.init(term, times[0], times[1], start, None)
    (end, _), _ = jax.lax.scan(jax.checkpoint(step), (start, inner), (times[:-1], times[1:]))
    return end


def _even(steps: int, like: Float[Array, "..."]) -> Float[Array, " s"]:
    return jnp.linspace(0.0, 1.0, steps + 1, dtype=like.dtype)


def _jittered(key: jax.Array, steps: int, like: Float[Array, "..."]) -> Float[Array, " s"]:
    """An even grid whose inner times are moved by up to a third of a step."""
    shift = jax.random.uniform(key, (steps - 1,), like.dtype, -1 / 3, 1 / 3) / steps
    return _even(steps, like).at[1:-1].add(shift)


def _paired(key: jax.Array, stars: Float[Array, "b d"], base: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """For each star one of the draws, by entropic optimal transport within groups of ``_PAIRED``."""
    group = min(_PAIRED, len(stars))
    whole = len(stars) // group * group

    def pair(key: jax.Array, a: Float[Array, "g d"], b: Float[Array, "g d"]) -> Float[Array, "g d"]:
        cost = jnp.sum((a[:, None] - b[None]) ** 2, -1)
        kernel = -cost / (0.05 * jnp.mean(cost))

        def sinkhorn(_: Any, potentials: tuple[Array, Array]) -> tuple[Array, Array]:
            f, g = potentials
            f = -jax.nn.logsumexp(kernel + g[None], 1)
            return f, -jax.nn.logsumexp(kernel + f[:, None], 0)

        zero = jnp.zeros(group, a.dtype)
        f, g = jax.lax.fori_loop(0, 20, sinkhorn, (zero, zero))
        return b[jax.random.categorical(key, kernel + f[:, None] + g[None], axis=1)]

    shape = (whole // group, group, stars.shape[1])
    keys = jax.random.split(key, shape[0])
    matched = jax.lax.map(lambda each: pair(*each), (keys, stars[:whole].reshape(shape), base[:whole].reshape(shape)))
    return jnp.concatenate([matched.reshape(whole, stars.shape[1]), base[whole:]])


@lru_cache(maxsize=64)
def _graph(family: ContinuousFlow) -> nnx.GraphDef:
    return nnx.graphdef(VectorField(family.hidden, family.layers, rngs=nnx.Rngs(0)))


@lru_cache(maxsize=16)
def _on_grid(family: ContinuousFlow, steps: int) -> Any:
    """ln p of many standardised points, on an even grid of ``steps``."""
    return jax.jit(
        lambda parameters, u: jax.vmap(lambda point: family._solved(parameters, point, _even(steps, point))[0])(u)
    )
