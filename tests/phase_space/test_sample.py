"""Taking some stars of a sample, or one member, takes all that is known of them."""

import numpy as np

from core.phase_space.region import Shell
from core.phase_space.sample import PhaseSpaceSample, ScoredSample

RNG = np.random.default_rng(0)
W = np.concatenate([RNG.normal(size=(400, 3)), RNG.normal(size=(400, 3)) * 50], 1)


def test_taking_stars_takes_all_that_is_known_of_them():
    stars = PhaseSpaceSample(W, Shell(9.0), group=np.arange(400), weight=np.linspace(0, 1, 400))
    some = stars.take(W[:, 0] > 0)
    assert len(some) == np.sum(W[:, 0] > 0)
    np.testing.assert_array_equal(W[some.group], some.w)
    np.testing.assert_array_equal(some.weight, stars.weight[some.group])
    assert some.region == stars.region


def test_a_member_of_a_scored_sample_is_a_sample_of_one():
    rng = np.random.default_rng(1)
    scored = ScoredSample(W, rng.normal(size=(3, 400)), rng.normal(size=(3, 400, 6)), np.array([0, 1, 0]))
    one = scored.member(1).take(np.array([5, 7]))
    assert (one.members, len(one), one.half.tolist()) == (1, 2, [1])
    np.testing.assert_array_equal(one.score[0], scored.score[1, [5, 7]])
    np.testing.assert_array_equal(one.log_df[0], scored.log_df[1, [5, 7]])
