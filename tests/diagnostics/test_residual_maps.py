"""Significance maps: a perfect flow scatters as expected, nothing is lost, and no value is made up."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_flows import trained

from core.diagnostics.residual_maps import FORMS, marginals, significance_map

RANGES = ((-1.0, 1.0), (-2.0, 2.0))
counts = hnp.arrays(np.int64, (5, 7), elements=st.integers(0, 50))


def made(data, flow, weight, form="paper"):
    return significance_map("x", "y", *RANGES, data, flow, weight=weight, form=form)


@pytest.mark.parametrize("weight", [1.0, 0.25, 1 / 16])
@pytest.mark.parametrize("form", FORMS)
def test_a_perfect_flow_scatters_as_expected(weight, form):
    """Counts of one density in both samples: the rms is √(1 + w), or 1 in the two-sample form.

    The rms of 10⁴ bins is known to 1/√(2·10⁴) = 0.7 %; a mean of 200 stars per bin, where 1/n_data is not 1/mean,
    adds 1/200: in all well below 3 %.
    """
    rng = np.random.default_rng(0)
    mean = rng.uniform(150, 250, (100, 100))
    found = made(rng.poisson(mean), rng.poisson(mean / weight), weight, form)
    assert found.expected_rms == pytest.approx(np.sqrt(1 + weight) if form == "paper" else 1.0)
    assert found.rms == pytest.approx(found.expected_rms, rel=0.03)
    assert found.chi_squared_per_bin == pytest.approx(1, abs=0.06)
    assert found.beyond_five_sigma <= 1  # of 10⁴: where n_data came out small, √n_data did too


def test_the_flows_own_sample_as_data_is_a_perfect_fit():
    """In every projection: here 3 of 400 bins, whose rms is known to 2 %, that is to 6 % at three sigma."""
    flow = trained("factored", "disc").flow
    data, stars = (flow.sample(jax.random.key(seed), n) for seed, n in ((1, 60_000), (2, 120_000)))
    for x, y in ((0, 1), (1, 2), (3, 4)):
        spans = [tuple(np.quantile(data[:, axis], [0.1, 0.9])) for axis in (y, x)]
        grids = [np.histogram2d(w[:, y], w[:, x], bins=20, range=spans)[0] for w in (data, stars)]
        assert grids[0].min() > 20
        found = made(*grids, len(data) / len(stars))
        assert found.rms == pytest.approx(found.expected_rms, rel=0.12)
    grids = [np.histogram2d(w[:, 3] + shift, w[:, 4], bins=20)[0] for w, shift in ((data, 0.0), (stars, 5.0))]
    found = made(*grids, len(data) / len(stars))
    assert found.rms > 1.5 * found.expected_rms  # 5 km/s off is seen


@given(counts, counts, st.floats(0.01, 100), st.sampled_from(FORMS))
def test_a_map_is_its_definition_bin_by_bin(data, flow, weight, form):
    found = made(data, flow, weight, form)
    np.testing.assert_array_equal(np.isnan(found.significance), data == 0)
    np.testing.assert_array_equal(found.data, data)
    np.testing.assert_allclose(found.flow, flow * weight)
    for n_data, n_flow, value in zip(data.flat, flow.flat, found.significance.flat, strict=True):
        if n_data:
            spread = np.sqrt(n_data * (1 + weight if form == "two-sample" else 1))
            assert value == pytest.approx((n_flow * weight - n_data) / spread)
    assert found.filled == np.sum(data > 0)
    total = flow.sum()
    outside = flow[data == 0].sum() / total if total else 0.0
    assert found.flow_in_empty_bins == pytest.approx(outside)


@given(counts, counts, hnp.arrays(float, (5, 7), elements=st.floats(0.1, 9)), st.sampled_from(FORMS))
def test_marginals_are_sums_of_the_map(data, flow, squares, form):
    """So their significance is that of the stars of a whole row or column."""
    whole = significance_map("x", "y", *RANGES, data, flow, weight=0.5, form=form, squares=squares)
    for axis, found in enumerate(marginals(whole)):
        assert (found.x_range, found.y_range) == RANGES
        np.testing.assert_allclose(found.data.ravel(), data.sum(axis))
        np.testing.assert_allclose(found.flow.ravel(), 0.5 * flow.sum(axis))
        summed = (counts.sum(axis, keepdims=True) for counts in (data, flow, squares))
        data_1, flow_1, squares_1 = summed
        again = significance_map("x", "y", *RANGES, data_1, flow_1, weight=0.5, form=form, squares=squares_1)
        np.testing.assert_allclose(found.significance, again.significance)


@given(counts, counts)
def test_the_worst_bin_is_where_the_map_is_farthest_from_zero(data, flow):
    found = made(data, flow, 1.0)
    if found.worst is None:
        assert not data.any()
        return
    sigma, x, y = found.worst
    assert abs(sigma) == np.nanmax(np.abs(found.significance))
    column, row = round((x + 1) / 2 * 7 - 0.5), round((y + 2) / 4 * 5 - 0.5)
    assert found.significance[row, column] == sigma


@given(counts, counts)
def test_scaling_the_flow_to_the_data_conserves_counts(data, flow):
    """With w the ratio of the samples in the window, both maps hold as many stars."""
    if flow.sum() and data.sum():
        found = made(data, flow, data.sum() / flow.sum())
        assert found.flow.sum() == pytest.approx(found.data.sum())


def test_a_flow_that_is_wrong_is_seen():
    data = np.full((10, 10), 100.0)
    flow = data * 2
    flow[3, 4] = 500
    found = made(data, flow, 0.5)
    assert found.significance[3, 4] == pytest.approx((250 - 100) / 10)
    assert found.beyond_five_sigma == 1
    assert np.nansum(np.abs(found.significance) > 0) == 1


def test_a_map_without_data_has_no_value():
    found = made(np.zeros((5, 7)), np.ones((5, 7)), 1.0)
    assert np.isnan(found.rms)
    assert found.filled == 0
    assert found.flow_in_empty_bins == 1.0
    assert made(np.zeros((5, 7)), np.zeros((5, 7)), 1.0).flow_in_empty_bins == 0.0
