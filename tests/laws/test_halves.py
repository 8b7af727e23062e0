"""Stars are dealt evenly, at random and in whole groups, and what is accepted can be trained on with any seed."""

import re

import numpy as np
import pytest
from small_runs import TINY

from core import mocks
from core.config import FEWEST_STARS, preset
from core.errors import TrainingError
from core.flow.halves import FEWEST_HELD_OUT, fewest_stars, shortage, split
from core.flow.training import flow_trainer
from core.phase_space.region import Shell
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()


def stars_in_groups(lengths):
    """Stars at the origin in groups of the given lengths, in random order."""
    group = np.random.default_rng(0).permutation(np.repeat(np.arange(len(lengths)), lengths))
    return PhaseSpaceSample(np.zeros((len(group), 6)), Shell(1.0), group=group)


@pytest.mark.parametrize("stars", [539, 540, 1001, 20_001])
def test_without_groups_no_more_than_one_star_is_left_over(stars):
    parts = split(PhaseSpaceSample(np.zeros((stars, 6)), Shell(1.0)), 0.05, seed=0)
    assert len(parts.held_out) == round(0.05 * stars)
    assert len(parts.halves[0]) == (stars - len(parts.held_out)) // 2


def test_short_groups_even_out_what_long_ones_leave_uneven():
    """Three orbits of 400 records cannot be shared out evenly; the single stars go where they are wanted."""
    parts = split(stars_in_groups([400] * 3 + [1] * 600), 0.1, seed=0)
    assert [len(part) for part in (*parts.halves, parts.held_out)] == [810, 810, 180]


def test_stars_fall_in_any_part_with_their_share_of_seeds():
    sample = stars_in_groups([3] * 300 + [1] * 600)
    parts = [split(sample, 0.1, seed) for seed in range(200)]
    for chosen, share in ((lambda p: p.held_out, 0.1), (lambda p: p.halves[0], 0.45), (lambda p: p.halves[1], 0.45)):
        times = np.bincount(np.concatenate([chosen(p) for p in parts]), minlength=len(sample.w))
        assert np.all(np.abs(times - 200 * share) < 5 * np.sqrt(200 * share * (1 - share)))


def trains(sample, config, seed):
    try:
        split(sample, config.held_out, seed, halves=config.halves)
    except TrainingError:
        return False
    return True


@pytest.mark.parametrize("halves", [True, False])
@pytest.mark.parametrize("held_out", [0.001, 0.05, 0.5])
@pytest.mark.parametrize("longest", [0, 1, 6, 40])
def test_what_is_accepted_trains_with_any_seed(longest, held_out, halves):
    """One rule decides for creation and for the trainer: the seed has no say, and only what is used is asked for."""
    config = preset("quick", {"flow.held_out": held_out, "flow.halves": halves}).flow
    rng = np.random.default_rng(1)
    for stars in (1, 100, 255, 271, 310, 400, 520, 537, 538, 539, 540, 600, 1040, 3000, 16_000):
        if longest:
            lengths = rng.integers(1, longest + 1, stars)
            sample = stars_in_groups(lengths[np.cumsum(lengths) <= max(stars, lengths[0])])
        else:
            sample = PhaseSpaceSample(np.zeros((stars, 6)), Shell(1.0))
        accepted = shortage(len(sample), sample.group, config) is None
        assert {trains(sample, config, seed) for seed in range(8)} == {accepted}
        if accepted:
            parts = split(sample, held_out, seed=0, halves=halves)
            assert len(parts.rows(0 if halves else None)) >= FEWEST_STARS
            assert len(parts.held_out) >= FEWEST_HELD_OUT
        elif not longest:
            kept = round(held_out * stars)
            assert kept < FEWEST_HELD_OUT or (stars - kept) // 2 * (1 if halves else 2) < FEWEST_STARS


@pytest.mark.parametrize("halves", [True, False])
@pytest.mark.parametrize("held_out", [0.001, 0.05, 0.5])
def test_from_the_fewest_stars_on_any_number_is_accepted(held_out, halves):
    config = preset("quick", {"flow.held_out": held_out, "flow.halves": halves}).flow
    fewest = fewest_stars(config)
    assert shortage(fewest - 1, None, config)
    assert not any(shortage(stars, None, config) for stars in range(fewest, fewest + 2000))


@pytest.mark.parametrize(
    ("stars", "changes", "reason", "helps"),
    [
        (538, {}, "each half needs 256 to train on and gets 255", {"flow.halves": "false"}),
        (200, {}, "each half needs 256 to train on and gets 95", {}),
        (256, {"flow.halves": False}, "the flows need 256 to train on and get 242", {}),
        (280, {"flow.halves": False}, "the held-out part needs 16 and gets 14", {"flow.held_out": "0.06"}),
        (5000, {"flow.held_out": 0.001}, "the held-out part needs 16 and gets 5", {"flow.held_out": "0.01"}),
    ],
)
def test_too_few_stars_are_told_with_a_remedy_that_works(stars, changes, reason, helps):
    lacking = shortage(stars, None, preset("quick", changes).flow)
    assert lacking.reason == reason
    assert lacking.remedy.startswith("Choose a larger region")
    assert dict(re.findall(r"(flow\.\w+)=([\w.]+?)\.?(?:,|$)", lacking.remedy)) == helps
    for key, value in helps.items():
        assert shortage(stars, None, preset("quick", {**changes, key: value}).flow) is None


def test_the_fewest_stars_that_are_accepted_are_trained_on():
    stars = mocks.system("plummer").sample(np.random.default_rng(0), 310)
    config = preset("quick", {**TINY, "flow.halves": False, "flow.velocity.training.steps": 20}).flow
    trainer = flow_trainer(stars, config, SUN, coordinates="sphere", seed=0)
    assert len(trainer.parts.rows(None)) == 294
    assert [r.phase for r in trainer.train(0, None)][-1] == "velocity"
