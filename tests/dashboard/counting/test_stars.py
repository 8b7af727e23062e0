"""Columns, subsets and counts of stars are those of a direct computation."""

import numpy as np
import pytest

from core.phase_space.coordinates import COORDINATES
from core.phase_space.region import Box, Ellipse, Everything, Expression, Polygon, Shell, columns_of
from core.phase_space.solar_position import SolarPosition
from dashboard.cache import BoundedCache
from dashboard.counting.stars import Stars

SUN = SolarPosition()
RNG = np.random.default_rng(0)
W = np.concatenate([0.4 * RNG.normal(size=(3000, 3)), 40 * RNG.normal(size=(3000, 3))], 1).astype(np.float32)
TRIANGLE = ((-0.5, -0.5), (0.5, -0.4), (0.0, 0.6))
REGIONS = {
    "everything": Everything(),
    "box": Box((("x", -0.2, 0.5), ("vphi", -np.inf, 250.0))),
    "lasso": Polygon("x", "y", TRIANGLE),
    "ellipse": Ellipse("vx", "vy", (0.0, 0.0), (30.0, 50.0)),
    "typed": Expression("abs(z) < 0.3 & R < 8.3"),
    "both": Shell(0.7, 0.1) & Expression("vz > 0"),
    "either": Shell(0.2) | ~Shell(0.9),
    "nobody": Expression("r > 100"),
}


@pytest.fixture
def stars():
    return Stars("some", W, SUN, BoundedCache(2**20))


@pytest.mark.parametrize("name", COORDINATES)
def test_a_column_is_the_coordinate_of_every_star(name, stars):
    column = stars.column(name)
    assert column.dtype == np.float32
    assert column.flags.c_contiguous
    np.testing.assert_array_equal(column, COORDINATES[name].compute(W, SUN).astype(np.float32))
    assert stars.column(name) is column


@pytest.mark.parametrize("case", REGIONS)
def test_a_mask_is_the_region_of_every_star(case, stars):
    region = REGIONS[case]
    mask = stars.mask(region)
    assert mask.shape == (len(stars),)
    columns = columns_of(W, SUN)
    np.testing.assert_array_equal(mask, np.broadcast_to(region.contains(lambda n: columns(n).astype(np.float32)), 3000))
    rows = stars.rows(region)
    assert stars.count(region) == mask.sum()
    assert rows is None if case == "everything" else (rows.dtype, stars.rows(region)) == (np.int32, rows)


def test_a_lasso_holds_the_stars_on_the_inner_side_of_its_edges(stars):
    """Brute force: a convex lasso is three half planes."""
    (ax, ay), (bx, by), (cx, cy) = TRIANGLE
    x, y = W[:, 0].astype(float), W[:, 1].astype(float)
    edges = (((ax, ay), (bx, by)), ((bx, by), (cx, cy)), ((cx, cy), (ax, ay)))
    sides = [(qx - px) * (y - py) - (qy - py) * (x - px) for (px, py), (qx, qy) in edges]
    clear = np.min(np.abs(sides), 0) > 1e-5
    expected = np.min(sides, 0) > 0
    np.testing.assert_array_equal(stars.mask(REGIONS["lasso"])[clear], expected[clear])
    assert 100 < expected.sum() < 1500


def test_columns_in_one_piece_are_read_without_a_copy():
    stars = Stars("some", np.asfortranarray(W), SUN, BoundedCache(2**20))
    assert all(np.shares_memory(stars.column(name), stars.w) for name in ("x", "y", "z", "vx", "vy", "vz"))


def test_more_stars_than_one_block_are_computed_as_one():
    w = np.repeat(W, 50, 0)
    stars = Stars("many", w, SUN, BoundedCache(2**24))
    np.testing.assert_array_equal(stars.column("vphi"), np.repeat(COORDINATES["vphi"].compute(W, SUN), 50).astype("f4"))
    region = ~(REGIONS["lasso"] & Expression("vphi > 200")) | REGIONS["ellipse"]
    columns = columns_of(w, SUN)
    np.testing.assert_array_equal(stars.mask(region), region.contains(lambda n: columns(n).astype(np.float32)))


def test_boxes_that_are_drawn_one_after_the_other_leave_the_columns_where_they_are(stars):
    column = stars.column("x")
    for i in range(200):
        stars.rows(Box((("x", -1.0, i / 100),)))
    assert len(stars.selections._values) <= 64
    assert stars.column("x") is column


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("case", ["everything", "both", "nobody"])
def test_counts_are_sums_of_the_weights_of_a_subset(case, power):
    weight = RNG.random(len(W)).astype(np.float32)
    stars = Stars("weighted", W, SUN, BoundedCache(2**20), weight)
    inside, ranges = stars.mask(REGIONS[case]), ((-1.0, 1.0), (-90.0, 90.0))
    expected = np.histogram2d(W[inside, 3], W[inside, 0], 8, ranges[::-1], weights=weight[inside] ** power)[0]
    np.testing.assert_allclose(stars.counts("x", "vx", *ranges, REGIONS[case], 8, power=power), expected, rtol=1e-6)
