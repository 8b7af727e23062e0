"""Stars counted on a grid, exactly and at the speed of memory: the counts that every density map shows.

One rule for data and flow alike: of the edges ``linspace(low, high, bins + 1)``, in double precision, a bin holds its
lower one, the last bin also its upper one. That is numpy's rule too. Datashader finds the same counts but takes longer,
and it cannot count some rows alone: it needs copies of columns first, which cost more than the counting
(``tests/benchmarks/brushing.py`` has it beside).
"""

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from core.array_types import PerStar

Counts = Float[np.ndarray, "y x"]
Rows = Int[np.ndarray, "k"]
Interval = tuple[float, float]
Edges = Float[np.ndarray, "e"]

_compiled = njit(nogil=True, cache=True, error_model="numpy")
_BLOCK = 2048
"""Stars whose bins are found together, in the processor's vector units, before any of them is counted."""


def count_stars(
    x: PerStar,
    y: PerStar,
    x_range: Interval,
    y_range: Interval,
    bins: int,
    weight: PerStar | None = None,
    rows: Rows | None = None,
) -> Counts:
    """Stars per bin of a ``bins`` × ``bins`` grid, or the sums of their weights: row 0 is the lowest y.

    Only those of ``rows`` are counted where these are given. NaN is in no bin.
    """
    counts = np.zeros(bins * bins + 1, np.int32 if weight is None else np.float64)
    x_edges, y_edges = np.linspace(*x_range, bins + 1), np.linspace(*y_range, bins + 1)
    x, y, weight = _frozen(x), _frozen(y), None if weight is None else _frozen(weight)
    if rows is None:
        _count(x, y, weight, x_edges, y_edges, counts)
    else:
        _count_rows(x, y, weight, _frozen(rows), x_edges, y_edges, counts)
    return counts[:-1].reshape(bins, bins).astype(float)


def _frozen(values: np.ndarray) -> np.ndarray:
    """A view that cannot be written to: one kind of array, for which one kernel is compiled."""
    view = values.view()
    view.flags.writeable = False
    return view


@_compiled
def _count_rows(
    x: PerStar, y: PerStar, weight: PerStar | None, rows: Rows, x_edges: Edges, y_edges: Edges, counts: np.ndarray
) -> None:
    """As :func:`_count`, for the stars of ``rows``."""
    xs, ys, weights = np.empty(_BLOCK, x.dtype), np.empty(_BLOCK, y.dtype), np.empty(_BLOCK, np.float64)
    for start in range(0, len(rows), _BLOCK):
        m = min(_BLOCK, len(rows) - start)
        for j in range(m):
            row = rows[start + j]
            xs[j], ys[j] = x[row], y[row]
            if weight is not None:
                weights[j] = weight[row]
        _count(xs[:m], ys[:m], None if weight is None else weights[:m], x_edges, y_edges, counts)


@_compiled
def _count(x: PerStar, y: PerStar, weight: PerStar | None, x_edges: Edges, y_edges: Edges, counts: np.ndarray) -> None:
    """Add stars to the flat ``counts``, whose last place is for those outside of the grid."""
    found = np.empty(_BLOCK, np.int32)
    for start in range(0, len(x), _BLOCK):
        xs, ys = x[start : start + _BLOCK], y[start : start + _BLOCK]
        _find(xs, ys, x_edges, y_edges, found)
        for j in range(len(xs)):
            k = found[j]
            if k < 0:
                k = _looked_up(xs[j], ys[j], x_edges, y_edges)
            if weight is None:
                counts[k] += 1
            else:
                counts[k] += weight[start + j]


@_compiled
def _find(xs: PerStar, ys: PerStar, x_edges: Edges, y_edges: Edges, found: np.ndarray) -> None:
    """Flat places of the stars of one block, -1 for those so near to an edge that rounding might decide.

    All numbers stay of one kind until the last line, and nothing branches: so the compiler can do four at a time.
    """
    bins = float(len(x_edges) - 1)
    x_low, x_scale, x_near = _scale(x_edges)
    y_low, y_scale, y_near = _scale(y_edges)
    outside, unsure = bins * bins, -1.0
    for j in range(len(xs)):
        u, v = (np.float64(xs[j]) - x_low) * x_scale, (np.float64(ys[j]) - y_low) * y_scale
        i, k = np.floor(u), np.floor(v)
        s, t = u - i, v - k
        inside = (u >= -x_near) & (u < bins + x_near) & (v >= -y_near) & (v < bins + y_near)
        sure = (s > x_near) & (s < 1 - x_near) & (t > y_near) & (t < 1 - y_near)
        place = k * bins + i
        place = place if sure else unsure
        found[j] = np.int32(place if inside else outside)


@_compiled
def _scale(edges: Edges) -> tuple[float, float, float]:
    """The lowest edge, bins per unit, and in bins far more than what rounding can do to a place or to an edge."""
    low, high, bins = edges[0], edges[-1], len(edges) - 1
    scale = bins / (high - low)
    return low, scale, 2.0**-48 * (bins + max(abs(low), abs(high)) * scale)


@_compiled
def _looked_up(x: float, y: float, x_edges: Edges, y_edges: Edges) -> int:
    """The flat place of a star, by comparing with the edges themselves."""
    bins = len(x_edges) - 1
    if not (x_edges[0] <= x <= x_edges[-1] and y_edges[0] <= y <= y_edges[-1]):
        return bins * bins
    i = min(int(np.searchsorted(x_edges, np.float64(x), side="right")), bins) - 1
    k = min(int(np.searchsorted(y_edges, np.float64(y), side="right")), bins) - 1
    return k * bins + i
