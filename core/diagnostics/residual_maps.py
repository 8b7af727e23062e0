"""How well the flow matches the data in a projection: counts of both on one grid, and their Poisson significance.

With n_flow renormalised by w = N_data / N_flow, the significance (n_flow - n_data)/√n_data of a perfect flow has an rms
of √(1 + w), not 1, because the flow's own sample is finite; the two-sample form divides by √(1 + w) (PHYSICS 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan, sqrt

import numpy as np
from jaxtyping import Float, Real

FORMS = ("paper", "two-sample")

Counts = Float[np.ndarray, "y x"]


@dataclass(frozen=True)
class SignificanceMap:
    """A projection on a grid: rows are bins of ``y``, columns of ``x``, each over its range [units of the coordinate].

    ``flow`` is scaled to the data; ``significance`` is NaN where there are no data. ``weight`` is w.
    """

    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    data: Counts
    flow: Counts
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
    spread = np.sqrt(variance + data * weight) if form == "two-sample" else np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        significance = np.where(data > 0, (scaled - data) / spread, np.nan)
    return SignificanceMap(x, y, x_range, y_range, data, scaled, significance, weight, form)
