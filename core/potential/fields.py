"""From a potential to what is observable: acceleration, density, circular velocity, all by differentiation.

Members of an ensemble share one compiled function of a single point, mapped over points and members; values are
computed in double precision, because a density is a second derivative.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core import ensemble
from core.array_types import MemberAcceleration, MemberPotential, PerStar, Positions
from core.phase_space.solar_position import SolarPosition
from core.units import FOUR_PI_G, PC3_PER_KPC3

_CHUNK = 4096


class PotentialModel(Protocol):
    """Φ(x; state) of one member at one heliocentric position; hashable, so that compiled functions are shared."""

    def potential(self, state: Any, x: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ [(km/s)²]."""


class Field(Protocol):
    """Anything with a potential at points: a fitted ensemble's best estimate, or the truth of a mock."""

    def potential(self, x: Positions) -> PerStar:
        """Φ [(km/s)²] at heliocentric positions [kpc]."""

    def acceleration(self, x: Positions) -> Positions:
        """-∇Φ [(km/s)²/kpc] on heliocentric axes."""

    def density(self, x: Positions) -> PerStar:
        """∇²Φ/4πG [Msun/pc³]."""


@dataclass(frozen=True)
class PotentialEnsemble:
    """K potentials of one model: array in, array out (numpy, float64), all members at once.

    ``pattern_speed`` [km/s/kpc] per member is None in an inertial frame.
    """

    model: PotentialModel
    states: Any
    pattern_speed: Float[np.ndarray, "k"] | None  # noqa: F821

    @property
    def members(self) -> int:
        return ensemble.size(self.states)

    def potential(self, x: Positions) -> MemberPotential:
        """Φ [(km/s)²] of every member at heliocentric x [kpc]."""
        return self._evaluate(_compiled(self.model).potential, x)

    def acceleration(self, x: Positions) -> MemberAcceleration:
        """-∇Φ [(km/s)²/kpc] of every member, on heliocentric axes."""
        return self._evaluate(_compiled(self.model).acceleration, x)

    def density(self, x: Positions) -> MemberPotential:
        """ρ = ∇²Φ/4πG [Msun/pc³] of every member."""
        return self._evaluate(_compiled(self.model).density, x)

    @property
    def best_pattern_speed(self) -> float | None:
        """Median over members [km/s/kpc]."""
        return None if self.pattern_speed is None else float(np.median(self.pattern_speed))

    def best(self) -> "MedianField":
        """The best estimate: the median over members of each quantity."""
        return MedianField(self)

    def take(self, members: slice) -> "PotentialEnsemble":
        """Some of the members."""
        speed = None if self.pattern_speed is None else self.pattern_speed[members]
        return PotentialEnsemble(self.model, jax.tree.map(lambda leaf: leaf[members], self.states), speed)

    def _evaluate(self, function: Callable[[Any, Array], Array], x: Positions) -> np.ndarray:
        x = np.asarray(x, float)
        with jax.enable_x64(True):
            states = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), self.states)
            parts = []
            for start in range(0, max(len(x), 1), _CHUNK):
                part = x[start : start + _CHUNK]
                # Few shapes, each compiled once: powers of two up to the chunk.
                width = min(_CHUNK, 1 << max(len(part) - 1, 0).bit_length())
                padded = np.concatenate([part, np.repeat(part[:1], width - len(part), axis=0)])
                parts.append(np.asarray(function(states, jnp.asarray(padded)))[:, : len(part)])
        return np.concatenate(parts, 1)


@dataclass(frozen=True)
class MedianField:
    """Median over the members of an ensemble, quantity by quantity (PHYSICS 4)."""

    ensemble: PotentialEnsemble

    def potential(self, x: Positions) -> PerStar:
        """Median Φ [(km/s)²]."""
        return np.median(self.ensemble.potential(x), 0)

    def acceleration(self, x: Positions) -> Positions:
        """Median -∇Φ [(km/s)²/kpc], component by component."""
        return np.median(self.ensemble.acceleration(x), 0)

    def density(self, x: Positions) -> PerStar:
        """Median ρ [Msun/pc³]."""
        return np.median(self.ensemble.density(x), 0)


class _Compiled(NamedTuple):
    potential: Callable[[Any, Array], Array]
    acceleration: Callable[[Any, Array], Array]
    density: Callable[[Any, Array], Array]


@lru_cache(maxsize=32)
def _compiled(model: PotentialModel) -> _Compiled:
    def over_members_and_points(point: Callable[[Any, Array], Array]) -> Callable[[Any, Array], Array]:
        return jax.jit(jax.vmap(jax.vmap(point, in_axes=(None, 0)), in_axes=(0, None)))

    def acceleration(state: Any, x: Array) -> Array:
        return -jax.grad(model.potential, argnums=1)(state, x)

    def density(state: Any, x: Array) -> Array:
        return jnp.trace(jax.hessian(model.potential, argnums=1)(state, x)) / (FOUR_PI_G * PC3_PER_KPC3)

    return _Compiled(*(over_members_and_points(f) for f in (model.potential, acceleration, density)))


def circular_velocity(acceleration: Positions, x: Positions, sun: SolarPosition) -> PerStar:
    """v_c = √(-R a_R) [km/s] from the radial acceleration about the Galactic axis; NaN where the force is outward."""
    X = sun.galactocentric_position(x)
    a = acceleration @ sun.axes.T
    squared = -(X[:, 0] * a[:, 0] + X[:, 1] * a[:, 1])
    return np.sqrt(np.where(squared > 0, squared, np.nan))
