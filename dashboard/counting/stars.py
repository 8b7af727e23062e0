"""Stars with their named coordinates, subsets and counts, computed once for all sessions."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from core.array_types import Mask, PerStar, PhaseSpace
from core.catalog.quantities import CARTESIAN
from core.phase_space.coordinates import coordinate
from core.phase_space.region import Everything, Region
from core.phase_space.solar_position import SolarPosition
from dashboard.cache import BoundedCache
from dashboard.counting.binning import Counts, Interval, Rows, count_stars
from dashboard.counting.mapped_stars import MappedPhaseSpace
from dashboard.counting.selection import blocks, inside, rows_of


def _selections() -> BoundedCache:
    return BoundedCache(2**27, most=64)


@dataclass(frozen=True)
class Stars:
    """A run's data, or a flow's sample.

    ``key`` names their content. Contiguous columns of ``w`` are read without a copy. ``cache`` keeps columns,
    ``selections`` the rows of subsets: every box that is drawn is a new one, and must not push columns out.
    """

    key: Hashable
    w: PhaseSpace | MappedPhaseSpace
    sun: SolarPosition
    cache: BoundedCache
    weight: PerStar | None = None
    selections: BoundedCache = field(default_factory=_selections)

    def __len__(self) -> int:
        return len(self.w)

    @property
    def total(self) -> float:
        """How many stars these stand for, up to a factor that is the same for all."""
        return len(self.w) if self.weight is None else float(self.weight.sum())

    def column(self, name: str) -> PerStar:
        """A named coordinate, float32."""
        return self.cache.get((self.key, "column", name), lambda: self._column(name), lambda a: a.nbytes)

    def _column(self, name: str) -> PerStar:
        if name in CARTESIAN:
            return np.ascontiguousarray(self.w[:, CARTESIAN.index(name)], np.float32)
        cartesian = [self.w[:, i] for i in range(len(CARTESIAN))]
        values, compute = np.empty(len(self.w), np.float32), coordinate(name).compute
        # In larger pieces BLAS would share its small products among threads, and take ten times as long.
        for block in blocks(len(self.w), 2**14):
            values[block] = compute(np.stack([column[block] for column in cartesian], 1), self.sun)
        return values

    def percentiles(self, name: str, low: float, high: float) -> Interval:
        """The values of a coordinate that ``low`` and ``high`` per cent of the stars are below."""
        make = lambda: tuple(np.percentile(self.column(name), (low, high)).tolist())  # noqa: E731
        return self.cache.get((self.key, "percentiles", name, low, high), make, lambda made: 16)

    def rows(self, region: Region) -> Rows | None:
        """Places of the stars inside a region, int32, in their order; None for all."""
        if isinstance(region, Everything):
            return None
        make = lambda: rows_of(inside(region, self.column, len(self.w)))  # noqa: E731
        return self.selections.get((self.key, region), make, lambda a: a.nbytes)

    def count(self, region: Region) -> int:
        """How many stars are inside a region."""
        rows = self.rows(region)
        return len(self.w) if rows is None else len(rows)

    def mask(self, region: Region) -> Mask:
        """Which stars are inside a region."""
        rows, mask = self.rows(region), np.zeros(len(self.w), bool)
        mask[slice(None) if rows is None else rows] = True
        return mask

    def counts(
        self, x: str, y: str, x_range: Interval, y_range: Interval, region: Region, bins: int, *, power: int = 1
    ) -> Counts:
        """Stars inside a region per bin of a grid; of stars with weights the sums of these, to a ``power``."""
        weight = self.weight if self.weight is None or power == 1 else self.weight**power
        return count_stars(self.column(x), self.column(y), x_range, y_range, bins, weight, self.rows(region))
