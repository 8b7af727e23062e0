"""f(x, v) = n(x) p(v | x) of an ensemble of flows: ln f, its score, and samples, per member and combined.

The best estimate at a point is the median over members of ln f and of each derivative (PHYSICS 2); samples are drawn
from the mixture of the members. Beyond the fitted volume ln n is continued smoothly: ask ``inside`` where it counts.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from core import ensemble
from core.array_types import Mask, MemberLogDF, MemberScore, PerStar, PhaseSpace
from core.flow import coordinates_of_flow
from core.flow.coordinates_of_flow import FlowCoordinates
from core.flow.coupling import VelocityFlow
from core.flow.spatial_density import BallProposal, LogDensityNetwork
from core.phase_space.region import Region

CHUNK = 8192
"""Points evaluated at once: one compiled shape whatever the number asked for."""


@dataclass(frozen=True)
class Architecture:
    """The shape of the networks and the change of variables; hashable, so that compiled functions are shared."""

    coordinates: FlowCoordinates
    density_hidden: int
    layers: int
    hidden: int
    components: int

    def density(self, key: jax.Array) -> LogDensityNetwork:
        """A fresh network for ln n(x)."""
        return LogDensityNetwork(self.coordinates.features, self.density_hidden, rngs=nnx.Rngs(key))

    def velocity(self, key: jax.Array) -> VelocityFlow:
        """A fresh flow for p(v | x)."""
        return VelocityFlow(self.coordinates.features, self.layers, self.hidden, self.components, rngs=nnx.Rngs(key))

    def to_json(self) -> dict[str, Any]:
        """Plain values; :func:`architecture_from_json` is the inverse."""
        return asdict(self)


def architecture_from_json(values: dict[str, Any]) -> Architecture:
    """The architecture that ``to_json`` wrote."""
    return Architecture(**{**values, "coordinates": coordinates_of_flow.from_json(values["coordinates"])})


class FlowState(NamedTuple):
    """Parameters of one member: a pytree. ``rotation`` turns the standardised velocity, at random for each member."""

    density: Any
    velocity: Any
    rotation: Float[Array, "3 3"]
    log_normaliser: Float[Array, ""]


@lru_cache(maxsize=64)
def graphs(architecture: Architecture) -> tuple[nnx.GraphDef, nnx.GraphDef]:
    """Static structure of the two networks."""
    key = jax.random.key(0)
    return nnx.graphdef(architecture.density(key)), nnx.graphdef(architecture.velocity(key))


def log_df_of_point(architecture: Architecture, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
    """ln f [kpc⁻³ (km/s)⁻³] of one member at one point."""
    density_graph, velocity_graph = graphs(architecture)
    coordinates = architecture.coordinates
    features = coordinates.position(w[:3])
    log_density = nnx.merge(density_graph, state.density)(features) - state.log_normaliser
    flow = nnx.merge(velocity_graph, state.velocity).distribution(features)
    turned = coordinates.velocity(w) @ state.rotation
    return log_density + flow.log_prob(turned) - coordinates.log_velocity_volume


class _Compiled(NamedTuple):
    log_df: Callable[..., Array]
    log_df_and_score: Callable[..., Array]
    log_density: Callable[..., Array]
    velocities: Callable[..., Array]


@lru_cache(maxsize=64)
def _compiled(architecture: Architecture) -> _Compiled:
    def log_df(state: FlowState, w: Float[Array, "n 6"]) -> Array:
        return jax.vmap(lambda point: log_df_of_point(architecture, state, point))(w)

    def log_df_and_score(state: FlowState, w: Float[Array, "n 6"]) -> Float[Array, "n 7"]:
        both = jax.vmap(jax.value_and_grad(lambda point: log_df_of_point(architecture, state, point)))(w)
        return jnp.column_stack(both)

    def log_density(state: FlowState, x: Float[Array, "n 3"]) -> Array:
        network = nnx.merge(graphs(architecture)[0], state.density)
        return network(jax.vmap(architecture.coordinates.position)(x)) - state.log_normaliser

    def velocities(state: FlowState, key: jax.Array, x: Float[Array, "n 3"]) -> Array:
        features = jax.vmap(architecture.coordinates.position)(x)
        flow = nnx.merge(graphs(architecture)[1], state.velocity).distribution(features)
        turned = flow.sample(seed=key)
        return jax.vmap(architecture.coordinates.inverse_velocity)(x, turned @ state.rotation.T)

    return _Compiled(*(jax.jit(f) for f in (log_df, log_df_and_score, log_density, velocities)))


@dataclass(frozen=True)
class FlowEnsemble:
    """M independent flows of one architecture: array in, array out (numpy).

    ``states`` is a stacked FlowState, ``half`` tells on which half of the stars a member was trained.
    """

    architecture: Architecture
    region: Region
    proposal: BallProposal
    states: FlowState
    half: Int[np.ndarray, "m"]

    @property
    def members(self) -> int:
        return ensemble.size(self.states)

    def log_df(self, w: PhaseSpace) -> MemberLogDF:
        """ln f [kpc⁻³ (km/s)⁻³] of every member at heliocentric w [kpc, km/s]."""
        f = _compiled(self.architecture).log_df
        return np.stack([in_chunks(partial(f, state), w) for state in self._each()])

    def log_df_and_score(self, w: PhaseSpace) -> tuple[MemberLogDF, MemberScore]:
        """ln f and ∂ln f/∂w [per kpc, per km/s] of every member."""
        f = _compiled(self.architecture).log_df_and_score
        both = [in_chunks(partial(f, state), w) for state in self._each()]
        return np.stack([b[:, 0] for b in both]), np.stack([b[:, 1:] for b in both])

    def score(self, w: PhaseSpace) -> MemberScore:
        """∂ln f/∂w [per kpc, per km/s] of every member."""
        return self.log_df_and_score(w)[1]

    def inside(self, w: PhaseSpace) -> Mask:
        """True where the position lies in the fitted volume."""
        return self.region.contains_positions(np.asarray(w[:, :3], float), self.architecture.coordinates.sun)

    def sample(self, key: jax.Array, n: int) -> PhaseSpace:
        """``n`` stars drawn from the mixture of the members, in random order."""
        keys = jax.random.split(key, self.members + 1)
        counts = np.diff(np.linspace(0, n, self.members + 1).astype(int))
        drawn = [self._sample_member(k, s, int(c)) for k, s, c in zip(keys, self._each(), counts, strict=False)]
        order = np.random.default_rng(_seed(keys[-1])).permutation(n)
        return np.concatenate(drawn)[order]

    def _sample_member(self, key: jax.Array, state: FlowState, n: int) -> PhaseSpace:
        position_key, velocity_key = jax.random.split(key)
        x = self._sample_positions(np.random.default_rng(_seed(position_key)), state, n)
        f = _compiled(self.architecture).velocities
        v = [f(state, jax.random.fold_in(velocity_key, i), part)[:count] for i, (part, count) in enumerate(_padded(x))]
        return np.concatenate([x, np.concatenate([np.asarray(part) for part in v])], 1)

    def _sample_positions(self, rng: np.random.Generator, state: FlowState, n: int) -> Float[np.ndarray, "n 3"]:
        """Rejection from the proposal: exact but for the bound, which is taken a fifth above the largest ratio seen."""
        sun, log_n = self.architecture.coordinates.sun, _compiled(self.architecture).log_density
        kept: list[np.ndarray] = []
        bound = -np.inf
        while sum(map(len, kept)) < n:
            trial = self.proposal.points(rng.random((max(4 * n, CHUNK), 3)))
            ratio = in_chunks(lambda part: log_n(state, part), trial.x) + np.log(trial.volume)
            inside = self.region.contains_positions(trial.x, sun)
            bound = max(bound, float(np.max(ratio[inside], initial=-np.inf)) + 0.2)
            keep = inside & (np.log(rng.random(len(ratio))) < ratio - bound)
            kept.append(trial.x[keep])
        return np.concatenate(kept)[:n]

    def _each(self) -> list[FlowState]:
        return [ensemble.member(self.states, i) for i in range(self.members)]


def in_chunks(function: Callable[[Array], Array], points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n *out"]:
    """``function`` of all rows, ``CHUNK`` at a time in one compiled shape."""
    return np.concatenate([np.asarray(function(part))[:count] for part, count in _padded(points)])


def _padded(points: Float[np.ndarray, "n d"]) -> list[tuple[Array, int]]:
    """Slices of ``CHUNK`` rows and how many of each are real; a short last one repeats its first row."""
    parts = []
    for start in range(0, max(len(points), 1), CHUNK):
        part = np.asarray(points[start : start + CHUNK])
        fill = np.repeat(part[:1], CHUNK - len(part), axis=0)
        parts.append((jnp.asarray(np.concatenate([part, fill]), float), len(part)))
    return parts


def _seed(key: jax.Array) -> list[int]:
    return [int(word) for word in np.asarray(jax.random.key_data(key))]


def best_log_df(log_df: MemberLogDF) -> PerStar:
    """ln of the median over members of f."""
    return np.log(ensemble.median(np.exp(log_df - log_df.max(0)))) + log_df.max(0)
