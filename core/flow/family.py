"""What a family of flows must give: ln f of a point, stars drawn from it, and how its networks are trained.

A family is a frozen value: the shape of the networks and the change of variables. Everything that is learned is in a
``FlowState``, a pytree, so members of an ensemble stack, and compiled functions are shared by all of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Labels, PerStar, PhaseSpace
from core.config import FlowConfig
from core.flow.coordinates_of_flow import FlowCoordinates
from core.flow.spatial_density import BallProposal
from core.optimization import Descent
from core.phase_space.region import Region

WATCHED_STARS = 512
"""Held-out stars whose scores say whether a descent has settled."""


class FlowState(NamedTuple):
    """Parameters of one member: a pytree.

    ``networks`` holds the parameters of each network by name, ``rotation`` the orthogonal matrix by which the member
    turns its standardised velocities, ``log_normaliser`` what is taken from ln f so that it is normalised over the
    region.
    """

    networks: dict[str, Any]
    rotation: Float[Array, "3 3"]
    log_normaliser: Float[Array, ""]


@dataclass(frozen=True)
class TrainingStars:
    """The stars at ``w`` [kpc, km/s] with their weights (mean one), the volume they fill and where they are in it."""

    w: PhaseSpace
    weight: PerStar
    region: Region
    proposal: BallProposal


@dataclass(frozen=True, eq=False)
class Phase:
    """One descent of a member's training.

    It moves the parameters called ``network``. ``rows(rotation)`` are what the loss is told of each star; at most
    ``judged`` of the held-out ones are scored at a report. ``share`` is its part of the time of a member.
    """

    name: str
    network: str
    rows: Callable[[Float[Array, "3 3"]], Float[Array, "n d"]]
    descent: Descent
    share: float
    judged: int = 16_384


class Batch(NamedTuple):
    """What a loss sees: rows of stars and their weights."""

    rows: Float[Array, "b d"]
    weight: Float[Array, " b"]

    def mean(self, values: Float[Array, " b"]) -> Float[Array, ""]:
        """Weighted mean over the batch."""
        return jnp.sum(self.weight * values) / jnp.sum(self.weight)


@dataclass(frozen=True)
class Family(ABC):
    """A kind of flow, written for one point; hashable."""

    name: ClassVar[str]
    is_conditional: ClassVar[bool] = False
    """Whether ln f stands for ln p(v | x): the density of stars in space is no part of it."""

    coordinates: FlowCoordinates

    @abstractmethod
    def networks(self, key: jax.Array) -> dict[str, Any]:
        """Fresh parameters of all networks."""

    @abstractmethod
    def log_df(self, state: FlowState, w: Float[Array, "6"]) -> Float[Array, ""]:
        """ln f [kpc⁻³ (km/s)⁻³] at one point."""

    @abstractmethod
    def draw(
        self, state: FlowState, key: jax.Array, n: int, *, region: Region, proposal: BallProposal
    ) -> Float[np.ndarray, "n 6"]:
        """``n`` stars inside the region, in random order."""

    def solved(self, stars: TrainingStars, rows: Labels) -> dict[str, Any]:
        """Parameters of the networks that the training stars, those in ``rows``, determine without a descent."""
        return {}

    @abstractmethod
    def phases(self, stars: TrainingStars, config: FlowConfig) -> tuple[Phase, ...]:
        """The descents by which a member is trained, in order."""

    @abstractmethod
    def finish(
        self, networks: dict[str, Any], rotation: Float[Array, "3 3"], stars: TrainingStars, held_out: PhaseSpace
    ) -> FlowState:
        """The trained member with its normaliser; TrainingError where it fails a check of its family."""

    def turned(self, w: PhaseSpace, rotation: Float[Array, "3 3"]) -> Float[Array, "n 3"]:
        """Standardised velocities of many stars as a member sees them."""
        return jax.jit(jax.vmap(self.coordinates.velocity))(jnp.asarray(w, float)) @ rotation

    def to_json(self) -> dict[str, Any]:
        """Plain values with the ``family``'s name."""
        return {"family": self.name, **asdict(self)}


def seed_words(key: jax.Array) -> list[int]:
    """A seed for numpy from a JAX key."""
    return [int(word) for word in np.asarray(jax.random.key_data(key))]
