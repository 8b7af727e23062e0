"""What may be said of a pattern speed: claimed, weak or not constrained, and never without the reason."""

import json

import numpy as np
import pytest

from core import mocks
from core.diagnostics.stationarity import DriftVerdict, PatternSpeedVerdict, mean_angular_speed, median_share
from core.phase_space.solar_position import SolarPosition


@pytest.mark.parametrize(
    ("share", "word", "claimed"),
    [
        (None, "not constrained", False),
        (-0.1, "constrained", True),
        (0.05, "constrained", True),
        (0.2999, "constrained", True),
        (0.3, "weakly constrained", False),
        (0.4999, "weakly constrained", False),
        (0.5, "not constrained", False),
        (1.24, "not constrained", False),
        (float("nan"), "not constrained", False),
    ],
)
def test_the_noise_share_decides(share, word, claimed):
    """PHYSICS 3: below 0.3 claim, above 0.5 not constrained, between weak."""
    verdict = PatternSpeedVerdict(share, 26.5)
    assert (verdict.word, verdict.constrained) == (word, claimed)
    assert verdict.to_json()["verdict"] == word


def test_the_reason_names_everything_that_is_known():
    verdict = PatternSpeedVerdict(0.1, 26.5, (25.0, 26.0, 29.0))
    assert verdict.reason == (
        "noise share 0.10; the axisymmetrised sample gives 26.0; the stars themselves turn at 26.5 km/s/kpc"
    )
    assert "disjoint halves" in PatternSpeedVerdict(None, None).reason
    assert json.loads(json.dumps(verdict.to_json()))["null"] == [25.0, 26.0, 29.0]


NULL = (26.4, 26.6)


@pytest.mark.parametrize(
    ("null_share", "noise_share", "word"),
    [
        (None, 0.1, "constrained"),
        (0.05, 0.1, "constrained"),
        (0.29, 0.29, "constrained"),
        (0.4, 0.1, "weakly constrained"),
        (0.05, 0.4, "weakly constrained"),
        (0.5, 0.1, "not constrained"),
        (1.1, 0.1, "not constrained"),
        (0.05, 1.1, "not constrained"),
        (float("nan"), 0.1, "not constrained"),
        (0.05, None, "not constrained"),
    ],
)
def test_what_the_null_test_knows_as_well_is_no_pattern(null_share, noise_share, word):
    """PHYSICS 3: a fit that cannot be told from the null is not constrained, however well its halves agree."""
    verdict = PatternSpeedVerdict(noise_share, 26.5, NULL, null_share, 20.0, 0.9)
    assert (verdict.word, verdict.constrained) == (word, word == "constrained")
    told = null_share is not None and not null_share < 0.5
    assert ("cannot be told from the null test" in verdict.reason) == told


def test_a_real_pattern_may_turn_as_the_stars_do():
    """Its distance from the null test's Ω_p is said, and decides only where the pattern is weak."""
    for share, word in ((0.05, "constrained"), (0.4, "not constrained")):
        verdict = PatternSpeedVerdict(0.1, 26.5, NULL, share, 26.7, 0.9)
        assert verdict.apart < 0.5
        assert verdict.word == word
    far = PatternSpeedVerdict(0.1, 26.5, NULL, 0.4, 20.0, 0.9)
    assert far.apart == pytest.approx(6.5 / np.hypot(0.9, 0.1))
    assert far.word == "weakly constrained"
    assert "(0.40 of the information on Ωp, 7.2 σ apart)" in far.reason


def test_draws_of_the_null_test_that_agree_by_their_common_flows_are_no_small_error():
    """Two potentials of the same flows, both far from the stars' rotation: their error is that distance."""
    verdict = PatternSpeedVerdict(0.1, 26.8, (32.4, 31.8), 0.05, 19.7, 0.9)
    assert 2 < verdict.apart < 2.5
    for unknown in (PatternSpeedVerdict(0.1, 26.8), PatternSpeedVerdict(0.1, 26.8, NULL)):
        assert unknown.apart is None
    assert PatternSpeedVerdict(1.0, 26.8, NULL, 1.0, float("nan"), 0.9).to_json()["apart_from_null"] is None


def test_the_share_of_an_ensemble_is_the_median_of_those_that_have_one():
    assert median_share([0.1, None, 0.3, 0.2]) == pytest.approx(0.2)
    assert median_share([None, None]) is None
    assert median_share([]) is None


def test_the_stars_own_angular_speed():
    """A star on a circle at the Sun's place turns by v_c/R; the warm disc of a mock lags behind it a little."""
    sun = SolarPosition()
    at_rest_with_circle = np.array([[0.0, 0, 0, -sun.u, 240.0 - sun.v, 0]])
    R = np.sqrt(sun.R0**2 - sun.z0**2)
    assert mean_angular_speed(at_rest_with_circle, sun) == pytest.approx(240 / R, rel=1e-6)
    w = mocks.system("shu-disc").sample(np.random.default_rng(0), 5000).w
    assert 25 < mean_angular_speed(w, sun) < 28


@pytest.mark.parametrize("share", [0.01, 0.9, None])
def test_nothing_of_the_motion_is_claimed_where_the_frame_may_drift(share):
    """The demonstration's spiral, at rest: 15 km/s and 17.3 km/s/kpc for 20, with noise shares of 0.07 and 0.18."""
    for verdict in (PatternSpeedVerdict(share, 26.5, drifting=True), DriftVerdict(share)):
        found = verdict.to_json()
        assert (found["constrained"], found["verdict"], found["noise_share"]) == (False, "not claimed", share)
    assert "drift of the frame" in PatternSpeedVerdict(share, 26.5, drifting=True).reason
