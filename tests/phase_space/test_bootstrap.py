"""Stars drawn with replacement: groups stay whole, and on average every star counts once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.phase_space.bootstrap import bootstrapped
from core.phase_space.sample import PhaseSpaceSample


def stars(count, groups=None, weight=None):
    w = np.arange(6.0 * count).reshape(count, 6)
    return PhaseSpaceSample(w, group=groups, weight=weight)


@given(count=st.integers(1, 300), labels=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_groups_are_drawn_whole_and_as_many_as_there_are(count, labels, seed):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, labels, count) * 7 - 3
    drawn = bootstrapped(rng, stars(count, group))
    assert np.all(drawn.weight >= 1)
    times = {}
    for label, weight in zip(drawn.group, drawn.weight, strict=True):
        assert times.setdefault(label, weight) == weight
    assert sum(times.values()) == len(np.unique(group))
    for label in times:
        assert np.sum(drawn.group == label) == np.sum(group == label)


@pytest.mark.parametrize("own", [None, np.linspace(1, 3, 2000)])
def test_every_star_counts_once_on_average(own):
    sample, rng = stars(2000, weight=own), np.random.default_rng(0)
    total = np.zeros(2000)
    for _ in range(400):
        drawn = bootstrapped(rng, sample)
        total[(drawn.w[:, 0] / 6).astype(int)] += drawn.weight / 400
        assert len(drawn) == pytest.approx(2000 * (1 - np.exp(-1)), abs=100)
    expected = np.ones(2000) if own is None else own
    # One draw of a star scatters by 1: 400 of them by 0.05, the mean of 2000 stars hardly at all.
    assert np.abs(total / expected - 1).max() < 0.25
    assert np.mean(total / expected) == pytest.approx(1, abs=0.005)
