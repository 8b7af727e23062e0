"""What may be said of a pattern speed: claimed, weak or not constrained, and never without the reason."""

import json

import numpy as np
import pytest

from core import mocks
from core.diagnostics.stationarity import PatternSpeedVerdict, mean_angular_speed, median_share
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
