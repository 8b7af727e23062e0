"""Random regions as JSON, for laws that hold for all of them, and stars to be inside or outside."""

import numpy as np
from hypothesis import strategies as st

from core.phase_space.coordinates import COORDINATES
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
RNG = np.random.default_rng(0)
W = np.concatenate([RNG.normal(size=(400, 3)), RNG.normal(size=(400, 3)) * 50], 1)

numbers = st.floats(-3, 3)
names = st.sampled_from(sorted(COORDINATES))
pairs = st.tuples(numbers, numbers)
intervals = st.tuples(numbers, st.floats(0.01, 4)).map(lambda p: (p[0], p[0] + p[1]))


def document(kind: str, **fields: st.SearchStrategy) -> st.SearchStrategy:
    """A region as JSON: it becomes a region in the test, where the run-time type checks may draw random numbers."""
    return st.fixed_dictionaries({"kind": st.just(kind), **fields})


boxes = document(
    "box", ranges=st.lists(st.tuples(names, intervals).map(lambda p: (p[0], *p[1])), min_size=1, max_size=4)
)
cubes = document("box", ranges=st.tuples(*(intervals.map(lambda limits, axis=axis: (axis, *limits)) for axis in "xyz")))
shells = document(
    "shell", outer=st.floats(0.5, 3), inner=st.floats(0, 0.4), centre=st.tuples(numbers, numbers, numbers)
)
half_axes = st.tuples(st.floats(0.1, 3), st.floats(0.1, 3))
ellipses = document("ellipse", x=names, y=names, centre=pairs, half_axes=half_axes, angle=st.floats(-360, 360))
polygons = document("polygon", x=names, y=names, vertices=st.lists(pairs, min_size=3, max_size=6))
conditions = [
    "r < 1.5",
    "abs(x) < 1 & abs(y) < 0.5 & -1 < z < 2",
    "vx > 0 & r <= 1",
    "x < 0 | vy > 10",
    "~(R > 8)",
    "1 < 2",
]
expressions = document("expression", text=st.sampled_from(conditions))
reaches = st.lists(st.floats(0, 3), min_size=12, max_size=12).filter(any)
masks = document("distance_mask", distances=reaches, nested=st.booleans())
leaves = st.one_of(document("everything"), boxes, cubes, shells, ellipses, polygons, expressions, masks)
trees = st.recursive(
    leaves,
    lambda inner: (
        document("not", part=inner)
        | document("and", parts=st.lists(inner, min_size=1, max_size=3))
        | document("or", parts=st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=5,
)


def inside(region, w=W):
    return region.contains_points(w, SUN)
