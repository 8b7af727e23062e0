"""One ln f and one score from those of the members: median, mean and mixture, and who does not count."""

import warnings

import numpy as np
import pytest
from finite_differences import differences
from small_flows import trained

from core.flow.distribution_function import combined

RNG = np.random.default_rng(0)
ODD, EVEN = RNG.normal(size=(5, 40)) * 3, RNG.normal(size=(4, 40)) * 3
SCORES = RNG.normal(size=(5, 40, 6))


def test_the_median_is_that_of_the_densities_and_of_each_derivative():
    found = combined(ODD, SCORES, "median")
    np.testing.assert_allclose(found.log_df, np.median(ODD, 0), rtol=1e-12)
    np.testing.assert_array_equal(found.score, np.median(SCORES, 0))
    middle = np.sort(np.exp(EVEN), 0)[1:3].mean(0)  # of an even number: of f, not of ln f
    np.testing.assert_allclose(combined(EVEN, SCORES[:4], "median").log_df, np.log(middle), rtol=1e-12)


def test_the_mean_is_that_of_ln_f_and_of_the_scores():
    found = combined(ODD, SCORES, "mean")
    np.testing.assert_allclose(found.log_df, ODD.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.score, SCORES.mean(0), rtol=1e-12)


def test_the_mixture_is_the_mean_of_f_with_the_score_that_belongs_to_it():
    found = combined(ODD, SCORES, "mixture")
    f = np.exp(ODD)
    np.testing.assert_allclose(found.log_df, np.log(f.mean(0)), rtol=1e-12)
    np.testing.assert_allclose(found.score, np.sum(f[..., None] * SCORES, 0) / f.sum(0)[:, None], rtol=1e-12)


@pytest.mark.parametrize("family", ["factored", "joint"])
def test_the_score_of_the_mixture_is_the_gradient_of_its_density(family):
    made = trained(family, "disc")
    w = np.asarray(made.stars.w[made.trainer.parts.held_out[:60]], float)

    def ln_mean(points):
        return np.log(np.mean(np.exp(made.flow.log_df(points)), 0))

    found = combined(*made.flow.log_df_and_score(w), "mixture")
    np.testing.assert_allclose(found.log_df, ln_mean(w), rtol=1e-12)
    scale = np.sqrt(np.mean(found.score**2, 0))
    numeric = differences(ln_mean, w, [1e-3] * 3 + [0.1] * 3)
    np.testing.assert_allclose(numeric / scale, found.score / scale, atol=1e-5, rtol=1e-5)
    # Which the mean and the median of the scores are not.
    for how in ("mean", "median"):
        other = combined(*made.flow.log_df_and_score(w), how)
        assert np.abs(other.score / scale - found.score / scale).max() > 1e-3


HOW = ("median", "mean", "mixture")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_member_that_is_not_finite_at_a_point_does_not_count_there(how, bad):
    """In its ln f or in one derivative; everywhere else it does."""
    log_df, score = ODD.copy(), SCORES.copy()
    log_df[2, 7], score[4, 11, 3] = bad, bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, whole = combined(log_df, score, how), combined(ODD, SCORES, how)
    for point, member in ((7, 2), (11, 4)):
        rest = combined(np.delete(ODD, member, 0), np.delete(SCORES, member, 0), how)
        assert found.log_df[point] == pytest.approx(rest.log_df[point], rel=1e-12)
        np.testing.assert_allclose(found.score[point], rest.score[point], rtol=1e-12)
    others = np.delete(np.arange(40), [7, 11])
    np.testing.assert_array_equal(found.log_df[others], whole.log_df[others])
    np.testing.assert_array_equal(found.score[others], whole.score[others])


@pytest.mark.parametrize("how", HOW)
def test_of_one_member_it_is_that_member(how):
    found = combined(ODD[:1], SCORES[:1], how)
    np.testing.assert_allclose(found.log_df, ODD[0], rtol=1e-12)
    np.testing.assert_allclose(found.score, SCORES[0], rtol=1e-12)


@pytest.mark.parametrize("how", HOW)
def test_densities_that_no_float_holds_are_combined_all_the_same(how):
    """ln f of −2000 or of 900: only ratios of densities are formed."""
    for shift in (-2000.0, 900.0):
        found, plain = combined(ODD + shift, SCORES, how), combined(ODD, SCORES, how)
        np.testing.assert_allclose(found.log_df - shift, plain.log_df, atol=1e-9)
        np.testing.assert_allclose(found.score, plain.score, rtol=1e-9)


def test_two_wild_members_do_not_move_the_median():
    one_is_wild = np.concatenate([ODD, [np.full(40, 500.0)], [np.full(40, -500.0)]])
    scores = np.concatenate([SCORES, SCORES[:1] + 100, SCORES[:1] - 100])
    found, plain = combined(one_is_wild, scores, "median"), combined(ODD, SCORES, "median")
    np.testing.assert_allclose(found.log_df, plain.log_df, atol=1e-12)


def test_members_in_single_precision_may_differ_by_hundreds():
    """As they do far beyond the volume; flows are evaluated in float32."""
    log_df = np.array([[0.0, 300.0], [-400.0, -150.0], [-401.0, -151.0]], np.float32)
    found = combined(log_df, np.zeros((3, 2, 6), np.float32), "median")
    np.testing.assert_allclose(found.log_df, [-400.0, -150.0], rtol=1e-6)
