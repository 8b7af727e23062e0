"""How well the flow matches the data in a projection: counts of both on one grid, and their Poisson significance.

With n_flow renormalised by w = N_data / N_flow, the significance (n_flow - n_data)/√n_data of a perfect flow has an rms
of √(1 + w), not 1, because the flow's own sample is finite; the two-sample form divides by √(1 + w) (PHYSICS 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan, sqrt

import numpy as np
from jaxtyping import Float, Real

FORMS = ("paper", "two-sample")

Counts = Float[np.ndarray, "y x"]


@dataclass(frozen=True)
class SignificanceMap:
    """A projection on a grid: rows are bins of ``y``, columns of ``x``, each over its range [units of the coordinate].

    ``flow`` is scaled to the data, ``variance`` is that of ``data``; ``significance`` is NaN where there are no data.
    ``weight`` is w. A marginal distribution is a map of a single row or column.
    """

    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    data: Counts
    flow: Counts
    variance: Counts
    significance: Counts
    weight: float
    form: str

    @cached_property
    def rms(self) -> float:
        """Measured rms of the significance over the bins with data."""
        return float(np.sqrt(np.nanmean(self.significance**2))) if self.filled else float("nan")

    @property
    def expected_rms(self) -> float:
        """The rms that a perfect flow would have."""
        return 1.0 if self.form == "two-sample" else sqrt(1 + self.weight)

    @property
    def chi_squared_per_bin(self) -> float:
        """Mean squared significance over its expectation: 1 for a perfect flow."""
        return (self.rms / self.expected_rms) ** 2

    @cached_property
    def filled(self) -> int:
        """Number of bins with data."""
        return int(np.count_nonzero(self.data))

    @cached_property
    def beyond_five_sigma(self) -> int:
        """Bins whose significance exceeds five times what a perfect flow scatters by."""
        return int(np.count_nonzero(np.abs(self.significance) > 5 * self.expected_rms))

    @cached_property
    def flow_in_empty_bins(self) -> float:
        """Fraction of the flow's stars in bins without data, where no significance is defined."""
        total = self.flow.sum()
        return float(self.flow[self.data == 0].sum() / total) if total else 0.0

    @cached_property
    def worst(self) -> tuple[float, float, float] | None:
        """Significance, x and y of the middle of the bin that differs most; None where there are no data."""
        if not self.filled:
            return None
        row, column = np.unravel_index(np.nanargmax(np.abs(self.significance)), self.significance.shape)
        rows, columns = self.significance.shape
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        x, y = x0 + (column + 0.5) * (x1 - x0) / columns, y0 + (row + 0.5) * (y1 - y0) / rows
        return float(self.significance[row, column]), float(x), float(y)


def pooled_rms(maps: Sequence[SignificanceMap]) -> float:
    """Rms of the significance over the bins with data of all maps; NaN where there are none."""
    filled = sum(m.filled for m in maps)
    return sqrt(sum(m.rms**2 * m.filled for m in maps if m.filled) / filled) if filled else nan


def significance_map(
    x: str,
    y: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    data: Real[np.ndarray, "y x"],
    flow: Real[np.ndarray, "y x"],
    *,
    weight: float,
    form: str = "paper",
    squares: Real[np.ndarray, "y x"] | None = None,
) -> SignificanceMap:
    """The map of raw ``data`` and ``flow`` counts on one grid; ``weight`` is N_data / N_flow of the whole samples.

    Where the stars have weights, ``data`` are their sums and ``squares`` the sums of their squares, the variance of
    ``data``.
    """
    data, scaled = np.asarray(data, float), np.asarray(flow, float) * weight
    variance = data if squares is None else np.asarray(squares, float)
    significance = _significance(data, scaled, variance, weight, form)
    return SignificanceMap(x, y, x_range, y_range, data, scaled, variance, significance, weight, form)


def marginals(of: SignificanceMap) -> tuple[SignificanceMap, SignificanceMap]:
    """The distributions of x and of y in what a map shows: its counts summed along the other axis."""
    along_x, along_y = (_summed(of, axis) for axis in (0, 1))
    return along_x, along_y


def _summed(of: SignificanceMap, axis: int) -> SignificanceMap:
    data, flow, variance = (counts.sum(axis, keepdims=True) for counts in (of.data, of.flow, of.variance))
    significance = _significance(data, flow, variance, of.weight, of.form)
    return replace(of, data=data, flow=flow, variance=variance, significance=significance)


def _significance(data: Counts, flow: Counts, variance: Counts, weight: float, form: str) -> Counts:
    spread = np.sqrt(variance + data * weight) if form == "two-sample" else np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(data > 0, (flow - data) / spread, np.nan)
