"""The members say which of them are too bad to be used: by their likelihoods, and only where there are enough."""

import math

import numpy as np
import pytest

from core.flow.outliers import outlying

GOOD = [-15.801, -15.803, -15.806, -15.802]


@pytest.mark.parametrize(
    ("held_out", "left_out"),
    [
        (GOOD, []),
        ([*GOOD, -15.86], [4]),  # 0.05 nat below the middle, and far beyond the others' scatter
        ([*GOOD, -15.84], []),
        ([*GOOD, -14.0], []),  # better than the others is no fault
        ([-15.8, -15.9, -16.0, -16.1, -16.3], []),  # all differ as much: six deviations are 0.9
        ([-15.8, -15.9, -16.0, -16.1, -17.2], [4]),
        ([-15.8, -25.0], []),  # of two, who is wrong?
        ([-15.8, -15.8, -25.0], [2]),
        ([-15.8, math.nan], [1]),
        ([-15.8, -math.inf, -15.81, -20.0], [1, 3]),
        ([-15.8, math.inf, -20.0], [1]),  # infinite does not count among the three that it takes
        ([math.nan], [0]),
        ([math.nan, -math.inf], [0, 1]),
        ([-15.8], []),
        ([], []),
    ],
    ids=str,
)
def test_who_is_left_out(held_out, left_out):
    reasons = outlying(held_out)
    assert len(reasons) == len(held_out)
    assert [i for i, reason in enumerate(reasons) if reason is not None] == left_out


def test_the_reason_has_the_numbers():
    assert outlying([*GOOD, -16.5])[-1] == "its mean ln f of held-out stars is -16.500, that of the others -15.803"
    assert outlying([-15.8, math.nan])[-1] == "its mean ln f of held-out stars is not finite"


def test_the_rule_is_0_05_nat_and_six_deviations_below_the_median():
    rng = np.random.default_rng(0)
    for scatter in (0.001, 0.02, 0.3):
        values = scatter * rng.normal(size=15)
        middle = np.median(values)
        deviation = 1.4826 * np.median(np.abs(values - middle))
        lowest = middle - max(0.05, 6 * deviation)
        expected = [bool(value < lowest) for value in values]
        for value in (lowest - 1e-9, lowest + 1e-9):
            # It moves neither the middle nor the deviations: it takes the place of the lowest.
            changed = np.where(np.arange(15) == np.argmin(values), value, values)
            found = [reason is not None for reason in outlying(changed.tolist())]
            assert found == [bool(v < lowest) for v in changed]
        assert [reason is not None for reason in outlying(values.tolist())] == expected
