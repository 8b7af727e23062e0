"""Counts are exact: those of numpy, whichever stars are counted and wherever the edges are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.counting.binning import count_stars

RANGES = (-1.0, 1.0), (-2.0, 2.0)
KINDS = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**31)


def numpy_counts(x, y, x_range, y_range, bins):
    """The same by numpy: a star on an inner edge is in the bin above it, one on the last edge in the last bin."""
    return np.histogram2d(y.astype(float), x.astype(float), bins, [y_range, x_range])[0]


@given(
    seed=SEEDS,
    bins=st.sampled_from([1, 3, 64, 128]),
    low=st.floats(-2, 0.5),
    width=st.floats(0.1, 3),
    kind=KINDS,
)
def test_counts_are_those_of_numpy(seed, bins, low, width, kind):
    x, y = np.random.default_rng(seed).normal(size=(2, 2000)).astype(kind)
    ranges = (low, low + width), (-1.7, 0.9)
    counts = count_stars(x, y, *ranges, bins)
    np.testing.assert_array_equal(counts, numpy_counts(x, y, *ranges, bins))


def test_stars_on_edges_are_counted_once():
    """Edges at multiples of 1/8, which are exact numbers."""
    at = np.arange(-12, 13) / 8
    x, y = (a.ravel().astype(np.float32) for a in np.meshgrid(at, at))
    ranges = (-1.0, 1.0), (-1.0, 1.0)
    counts = count_stars(x, y, *ranges, 16)
    np.testing.assert_array_equal(counts, numpy_counts(x, y, *ranges, 16))
    assert counts.sum() == 17**2
    assert counts[0, 0] == 1
    assert counts[-1, -1] == 4


def test_row_0_is_the_lowest_y_and_no_star_is_no_count():
    counts = count_stars(np.array([0.9]), np.array([-1.9]), *RANGES, 4)
    assert (counts.shape, counts[0, 3], counts.sum()) == ((4, 4), 1, 1)
    assert not count_stars(np.zeros(0), np.zeros(0), *RANGES, 4).any()


@given(seed=SEEDS, kind=KINDS, bins=st.integers(1, 200), low=st.floats(-300, 300), width=st.floats(1e-3, 500))
def test_stars_beside_and_on_the_edges_are_where_numpy_has_them(seed, kind, bins, low, width):
    rng, ranges = np.random.default_rng(seed), ((low, low + width), (-180.0, 180.0))
    x, y = (_beside(rng.choice(np.linspace(*r, bins + 1), 500).astype(kind), rng) for r in ranges)
    np.testing.assert_array_equal(count_stars(x, y, *ranges, bins), numpy_counts(x, y, *ranges, bins))


def _beside(values, rng):
    """The nearest number below, each value, or the nearest above."""
    return np.nextafter(values, values + rng.integers(-1, 2, len(values)).astype(values.dtype))


@given(seed=SEEDS, kind=KINDS, weighted=st.booleans(), count=st.sampled_from([0, 1, 5000]))
def test_rows_are_counted_as_their_stars_would_be(seed, kind, weighted, count):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 6000)).astype(kind)
    weight = rng.random(6000).astype(np.float32) if weighted else None
    rows = np.sort(rng.choice(6000, count, replace=False)).astype(np.int32)
    taken = count_stars(x[rows], y[rows], *RANGES, 16, weight[rows] if weighted else None)
    np.testing.assert_array_equal(count_stars(x, y, *RANGES, 16, weight, rows), taken)


@given(seed=SEEDS)
def test_weights_are_summed_in_double_precision(seed):
    rng = np.random.default_rng(seed)
    x, y, weight = rng.random((3, 5000)).astype(np.float32)
    flat = (4 * y).astype(int) * 4 + (4 * x).astype(int)
    expected = np.bincount(flat, weight.astype(float), 16).reshape(4, 4)
    np.testing.assert_array_equal(count_stars(x, y, (0.0, 1.0), (0.0, 1.0), 4, weight), expected)


def test_what_is_no_number_is_in_no_bin():
    x = np.array([0.5, np.nan, np.inf, -np.inf, 0.5], np.float32)
    y = np.array([0.5, 0.5, 0.5, 0.5, np.nan], np.float32)
    assert count_stars(x, y, *RANGES, 8).sum() == 1
