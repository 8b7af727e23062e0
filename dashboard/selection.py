"""Which of millions of stars a region holds, at the speed of memory.

A region is evaluated on blocks of stars that stay in the processor's cache, a lasso by :mod:`dashboard.lasso`: the
answer is that of ``region.contains``, star by star.
"""

from collections.abc import Iterator

import numpy as np

from core.array_types import Mask
from core.phase_space.region import And, Columns, Not, Or, Polygon, Region
from dashboard.lasso import inside_lasso


def blocks(count: int, size: int) -> Iterator[slice]:
    """Consecutive parts of so many stars, of ``size`` each."""
    return (slice(start, start + size) for start in range(0, count, size))


def inside(region: Region, columns: Columns, count: int) -> Mask:
    """True for every one of ``count`` stars with these columns that is inside."""
    match region:
        case Polygon():
            return inside_lasso(region, columns(region.x), columns(region.y))
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


def _within(columns: Columns, block: slice) -> Columns:
    return lambda name: columns(name)[block]
