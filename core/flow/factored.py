"""f(x, v) = n(x) p(v | x), the default family: two networks, each fitted alone.

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

from core.array_types import PhaseSpace, Positions
from core.config import FlowConfig
from core.flow.chunks import CHUNK, in_chunks, padded
from core.flow.coupling import CouplingFlow
from core.flow.family import WATCHED_STARS, Batch, Family, FlowState, Phase, TrainingStars, seed_words, without
from core.flow.spatial_density import BallProposal, LogDensityNetwork, best_linear, log_normaliser, quadrature
from core.optimization import Descent
from core.phase_space.region import Region

DENSITY, VELOCITY = "density", "velocity"
_FINE_NODES = 65_536


@dataclass(frozen=True)
class FactoredFlow(Family):
    """A small network for ln n(x) and a coupling flow for p(v | x)."""

    name: ClassVar[str] = "factored"

    density_hidden: int
    layers: int
    hidden: int
    components: int

    def networks(self, key: jax.Array) -> dict[str, Any]:
        density_key, velocity_key = jax.random.split(key)
        features = self.coordinates.features
        density = LogDensityNetwork(features, self.density_hidden, rngs=nnx.Rngs(density_key))
        shape = (self.layers, self.hidden, self.components)
        velocity = CouplingFlow(3, features, *shape, rngs=nnx.Rngs(velocity_key))
        return {DENSITY: nnx.state(density), VELOCITY: nnx.state(velocity)}

    def log_df(self, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
        return self.log_density(state, w[:3]) + self.log_velocity_density(state, w)

    def log_density(self, state: FlowState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """ln n [kpc⁻³] of the catalogue's stars at one position."""
        network = nnx.merge(_graphs(self)[0], state.networks[DENSITY])
        return network(self.coordinates.position(x)) - state.log_normaliser

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

    def phases(self, stars: TrainingStars, config: FlowConfig) -> tuple[Phase, ...]:
        features = jax.jit(jax.vmap(self.coordinates.position))(jnp.asarray(stars.w[:, :3], float))
        density = Descent(
            self._density_loss(stars, config.density.nodes),
            config.density.training,
            # The skip carries the gross gradient of ln n: to decay it would flatten the disc.
            decay=without("skip", self.networks(jax.random.key(0))[DENSITY]),
        )
        velocity = Descent(self._velocity_loss, config.velocity.training, watch=self._velocity_score)
        return (
            Phase(DENSITY, DENSITY, lambda _: features, density, share=0.2, start=self._density_start(stars)),
            Phase(
                VELOCITY,
                VELOCITY,
                lambda rotation: jnp.concatenate([self.turned(stars.w, rotation), features], 1),
                velocity,
                share=0.8,
            ),
        )

    def finish(
        self, networks: dict[str, Any], rotation: Float[Array, "3 3"], stars: TrainingStars, held_out: PhaseSpace
    ) -> FlowState:
        """The normaliser is computed anew, on a quadrature sixteen times finer than the training's."""
        network = nnx.merge(_graphs(self)[0], networks[DENSITY])
        return FlowState(networks, rotation, log_normaliser(network, *self._nodes(stars, _FINE_NODES)))

    def _nodes(self, stars: TrainingStars, count: int) -> tuple[Float[Array, "q f"], Float[Array, " q"]]:
        """Features and volumes [kpc³] of quadrature points in the region."""
        nodes = quadrature(stars.proposal, stars.region, self.coordinates.sun, count)
        features = jax.jit(jax.vmap(self.coordinates.position))(jnp.asarray(nodes.x, float))
        return features, jnp.asarray(nodes.volume, float)

    def _density_loss(self, stars: TrainingStars, nodes: int) -> Callable[[Any, Batch, jax.Array], Array]:
        features, volume = self._nodes(stars, nodes)

        def loss(parameters: Any, batch: Batch, key: jax.Array) -> Float[Array, ""]:
            network = nnx.merge(_graphs(self)[0], parameters)
            return log_normaliser(network, features, volume) - batch.mean(network(batch.rows))

        return loss

    def _density_start(self, stars: TrainingStars) -> Callable[[Any, Batch], Any]:
        """Descend from the best linear ln n: batches of stars would find it too slowly, and only nearly."""

        def start(parameters: Any, training: Batch) -> Any:
            nodes, volume = (np.asarray(part, float) for part in self._nodes(stars, _FINE_NODES))
            mean = np.average(np.asarray(training.rows, float), axis=0, weights=np.asarray(training.weight, float))
            skip = best_linear(mean, len(training.rows), nodes, volume)
            return nnx.state(nnx.merge(_graphs(self)[0], parameters).with_skip(skip))

        return start

    def _velocity_loss(self, parameters: Any, batch: Batch, key: jax.Array) -> Float[Array, ""]:
        flow = self._velocity_flow(parameters, batch.rows[:, 3:])
        return -batch.mean(flow.log_prob(batch.rows[:, :3]))

    def _velocity_score(self, parameters: Any, batch: Batch) -> Float[Array, "s 3"]:
        """∂ ln p/∂v of some stars, in the standardised velocity."""
        some = batch.rows[:WATCHED_STARS]
        one = lambda u, features: self._velocity_flow(parameters, features).log_prob(u)  # noqa: E731
        return jax.vmap(jax.grad(one))(some[:, :3], some[:, 3:])

    def _velocity_flow(self, parameters: Any, features: Float[Array, "*n f"]) -> distrax.Distribution:
        return nnx.merge(_graphs(self)[1], parameters).distribution(features)


@dataclass(frozen=True)
class ConditionalFlow(FactoredFlow):
    """p(v | x) alone, for catalogues whose selection by place is not known."""

    name: ClassVar[str] = "conditional"
    is_conditional: ClassVar[bool] = True

    def log_df(self, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
        return self.log_velocity_density(state, w)


@lru_cache(maxsize=64)
def _graphs(family: FactoredFlow) -> tuple[nnx.GraphDef, nnx.GraphDef]:
    """Static structure of the two networks."""
    features = family.coordinates.features
    density = LogDensityNetwork(features, family.density_hidden, rngs=nnx.Rngs(0))
    velocity = CouplingFlow(3, features, family.layers, family.hidden, family.components, rngs=nnx.Rngs(0))
    return nnx.graphdef(density), nnx.graphdef(velocity)


class _Compiled(NamedTuple):
    log_density: Callable[..., Array]
    velocities: Callable[..., Array]


@lru_cache(maxsize=64)
def _compiled(family: FactoredFlow) -> _Compiled:
    def log_density(state: FlowState, x: Float[Array, "n 3"]) -> Array:
        return jax.vmap(lambda point: family.log_density(state, point))(x)

    def velocities(state: FlowState, key: jax.Array, x: Float[Array, "n 3"]) -> Array:
        features = jax.vmap(family.coordinates.position)(x)
        turned = family._velocity_flow(state.networks[VELOCITY], features).sample(seed=key)
        return jax.vmap(family.coordinates.inverse_velocity)(x, turned @ state.rotation.T)

    return _Compiled(jax.jit(log_density), jax.jit(velocities))
