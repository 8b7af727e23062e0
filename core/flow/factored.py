"""f(x, v) = n(x) p(v | x), the default family: each fitted alone.

``conditional`` leaves n(x) out of ln f: dust, the depth of a survey or any other selection by place changes n but not
p(v | x) (Kalda & Green 2025, arXiv 2512.02115). The density of the catalogue's stars is fitted all the same, so that
samples can be compared with the data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import distrax
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from scipy.special import logsumexp

from core.array_types import Labels, PhaseSpace, Positions
from core.config import FlowConfig
from core.flow.chunks import CHUNK, in_chunks, padded
from core.flow.coupling import CouplingFlow
from core.flow.family import WATCHED_STARS, Batch, Family, FlowState, Phase, TrainingStars, seed_words
from core.flow.log_linear import fit_log_linear
from core.flow.skeleton import Skeleton
from core.flow.spatial_density import BallProposal, Quadrature, quadrature
from core.optimization import Descent
from core.phase_space.region import Region

DENSITY, VELOCITY = "density", "velocity"
_NODES = 65_536
"""Quadrature points of the region."""


@dataclass(frozen=True)
class FactoredFlow(Family):
    """A sum of smooth functions for ln n(x), with ``waves`` among them, and a coupling flow for p(v | x)."""

    name: ClassVar[str] = "factored"

    waves: int
    layers: int
    hidden: int
    components: int

    def networks(self, key: jax.Array) -> dict[str, Any]:
        return {DENSITY: jnp.zeros(len(self.skeleton.groups)), VELOCITY: nnx.state(self._coupling(nnx.Rngs(key)))}

    @property
    def skeleton(self) -> Skeleton:
        """The functions whose sum is ln n."""
        return Skeleton(self.coordinates, self.waves)

    def _coupling(self, rngs: nnx.Rngs) -> CouplingFlow:
        shape = (self.layers, self.hidden, self.components)
        return CouplingFlow(3, self.coordinates.features, *shape, rngs=rngs)

    def log_df(self, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
        return self.log_density(state, w[:3]) + self.log_velocity_density(state, w)

    def log_density(self, state: FlowState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """ln n [kpc⁻³] of the catalogue's stars at one position."""
        return self.skeleton(x) @ state.networks[DENSITY] - state.log_normaliser

    def log_velocity_density(self, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
        """ln p(v | x) [(km/s)⁻³] at one point."""
        flow = self._velocity_flow(state.networks[VELOCITY], self.coordinates.position(w[:3]))
        turned = self.coordinates.velocity(w) @ state.rotation
        return flow.log_prob(turned) - self.coordinates.log_velocity_volume

    def draw(
        self, state: FlowState, key: jax.Array, n: int, *, region: Region, proposal: BallProposal
    ) -> Float[np.ndarray, "n 6"]:
        position_key, velocity_key = jax.random.split(key)
        x = self._draw_positions(np.random.default_rng(seed_words(position_key)), state, n, region, proposal)
        return np.concatenate([x, self.draw_velocities(state, velocity_key, x)], 1)

    def draw_velocities(self, state: FlowState, key: jax.Array, x: Positions) -> Float[np.ndarray, "n 3"]:
        """Velocities [km/s] from p(v | x), one at each position."""
        f = _compiled(self).velocities
        v = [f(state, jax.random.fold_in(key, i), part)[:count] for i, (part, count) in enumerate(padded(x))]
        return np.concatenate([np.asarray(part) for part in v])

    def _draw_positions(
        self, rng: np.random.Generator, state: FlowState, n: int, region: Region, proposal: BallProposal
    ) -> Positions:
        """Rejection from the proposal: exact but for the bound, which is taken a fifth above the largest ratio seen."""
        log_n = _compiled(self).log_density
        kept: list[np.ndarray] = []
        bound = -np.inf
        while sum(map(len, kept)) < n:
            trial = proposal.points(rng.random((max(4 * n, CHUNK), 3)))
            ratio = in_chunks(lambda part: log_n(state, part), trial.x) + np.log(trial.volume)
            inside = region.contains_positions(trial.x, self.coordinates.sun)
            bound = max(bound, float(np.max(ratio[inside], initial=-np.inf)) + 0.2)
            keep = inside & (np.log(rng.random(len(ratio))) < ratio - bound)
            kept.append(trial.x[keep])
        return np.concatenate(kept)[:n]

    def solved(self, stars: TrainingStars, rows: Labels) -> dict[str, Any]:
        """ln n is convex in its coefficients: they are found at once, from all stars."""
        parts, weight = padded(stars.w[rows, :3]), np.asarray(stars.weight[rows], float)
        skeleton, total = _compiled(self).skeleton, np.zeros(len(self.skeleton.groups))
        for i, (part, count) in enumerate(parts):
            total += weight[i * CHUNK : i * CHUNK + count] @ np.asarray(skeleton(part)[:count], float)
        nodes = self._nodes(stars)
        fit = fit_log_linear(
            total / weight.sum(),
            float(weight.sum() ** 2 / np.sum(weight**2)),
            in_chunks(skeleton, nodes.x).astype(float),
            nodes.volume,
            self.skeleton.groups,
        )
        return {DENSITY: jnp.asarray(fit.coefficients, float)}

    def phases(self, stars: TrainingStars, config: FlowConfig) -> tuple[Phase, ...]:
        features = jax.jit(jax.vmap(self.coordinates.position))(jnp.asarray(stars.w[:, :3], float))
        velocity = Descent(self._velocity_loss, config.velocity.training, watch=self._velocity_score)
        rows = lambda rotation: jnp.concatenate([self.turned(stars.w, rotation), features], 1)  # noqa: E731
        return (Phase(VELOCITY, VELOCITY, rows, velocity, share=1.0),)

    def finish(
        self, networks: dict[str, Any], rotation: Float[Array, "3 3"], stars: TrainingStars, held_out: PhaseSpace
    ) -> FlowState:
        nodes = self._nodes(stars)
        psi = in_chunks(_compiled(self).skeleton, nodes.x).astype(float) @ np.asarray(networks[DENSITY], float)
        return FlowState(networks, rotation, jnp.asarray(logsumexp(psi, b=nodes.volume), rotation.dtype))

    def _nodes(self, stars: TrainingStars) -> Quadrature:
        return quadrature(stars.proposal, stars.region, self.coordinates.sun, _NODES)

    def _velocity_loss(self, parameters: Any, batch: Batch, key: jax.Array) -> Float[Array, ""]:
        flow = self._velocity_flow(parameters, batch.rows[:, 3:])
        return -batch.mean(flow.log_prob(batch.rows[:, :3]))

    def _velocity_score(self, parameters: Any, batch: Batch) -> Float[Array, "s 3"]:
        """∂ ln p/∂v of some stars, in the standardised velocity."""
        some = batch.rows[:WATCHED_STARS]
        one = lambda u, features: self._velocity_flow(parameters, features).log_prob(u)  # noqa: E731
        return jax.vmap(jax.grad(one))(some[:, :3], some[:, 3:])

    def _velocity_flow(self, parameters: Any, features: Float[Array, "*n f"]) -> distrax.Distribution:
        return nnx.merge(_graph(self), parameters).distribution(features)


@dataclass(frozen=True)
class ConditionalFlow(FactoredFlow):
    """p(v | x) alone, for catalogues whose selection by place is not known."""

    name: ClassVar[str] = "conditional"
    is_conditional: ClassVar[bool] = True

    def log_df(self, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
        return self.log_velocity_density(state, w)


@lru_cache(maxsize=64)
def _graph(family: FactoredFlow) -> nnx.GraphDef:
    """Static structure of the coupling flow."""
    return nnx.graphdef(family._coupling(nnx.Rngs(0)))


class _Compiled(NamedTuple):
    log_density: Callable[..., Array]
    skeleton: Callable[..., Array]
    velocities: Callable[..., Array]


@lru_cache(maxsize=64)
def _compiled(family: FactoredFlow) -> _Compiled:
    def log_density(state: FlowState, x: Float[Array, "n 3"]) -> Array:
        return jax.vmap(lambda point: family.log_density(state, point))(x)

    def velocities(state: FlowState, key: jax.Array, x: Float[Array, "n 3"]) -> Array:
        features = jax.vmap(family.coordinates.position)(x)
        turned = family._velocity_flow(state.networks[VELOCITY], features).sample(seed=key)
        return jax.vmap(family.coordinates.inverse_velocity)(x, turned @ state.rotation.T)

    return _Compiled(jax.jit(log_density), jax.jit(jax.vmap(family.skeleton)), jax.jit(velocities))
