"""Ensembles: stacking is lossless, and the best estimate is the median over members."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core import ensemble

values = hnp.arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 5)), elements=st.floats(-1e6, 1e6))


def test_a_member_comes_out_as_it_went_in():
    members = [{"a": jnp.full((2,), float(i)), "b": (jnp.asarray(i),)} for i in range(3)]
    states = ensemble.stack(members)
    assert ensemble.size(states) == 3
    assert states["a"].shape == (3, 2)
    for i, member in enumerate(members):
        again = ensemble.member(states, i)
        np.testing.assert_array_equal(again["a"], member["a"])
        assert int(again["b"][0]) == i


@given(values, st.permutations(range(7)))
def test_the_median_does_not_know_the_order_of_the_members(array, order):
    order = [i for i in order if i < len(array)]
    np.testing.assert_array_equal(ensemble.median(array[order]), ensemble.median(array))


@given(values, st.floats(0.1, 10), st.floats(-100, 100))
def test_median_and_spread_scale_with_the_values(array, scale, shift):
    scaled = array * scale + shift
    np.testing.assert_allclose(ensemble.median(scaled), ensemble.median(array) * scale + shift, rtol=1e-9, atol=1e-3)
    np.testing.assert_allclose(ensemble.spread(scaled), ensemble.spread(array) * scale, rtol=1e-9, atol=1e-3)


def test_one_member_that_diverged_moves_nothing():
    """A minority of wild members moves the median to a neighbour only, and one that is not finite not even there."""
    good = np.array([[1.0, 2.0], [1.1, 2.1], [0.9, 1.9], [1.05, 2.05]])
    for wild in (np.nan, np.inf, -np.inf):
        with_wild = np.concatenate([good, [[wild, wild]]])
        np.testing.assert_array_equal(ensemble.median(with_wild), ensemble.median(good))
        np.testing.assert_array_equal(ensemble.spread(with_wild), ensemble.spread(good))


def test_the_spread_of_normal_values_is_their_standard_deviation():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (20_000, 1))
    assert ensemble.spread(draws)[0] == pytest.approx(2.0, rel=0.03)  # 4 standard errors of a 16–84 % range


@given(values, st.floats(0, 1))
def test_quantiles_are_those_of_the_finite_values(array, share):
    found = ensemble.quantiles(array, [share, 0.5])
    np.testing.assert_allclose(found, np.quantile(array, [share, 0.5], axis=0), rtol=1e-12, atol=1e-9)
    unknown = np.full_like(array, np.nan)
    np.testing.assert_array_equal(ensemble.quantiles(np.vstack([array, unknown]), [share, 0.5]), found)
    assert np.isnan(ensemble.quantiles(unknown, [share])).all()
