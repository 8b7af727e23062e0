"""How far a survey or a dust map sees: the largest distance from the Sun in each direction, on a HEALPix map.

It selects by position alone and is bounded, so it can be the support of n(x).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from core.array_types import Mask, Positions
from core.errors import RegionError
from core.phase_space.region_algebra import BoundingBall, Columns, Region

FINEST = 128
"""Largest nside, half a degree: every run that uses a map holds all of it."""

_NSIDES = frozenset(2**level for level in range(FINEST.bit_length()))

_BLOCK = 1 << 18
"""Stars looked up at once: what is computed on the way stays at tens of megabytes, however many there are."""


@dataclass(frozen=True)
class DistanceMask(Region):
    """``r <= distances[pixel]`` [kpc] in the HEALPix pixel of the star's Galactic direction (l, b).

    ``distances`` are in RING order, or NESTED where ``nested``; 0 where nothing is seen.
    """

    distances: tuple[float, ...]
    nested: bool = False
    kind: ClassVar[str] = "distance_mask"

    def __post_init__(self) -> None:
        if self.nside not in _NSIDES or len(self.distances) != 12 * self.nside**2:
            raise RegionError(
                f"a distance mask of {len(self.distances)} pixels is no HEALPix map",
                remedy=f"Give 12 nside² distances with nside a power of two, at most {FINEST}.",
            )
        bad = next((i for i, d in enumerate(self.distances) if not 0 <= d < math.inf), None)
        if bad is not None:
            raise RegionError(
                f"a distance mask reaches {self.distances[bad]:g} kpc in pixel {bad}",
                remedy="Give finite distances, and 0 where nothing is seen.",
            )
        if not any(self.distances):
            raise RegionError(
                "a distance mask of zeros alone has no volume", remedy="Give distances [kpc] where stars are seen."
            )

    @property
    def nside(self) -> int:
        """Pixels along a side of the twelve base pixels of the map."""
        return math.isqrt(len(self.distances) // 12)

    def contains(self, columns: Columns) -> Mask:
        xyz = [columns(name) for name in "xyz"]
        limits = np.square(self.distances)
        inside = np.zeros(len(xyz[0]), bool)
        for first in range(0, len(inside), _BLOCK):
            rows = slice(first, first + _BLOCK)
            inside[rows] = self._contains(np.stack([c[rows] for c in xyz], 1).astype(float), limits)
        return inside

    def _contains(self, x: Positions, squared_limits: Float[np.ndarray, "p"]) -> Mask:
        from astropy_healpix import xyz_to_healpix  # a third of a second to import, for one kind of region

        squared = x[:, 0] ** 2 + x[:, 1] ** 2 + x[:, 2] ** 2
        inside = squared == 0  # the Sun's own place has no direction
        near = np.flatnonzero((squared > 0) & (squared <= squared_limits.max()))
        pixel = xyz_to_healpix(*x[near].T, self.nside, order="nested" if self.nested else "ring")
        inside[near] = squared[near] <= squared_limits[pixel]
        return inside

    def names(self) -> frozenset[str]:
        return frozenset("xyz")

    def bounding_ball(self) -> BoundingBall | None:
        return (0.0, 0.0, 0.0), max(self.distances)

    def __str__(self) -> str:
        return f"distance mask (nside {self.nside}, r < {max(self.distances):.4g} kpc)"
