"""A model of the baryons near the Sun: components of known density, height and error, drawn as an ensemble.

ρ(R, Z) = Σ ρ_c s_c(Z) exp(−(R − R0)/L_c). A mean over a volume is linear in the densities ρ_c, so one mean of each
component serves the estimate and all draws of its error.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from core.array_types import PerStar, Positions
from core.phase_space.solar_position import SolarPosition

DRAWS = 1009
"""Draws of the baryons' error; a prime, so that a lattice of them meets every value of every component once."""

_STEP = 390
"""Generates the lattice; of a few multipliers that with the most even sums of up to six components."""

MIDPLANE = "midplane"
"""The profile of a component that is known in the midplane alone."""

_IN_PLANE = 1e-6
"""Height [kpc] that is the midplane but for rounding."""


def _sech2(u: PerStar) -> PerStar:
    fall = np.exp(-2 * np.abs(u))
    return 4 * fall / (1 + fall) ** 2


PROFILES: Mapping[str, Callable[[PerStar], PerStar]] = {
    "sech2": _sech2,
    "exponential": lambda u: np.exp(-np.abs(u)),
    "gaussian": lambda u: np.exp(-(u**2) / 2),
}
"""Falls with u = Z / height, 1 in the midplane; the height of a Gaussian is its standard deviation."""


@dataclass(frozen=True)
class Component:
    """A disc of stars or gas: its midplane ``density`` at R0 and one-sigma ``error`` [Msun/pc³].

    ``height`` and ``length`` [kpc] are those of its profile and of its exponential fall with R; infinite where it does
    not fall. Components of one ``group`` err together.
    """

    name: str
    density: float
    error: float
    profile: str = MIDPLANE
    height: float = math.inf
    length: float = math.inf
    group: str = ""

    def at(self, R: PerStar, Z: PerStar, R0: float) -> PerStar:
        """Density [Msun/pc³] at Galactocentric R and Z [kpc]; NaN where it is not known."""
        if self.profile == MIDPLANE:
            return np.where(np.abs(Z) < _IN_PLANE, self.density, np.nan)
        return self.density * PROFILES[self.profile](Z / self.height) * np.exp(-(R - R0) / self.length)


@dataclass(frozen=True)
class BaryonModel:
    """Components with a name and the source of their values."""

    name: str
    source: str
    components: tuple[Component, ...]

    @property
    def midplane(self) -> tuple[float, float]:
        """Density in the midplane at R0 and its error [Msun/pc³]."""
        return sum(c.density for c in self.components), float(np.hypot.reduce(list(self._errors().values())))

    @property
    def has_heights(self) -> bool:
        """Whether the density is known away from the midplane too."""
        return all(c.profile != MIDPLANE for c in self.components)

    def at(self, x: Positions, sun: SolarPosition) -> PerStar:
        """Density [Msun/pc³] at heliocentric places x [kpc]; NaN where the model does not reach."""
        return np.sum(self._densities(x, sun), 0)

    def _errors(self) -> dict[str, float]:
        """The error of each group: those of its components, which err together, added up."""
        errors: dict[str, float] = {}
        for c in self.components:
            errors[c.group or c.name] = errors.get(c.group or c.name, 0.0) + c.error
        return errors

    def mean(self, x: Positions, sun: SolarPosition) -> float:
        """Mean density [Msun/pc³] over heliocentric places x [kpc]; NaN where the model does not reach all of them."""
        return float(sum(self._means(x, sun)))

    def deviations(self, x: Positions, sun: SolarPosition) -> Float[np.ndarray, "draws"]:
        """Draws of the error of :meth:`mean` [Msun/pc³]; the same number of another volume is the same draw."""
        groups = list(self._errors())
        drawn = dict(zip(groups, _normal(len(groups)), strict=True))
        share = [c.error / c.density if c.density else 0.0 for c in self.components]
        means = self._means(x, sun)
        return sum(
            (m * s * drawn[c.group or c.name] for m, s, c in zip(means, share, self.components, strict=True)),
            np.zeros(DRAWS),
        )

    def _means(self, x: Positions, sun: SolarPosition) -> list[float]:
        return [float(np.mean(density)) for density in self._densities(x, sun)]

    def _densities(self, x: Positions, sun: SolarPosition) -> list[PerStar]:
        """Of every component."""
        X = sun.galactocentric_position(x)
        R = np.hypot(X[:, 0], X[:, 1])
        return [c.at(R, X[:, 2], sun.R0) for c in self.components]


def one_number(density: float, error: float) -> BaryonModel:
    """The model that knows nothing but a midplane density and its error [Msun/pc³]."""
    return BaryonModel(MIDPLANE, "one number for the midplane", (Component("baryons", density, error),))


def _normal(groups: int) -> Float[np.ndarray, "groups draws"]:
    """Equally probable values of a Gaussian for each group, even in all groups together: a lattice, decorrelated."""
    places = np.arange(DRAWS) * np.array([pow(_STEP, k, DRAWS) for k in range(groups)])[:, None] % DRAWS
    rows = ndtri((places + 0.5) / DRAWS)
    return np.linalg.solve(np.linalg.cholesky(np.atleast_2d(np.cov(rows))), rows)
