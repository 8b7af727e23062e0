"""A lasso holds the very stars that its polygon says it holds, on its corners and sides too."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.phase_space.region import Polygon
from dashboard.counting.lasso import inside_lasso

KINDS = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**31)


def stars_about(corners, rng, count=500):
    """Stars everywhere, on corners and sides, level with corners, and where there is no place."""
    low, high = corners.min(0), corners.max(0)
    anywhere = rng.uniform(low - 0.5, high + 0.5, (count, 2))
    level = anywhere.copy()
    level[: count // 2, 0] = rng.choice(corners[:, 0], count // 2)
    level[count // 2 :, 1] = rng.choice(corners[:, 1], count - count // 2)
    part, i = rng.random((count, 1)), rng.integers(0, len(corners), count)
    on_sides = (1 - part) * corners[i] + part * corners[i - 1]
    return np.concatenate([anywhere, level, on_sides, corners, [[np.nan, 0], [0, np.nan], [np.inf, 0]]])


def check(corners, kind, rng):
    x, y = np.ascontiguousarray(stars_about(corners, rng).T.astype(kind))
    polygon = Polygon("x", "y", tuple(map(tuple, corners.tolist())))
    expected = polygon.contains({"x": x, "y": y}.__getitem__)
    np.testing.assert_array_equal(inside_lasso(polygon, x, y), expected)


@given(seed=SEEDS, kind=KINDS, corners=st.integers(3, 40), far=st.sampled_from([0.0, 3.0, 300.0, 1e5]))
def test_any_lasso_however_far_away(seed, kind, corners, far):
    rng = np.random.default_rng(seed)
    check(far + rng.normal(size=(corners, 2)), kind, rng)


@given(seed=SEEDS, kind=KINDS, corners=st.integers(3, 12))
def test_corners_on_a_grid_have_level_and_doubled_sides(seed, kind, corners):
    rng = np.random.default_rng(seed)
    check(rng.integers(-2, 3, (corners, 2)) / 2, kind, rng)
