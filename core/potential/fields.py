"""From a potential to what is observable: acceleration, density, circular velocity, all by differentiation.

Members of an ensemble share one compiled function of a single point, mapped over points and members; those of the
convex solver are evaluated together (:mod:`core.potential.merged`). Values are computed in double precision, because a
density is a second derivative.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core import ensemble
from core.array_types import MemberAcceleration, MemberPotential, PerStar, Positions
from core.phase_space.solar_position import SolarPosition
from core.potential import merged
from core.potential.basis import LinearModel
from core.units import FOUR_PI_G, PC3_PER_KPC3

_NARROW, _WIDE = 128, 4096
"""Points evaluated at once: two compiled shapes, whatever the number asked for."""


@runtime_checkable
class PotentialModel(Protocol):
    """One member at one heliocentric position; hashable, so that compiled functions are shared."""

    def __hash__(self) -> int: ...

    def potential(self, state: Any, x: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ [(km/s)²]."""

    def density(self, state: Any, x: Float[Array, "3"]) -> Float[Array, ""]:
        """∇²Φ/4πG [Msun/pc³]."""


@runtime_checkable
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

    ``pattern_speed`` [km/s/kpc] per member is None in an inertial frame, ``drift`` [km/s] where the frame has none: the
    velocity of its origin to the Galactic centre, with the rotation and to the north, or along the catalogue's axes.
    """

    model: PotentialModel
    states: Any
    pattern_speed: Float[np.ndarray, "k"] | None
    drift: Float[np.ndarray, "k 3"] | None = None

    @property
    def members(self) -> int:
        return ensemble.size(self.states)

    def potential(self, x: Positions) -> MemberPotential:
        """Φ [(km/s)²] of every member at heliocentric x [kpc]."""
        return self._evaluate("potential", x)

    def acceleration(self, x: Positions) -> MemberAcceleration:
        """-∇Φ [(km/s)²/kpc] of every member, on heliocentric axes."""
        return self._evaluate("acceleration", x)

    def density(self, x: Positions) -> MemberPotential:
        """ρ = ∇²Φ/4πG [Msun/pc³] of every member."""
        return self._evaluate("density", x)

    @property
    def best_pattern_speed(self) -> float | None:
        """Median over members [km/s/kpc]."""
        return None if self.pattern_speed is None else float(np.median(self.pattern_speed))

    @property
    def best_drift(self) -> Float[np.ndarray, "3"] | None:
        """Median over members [km/s], component by component."""
        return None if self.drift is None else np.median(self.drift, 0)

    def best(self) -> "MedianField":
        """The best estimate: the median over members of each quantity."""
        return MedianField(self)

    def take(self, members: slice) -> "PotentialEnsemble":
        """Some of the members."""
        speed = None if self.pattern_speed is None else self.pattern_speed[members]
        drift = None if self.drift is None else self.drift[members]
        return PotentialEnsemble(self.model, jax.tree.map(lambda leaf: leaf[members], self.states), speed, drift)

    @cached_property
    def _together(self) -> list[merged.MergedMembers] | None:
        """The members merged, where their model knows how."""
        if not isinstance(self.model, LinearModel):
            return None
        with jax.enable_x64(True):
            return merged.merged(self.states, self.model.degree)

    def _evaluate(self, quantity: str, x: Positions) -> np.ndarray:
        x = np.asarray(x, float)
        width = _WIDE if len(x) > _NARROW else _NARROW
        first = x[:1] if len(x) else np.zeros((1, 3))
        padded = np.concatenate([x, np.repeat(first, -len(x) % width if len(x) else width, axis=0)])
        with jax.enable_x64(True):
            parts = [jnp.asarray(part) for part in np.split(padded, len(padded) // width)]
            together = self._together
            if together is not None:
                function = getattr(_compiled_together(self.model), quantity)
                groups = [np.concatenate([np.asarray(function(g, part)) for part in parts], 1) for g in together]
                return np.concatenate(groups)[: self.members, : len(x)]
            function = getattr(_compiled(self.model), quantity)
            states = jax.tree.map(lambda leaf: np.asarray(leaf, float), self.states)
            # One member at a time: what is compiled then serves ensembles of every size.
            members = [
                np.concatenate([np.asarray(function(ensemble.member(states, k), part)) for part in parts])
                for k in range(self.members)
            ]
        return np.stack(members)[:, : len(x)]


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
    def acceleration(state: Any, x: Array) -> Array:
        return -jax.jacfwd(model.potential, argnums=1)(state, x)

    kernels = (model.potential, acceleration, model.density)
    return _Compiled(*(jax.jit(jax.vmap(kernel, in_axes=(None, 0))) for kernel in kernels))


@lru_cache(maxsize=8)
def _compiled_together(model: LinearModel) -> _Compiled:
    kernels = (merged.potential, merged.acceleration, merged.density)
    point = [lambda members, x, kernel=kernel: kernel(members, model.degree, x) for kernel in kernels]
    return _Compiled(*(jax.jit(jax.vmap(kernel, in_axes=(None, 0), out_axes=1)) for kernel in point))


def laplacian_density(potential: Callable[[Array], Array], x: Float[Array, "3"]) -> Float[Array, ""]:
    """∇²Φ/4πG [Msun/pc³] of any potential at one position, by differentiating twice along each axis."""

    def along(axis: Float[Array, "3"], function: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda point: jax.jvp(function, (point,), (axis,))[1]

    laplacian = sum(along(axis, along(axis, potential))(x) for axis in jnp.eye(3, dtype=x.dtype))
    return jnp.asarray(laplacian) / (FOUR_PI_G * PC3_PER_KPC3)


def circular_velocity(
    acceleration: Float[np.ndarray, "*m n 3"], x: Positions, sun: SolarPosition
) -> Float[np.ndarray, "*m n"]:
    """v_c = √(-R a_R) [km/s] from the acceleration about the Galactic axis; NaN where the force is outward."""
    outwards = sun.galactocentric_position(x) * [1.0, 1.0, 0.0] @ sun.axes
    squared = -np.einsum("...i,...i", acceleration, outwards)
    return np.sqrt(np.where(squared > 0, squared, np.nan))
