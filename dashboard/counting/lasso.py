"""Which stars a lasso holds, for millions of them: the very decision of ``Polygon.contains``, at the cost of a glance.

A raster over the lasso says of each cell whether it is outside, inside or near a side. Only stars in cells near a side
are compared with sides, in the arithmetic of ``Polygon.contains``, and only with those that reach into their row.
"""

import numpy as np
from jaxtyping import Float
from numba import njit

from core.array_types import Mask, PerStar
from core.phase_space.region import Polygon

Sides = Float[np.ndarray, "s 4"]
"""x1, y1, x2, y2 of each side."""

Pair = Float[np.ndarray, "2"]

_compiled = njit(nogil=True, cache=True, error_model="numpy")
_BLOCK = 2048
_CELLS = 1024
_WIDTH = float(_CELLS)
_OUTSIDE, _INSIDE, _NEAR = 0, 1, 2


def inside_lasso(polygon: Polygon, x: PerStar, y: PerStar) -> Mask:
    """True for every star at ``x``, ``y`` inside, as the polygon says itself."""
    corners = np.asarray(polygon.vertices, x.dtype)
    inside = np.zeros(len(x), bool)
    low, high = corners.min(0).astype(float), corners.max(0).astype(float)
    if (low == high).any():
        return inside
    rounding = 2.0**-20 * float(np.abs(corners).max())  # that of single precision, several times over
    margin = (high - low) / 100 + 2 * rounding
    low, scale = low - margin, _CELLS / (high - low + 2 * margin)
    sides, rows = _by_row(np.concatenate([corners, np.roll(corners, 1, 0)], 1), low[1], scale[1])
    cells = np.zeros((_CELLS, _CELLS), np.uint8)
    _paint(sides, rows, low, scale, int(1 + rounding * scale[0]), cells)
    _look_up(x, y, sides, rows, low, scale, cells.ravel(), inside)
    return inside


def _by_row(sides: Sides, low: float, scale: float) -> tuple[Sides, np.ndarray]:
    """The sides that reach into a row of cells or its neighbours, row after row, and where each row begins in them."""
    ends = np.floor((np.sort(sides[:, 1::2].astype(float), 1) - low) * scale)
    row = np.arange(_CELLS)[:, None]
    reaches = (ends[:, 0] - 1 <= row) & (row <= ends[:, 1] + 1)
    return sides[np.nonzero(reaches)[1]], np.concatenate([[0], np.cumsum(reaches.sum(1))])


@_compiled
def _is_inside(x: float, y: float, sides: Sides, first: int, last: int) -> bool:
    """Whether an odd number of the sides from ``first`` to ``last`` is crossed on the way to the right."""
    odd = False
    for j in range(first, last):
        x1, y1, x2, y2 = sides[j]
        if (y1 > y) != (y2 > y):
            odd ^= x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
    return odd


@_compiled
def _paint(sides: Sides, rows: np.ndarray, low: Pair, scale: Pair, margin: int, cells: np.ndarray) -> None:
    """Mark the cells that are at most ``margin`` away from a side, and of the others those inside."""
    for k in range(_CELLS):
        bottom, top = low[1] + (k - 1) / scale[1], low[1] + (k + 2) / scale[1]
        for j in range(rows[k], rows[k + 1]):
            x1, y1, x2, y2 = sides[j].astype(np.float64)
            a, b = x1, x2
            if y1 != y2:
                slope = (x2 - x1) / (y2 - y1)
                a = x1 + slope * (max(min(y1, y2), bottom) - y1)
                b = x1 + slope * (min(max(y1, y2), top) - y1)
            first, last = (min(a, b) - low[0]) * scale[0], (max(a, b) - low[0]) * scale[0]
            cells[k, max(int(first) - margin, 0) : int(last) + margin + 1] = _NEAR
        y = low[1] + (k + 0.5) / scale[1]
        for i in range(_CELLS):
            if cells[k, i] == _NEAR:
                continue
            if i > 0 and cells[k, i - 1] != _NEAR:
                cells[k, i] = cells[k, i - 1]
            elif _is_inside(low[0] + (i + 0.5) / scale[0], y, sides, rows[k], rows[k + 1]):
                cells[k, i] = _INSIDE


@_compiled
def _look_up(
    x: PerStar, y: PerStar, sides: Sides, rows: np.ndarray, low: Pair, scale: Pair, cells: np.ndarray, inside: Mask
) -> None:
    found = np.empty(_BLOCK, np.int32)
    for start in range(0, len(x), _BLOCK):
        xs, ys = x[start : start + _BLOCK], y[start : start + _BLOCK]
        for n in range(len(xs)):
            u, v = np.floor((xs[n] - low[0]) * scale[0]), np.floor((ys[n] - low[1]) * scale[1])
            beside = (u < 0) | (u >= _WIDTH) | (v < 0) | (v >= _WIDTH) | (u != u) | (v != v)
            found[n] = np.int32(0.0 if beside else v * _WIDTH + u)
        for n in range(len(xs)):
            cell = cells[found[n]]
            inside[start + n] = cell == _INSIDE
            if cell == _NEAR:
                k = found[n] // _CELLS
                inside[start + n] = _is_inside(xs[n], ys[n], sides, rows[k], rows[k + 1])
