"""A run's stars beside the sample of its flow: what both show in one projection, on one grid."""

from dataclasses import dataclass

from core.diagnostics.residual_maps import SignificanceMap, significance_map
from core.phase_space.coordinates import coordinate
from core.phase_space.region import Region
from dashboard.counting.stars import Stars
from dashboard.plots.density_maps import Interval

_WHOLE = {"l": (-180.0, 180.0), "b": (-90.0, 90.0), "sinb": (-1.0, 1.0)}
_MARGIN = 0.04


@dataclass(frozen=True)
class Comparison:
    """What is compared: the stars of a run and the sample of its flow."""

    data: Stars
    flow: Stars

    @property
    def weight(self) -> float:
        """N_data / N_flow of the whole samples."""
        return self.data.total / self.flow.total

    def home(self, name: str) -> Interval:
        """The range of a coordinate that holds all but the outermost stars."""
        if name in _WHOLE:
            return _WHOLE[name]
        tails = (0.0, 100.0) if coordinate(name).spatial else (0.1, 99.9)
        low, high = self.data.percentiles(name, *tails)
        margin = _MARGIN * (high - low) or 1.0
        return low - margin, high + margin

    def map(
        self, x: str, y: str, ranges: tuple[Interval, Interval], region: Region, bins: int, form: str
    ) -> SignificanceMap:
        """Data, flow and significance in one projection."""
        counts = [stars.counts(x, y, *ranges, region, bins) for stars in (self.data, self.flow)]
        weighted = self.data.weight is not None
        squares = self.data.counts(x, y, *ranges, region, bins, power=2) if weighted else None
        return significance_map(x, y, *ranges, *counts, weight=self.weight, form=form, squares=squares)
