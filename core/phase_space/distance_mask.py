"""How far a survey or a dust map sees: the largest distance from the Sun in each direction, on a HEALPix map.

A selection by position alone, so f inside is whole and the mask can be the support of n(x) (PHYSICS 2).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from core.array_types import Mask
from core.errors import RegionError
from core.phase_space.region_algebra import BoundingBall, Columns, Region

FINEST = 128
"""Largest nside: half a degree. The whole map is written into every run that uses it."""

_BLOCK = 1 << 18
"""Stars looked up at once: what is computed on the way stays at some tens of megabytes, however many there are."""


@dataclass(frozen=True)
class DistanceMask(Region):
    """``r <= distances[pixel]`` [kpc] with the HEALPix pixel of the star's Galactic (l, b).

    ``distances`` are in RING order, or NESTED where ``nested``; 0 where nothing is seen.
    """

    distances: tuple[float, ...]
    nested: bool = False
    kind: ClassVar[str] = "distance_mask"

    def __post_init__(self) -> None:
        if len(self.distances) != 12 * self.nside**2 or self.nside not in _NSIDES:
            raise RegionError(
                f"a distance mask of {len(self.distances)} pixels is no HEALPix map",
                remedy=f"Give 12 nside² distances with nside a power of two, at most {FINEST}.",
            )
        bad = next((i for i, d in enumerate(self.distances) if not 0 <= d < math.inf), None)
        if bad is not None:
            raise RegionError(
                f"the distance of pixel {bad} of a distance mask is {self.distances[bad]:g} kpc",
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
        x, y, z = (columns(name) for name in "xyz")
        squared_limits = np.square(self.distances)
        inside = np.zeros(len(x), bool)
        for first in range(0, len(x), _BLOCK):
            rows = slice(first, first + _BLOCK)
            inside[rows] = self._contains_block(*(c[rows].astype(float) for c in (x, y, z)), squared_limits)
        return inside

    def _contains_block(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, squared_limits: np.ndarray) -> Mask:
        from astropy_healpix import xyz_to_healpix  # it takes a third of a second to import

        squared = x**2 + y**2 + z**2
        inside = squared == 0  # the Sun itself has no direction
        near = np.flatnonzero((squared > 0) & (squared <= squared_limits.max()))
        order = "nested" if self.nested else "ring"
        pixel = xyz_to_healpix(x[near], y[near], z[near], self.nside, order=order)
        inside[near] = squared[near] <= squared_limits[pixel]
        return inside

    def names(self) -> frozenset[str]:
        return frozenset("xyz")

    def bounding_ball(self) -> BoundingBall | None:
        return (0.0, 0.0, 0.0), max(self.distances)

    def __str__(self) -> str:
        return f"distance mask (nside {self.nside}, r < {max(self.distances):.4g} kpc)"


_NSIDES = frozenset(2**level for level in range(FINEST.bit_length()))
