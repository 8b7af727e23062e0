"""Which of millions of stars a region holds, at the speed of memory.

A box is compared column by column, a lasso by :mod:`dashboard.counting.lasso`, any other region on blocks of stars that
stay in the processor's cache: the answer is that of ``region.contains``, star by star.
"""

from collections.abc import Iterator

import numpy as np
from numba import njit

from core.array_types import Mask, PerStar
from core.phase_space.region import And, Box, Columns, Not, Or, Polygon, Region
from dashboard.counting.binning import Rows, frozen
from dashboard.counting.lasso import inside_lasso

_compiled = njit(nogil=True, cache=True)


def blocks(count: int, size: int) -> Iterator[slice]:
    """Consecutive parts of so many stars, of ``size`` each."""
    return (slice(start, start + size) for start in range(0, count, size))


def inside(region: Region, columns: Columns, count: int) -> Mask:
    """True for every one of ``count`` stars with these columns that is inside."""
    match region:
        case Polygon():
            return inside_lasso(region, columns(region.x), columns(region.y))
        case Box():
            result = np.ones(count, bool)
            for name, low, high in region.ranges:
                values = frozen(columns(name))
                _keep_between(values, values.dtype.type(low), values.dtype.type(high), result)
            return result
        case Not():
            return ~inside(region.part, columns, count)
        case And() | Or():
            combine = np.logical_and if isinstance(region, And) else np.logical_or
            first, *others = region.parts
            result = inside(first, columns, count)
            for part in others:
                combine(result, inside(part, columns, count), out=result)
            return result
    result = np.empty(count, bool)
    for block in blocks(count, 2**16):
        result[block] = region.contains(_within(columns, block))
    return result


def rows_of(mask: Mask) -> Rows:
    """Places of the true values, int32, in their order."""
    rows = np.empty(np.count_nonzero(mask) + 1, np.int32)
    _write_rows(mask, rows)
    return rows[:-1]


def _within(columns: Columns, block: slice) -> Columns:
    return lambda name: columns(name)[block]


@_compiled
def _keep_between(values: PerStar, low: float, high: float, result: Mask) -> None:
    for i in range(len(values)):
        result[i] &= (values[i] >= low) & (values[i] <= high)


@_compiled
def _write_rows(mask: Mask, rows: Rows) -> None:
    """Every row is written, and the next one over it where its value is false: to branch would take longer."""
    many = 0
    for row in range(len(mask)):
        rows[many] = row
        many += mask[row]
