"""Stars counted on a grid, exactly and at the speed of memory: the counts that every density map shows.

One rule for data and flow alike: of the edges ``linspace(low, high, bins + 1)``, in double precision, a bin holds its
lower one, the last bin also its upper one. That is numpy's rule too. Datashader finds the same counts but takes longer,
and it cannot count some rows alone: it needs copies of columns first, which cost more than the counting
(``tests/benchmarks/brushing.py`` has it beside).
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from core.array_types import PerStar

Counts = Float[np.ndarray, "y x"]
Rows = Int[np.ndarray, "k"]
Interval = tuple[float, float]
Edges = Float[np.ndarray, "e"]
Scale = tuple[np.floating[Any], np.floating[Any], np.floating[Any]]

_compiled = njit(nogil=True, cache=True, error_model="numpy")
_BLOCK = 8192
"""Stars whose bins are found together, in the processor's vector units, before any of them is counted."""
_SINGLE = 2.0**15
"""Bins, and bins to the zero of a coordinate, that leave less than one star in thirty in doubt in single precision."""


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
    edges = np.linspace(*x_range, bins + 1), np.linspace(*y_range, bins + 1)
    x, y, weight = frozen(x), frozen(y), None if weight is None else frozen(weight)
    scales = _scales(edges, np.result_type(x, y))
    if rows is None:
        _count(x, y, weight, *edges, *scales, counts)
    else:
        _count_rows(x, y, weight, frozen(rows), *edges, *scales, counts)
    return counts[:-1].reshape(bins, bins).astype(float)


def _scales(edges: tuple[Edges, Edges], kind: np.dtype[Any]) -> tuple[Scale, Scale]:
    """How places along both axes are found: single precision is twice as fast, if it leaves few in doubt.

    A scale is the lowest edge, bins per unit, and in bins far more than what rounding can do to a place or to an edge.
    """
    scales = []
    for axis in edges:
        low, high, bins = axis[0], axis[-1], len(axis) - 1
        scale = bins / (high - low)
        scales.append((low, scale, bins + max(abs(low), abs(high)) * scale))
    single = kind == np.float32 and max(reach for _, _, reach in scales) < _SINGLE
    number, rounding = (np.float32, 2.0**-22) if single else (np.float64, 2.0**-48)
    x, y = ((number(low), number(scale), number(rounding * reach)) for low, scale, reach in scales)
    return x, y


def frozen(values: np.ndarray) -> np.ndarray:
    """A view that cannot be written to: one kind of array, for which one kernel is compiled."""
    view = values.view()
    view.flags.writeable = False
    return view


@_compiled
def _count_rows(
    x: PerStar,
    y: PerStar,
    weight: PerStar | None,
    rows: Rows,
    x_edges: Edges,
    y_edges: Edges,
    x_scale: Scale,
    y_scale: Scale,
    counts: np.ndarray,
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
        taken = None if weight is None else weights[:m]
        _count(xs[:m], ys[:m], taken, x_edges, y_edges, x_scale, y_scale, counts)


@_compiled
def _count(
    x: PerStar,
    y: PerStar,
    weight: PerStar | None,
    x_edges: Edges,
    y_edges: Edges,
    x_scale: Scale,
    y_scale: Scale,
    counts: np.ndarray,
) -> None:
    """Add stars to the flat ``counts``, whose last place is for those outside of the grid."""
    found, bins = np.empty(_BLOCK, np.int32), len(x_edges) - 1
    for start in range(0, len(x), _BLOCK):
        xs, ys = x[start : start + _BLOCK], y[start : start + _BLOCK]
        _find(xs, ys, x_scale, y_scale, bins, found)
        for j in range(len(xs)):
            k = found[j]
            if k < 0:
                k = _looked_up(xs[j], ys[j], x_edges, y_edges)
            if weight is None:
                counts[k] += 1
            else:
                counts[k] += weight[start + j]


@_compiled
def _find(xs: PerStar, ys: PerStar, x_scale: Scale, y_scale: Scale, bins: int, found: np.ndarray) -> None:
    """Flat places of the stars of one block, -1 for those so near to an edge that rounding might decide.

    All numbers stay of one kind until the last line, and nothing branches: so the compiler can do several at a time.
    """
    (x_low, x_per, x_near), (y_low, y_per, y_near) = x_scale, y_scale
    kind = type(x_low)
    many, one = kind(bins), kind(1)
    for j in range(len(xs)):
        u, v = (kind(xs[j]) - x_low) * x_per, (kind(ys[j]) - y_low) * y_per
        i, k = np.floor(u), np.floor(v)
        s, t = u - i, v - k
        inside = (u >= -x_near) & (u < many + x_near) & (v >= -y_near) & (v < many + y_near)
        sure = (s > x_near) & (s < one - x_near) & (t > y_near) & (t < one - y_near)
        place = k * many + i
        place = place if sure else -one
        found[j] = np.int32(place if inside else many * many)


@_compiled
def _looked_up(x: float, y: float, x_edges: Edges, y_edges: Edges) -> int:
    """The flat place of a star, by comparing with the edges themselves."""
    bins = len(x_edges) - 1
    if not (x_edges[0] <= x <= x_edges[-1] and y_edges[0] <= y <= y_edges[-1]):
        return bins * bins
    i = min(int(np.searchsorted(x_edges, np.float64(x), side="right")), bins) - 1
    k = min(int(np.searchsorted(y_edges, np.float64(y), side="right")), bins) - 1
    return k * bins + i
