"""Flows that model the six coordinates in one piece: smooth couplings, splines, and (continuous.py) an ODE.

Such a flow fills all of space. It is trained with the stars near the edge mirrored behind it (padding.py), cut off at
the region, and divided by the share of it that lies inside, which is found by drawing from it: nothing leaks.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from core.array_types import PhaseSpace
from core.config import FlowConfig, OptimizationConfig
from core.errors import TrainingError
from core.flow.chunks import CHUNK
from core.flow.coupling import CouplingFlow
from core.flow.family import WATCHED_STARS, Batch, Family, FlowState, Phase, TrainingStars
from core.flow.spatial_density import BallProposal
from core.optimization import Descent
from core.phase_space.region import Region

WHOLE = "whole"
_NORMALISER_DRAWS = 32 * CHUNK
_LEAST_INSIDE = 0.01


@dataclass(frozen=True)
class WholeFlow(Family):
    """ln f from a flow of the standardised coordinates u = (place, velocity), cut off at the region."""

    @abstractmethod
    def log_prob(self, parameters: Any, u: Float[Array, "6"]) -> Float[Array, ""]:
        """ln of the flow's density at one standardised point."""

    @abstractmethod
    def standard_draws(self, parameters: Any, key: jax.Array, count: int) -> Float[Array, "n 6"]:
        """Standardised points drawn from the flow."""

    def log_df(self, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
        u = jnp.concatenate([self.coordinates.place(w[:3]), self.coordinates.velocity(w) @ state.rotation])
        log_volume = self.coordinates.log_place_volume(w[:3]) + self.coordinates.log_velocity_volume
        return self.log_prob(state.networks[WHOLE], u) - log_volume - state.log_normaliser

    def standardised(self, w: PhaseSpace, rotation: Float[Array, "3 3"]) -> Float[Array, "n 6"]:
        """What the flow sees of many stars."""
        place = jax.jit(jax.vmap(self.coordinates.place))(jnp.asarray(w[:, :3], float))
        return jnp.concatenate([place, self.turned(w, rotation)], 1)

    def draw(
        self, state: FlowState, key: jax.Array, n: int, *, region: Region, proposal: BallProposal
    ) -> Float[np.ndarray, "n 6"]:
        kept: list[np.ndarray] = []
        while sum(map(len, kept)) < n:
            w = np.asarray(_draws(self)(state, jax.random.fold_in(key, len(kept))), float)
            kept.append(w[region.contains_positions(w[:, :3], self.coordinates.sun)])
        return np.concatenate(kept)[:n]

    def finish(
        self, networks: dict[str, Any], rotation: Float[Array, "3 3"], stars: TrainingStars, held_out: PhaseSpace
    ) -> FlowState:
        """The normaliser is ln of the share of a quarter of a million draws that lies inside: good to 0.001."""
        state = FlowState(networks, rotation, jnp.zeros(()))
        inside = 0
        for i in range(_NORMALISER_DRAWS // CHUNK):
            w = np.asarray(_draws(self)(state, jax.random.fold_in(jax.random.key(1), i)), float)
            inside += int(stars.region.contains_positions(w[:, :3], self.coordinates.sun).sum())
        share = inside / _NORMALISER_DRAWS
        if not share > _LEAST_INSIDE:
            raise TrainingError(
                f"only {100 * share:.1f} % of the flow is inside the volume: it has not found the stars"
            )
        return state._replace(log_normaliser=jnp.log(jnp.asarray(share, rotation.dtype)))


@dataclass(frozen=True)
class JointFlow(WholeFlow):
    """Layers that each move one of the six coordinates given the other five."""

    name: ClassVar[str] = "joint"
    kind: ClassVar[str] = "logistics"

    layers: int
    hidden: int
    components: int

    def networks(self, key: jax.Array) -> dict[str, Any]:
        return {WHOLE: nnx.state(self._flow(key))}

    def log_prob(self, parameters: Any, u: Float[Array, "*n 6"]) -> Float[Array, "*n"]:
        return self._distribution(parameters, u.shape[:-1]).log_prob(u)

    def standard_draws(self, parameters: Any, key: jax.Array, count: int) -> Float[Array, "n 6"]:
        return self._distribution(parameters, (count,)).sample(seed=key)

    def phases(self, stars: TrainingStars, config: FlowConfig) -> tuple[Phase, ...]:
        rows = lambda rotation: self.standardised(stars.w, rotation)  # noqa: E731
        return (Phase("likelihood", WHOLE, rows, likelihood_descent(self, config.joint.training), share=1.0),)

    def _flow(self, key: jax.Array) -> CouplingFlow:
        shape = (self.layers, self.hidden, self.components)
        return CouplingFlow(6, 0, *shape, kind=self.kind, rngs=nnx.Rngs(key))

    def _distribution(self, parameters: Any, shape: tuple[int, ...]) -> Any:
        return nnx.merge(_graph(self), parameters).distribution(jnp.zeros((*shape, 0)))


@dataclass(frozen=True)
class SplineFlow(JointFlow):
    """The same with rational-quadratic splines, whose second derivatives jump: for comparison."""

    name: ClassVar[str] = "spline"
    kind: ClassVar[str] = "spline"


def likelihood_descent(family: JointFlow, training: OptimizationConfig) -> Descent:
    """Maximum likelihood of the standardised stars."""

    def loss(parameters: Any, batch: Batch, key: jax.Array) -> Float[Array, ""]:
        return -batch.mean(family.log_prob(parameters, batch.rows))

    def score(parameters: Any, batch: Batch) -> Float[Array, "s 6"]:
        return jax.vmap(jax.grad(lambda u: family.log_prob(parameters, u)))(batch.rows[:WATCHED_STARS])

    return Descent(loss, training, watch=score)


@lru_cache(maxsize=64)
def _graph(family: JointFlow) -> nnx.GraphDef:
    return nnx.graphdef(family._flow(jax.random.key(0)))


@lru_cache(maxsize=64)
def _draws(family: WholeFlow) -> Callable[[FlowState, jax.Array], Array]:
    """``CHUNK`` heliocentric points from the whole flow, inside the region or not."""

    def draws(state: FlowState, key: jax.Array) -> Float[Array, "n 6"]:
        u = family.standard_draws(state.networks[WHOLE], key, CHUNK)
        x = jax.vmap(family.coordinates.inverse_place)(u[:, :3])
        v = jax.vmap(family.coordinates.inverse_velocity)(x, u[:, 3:] @ state.rotation.T)
        return jnp.concatenate([x, v], 1)

    return jax.jit(draws)
