"""Is f stationary: noise of the flows is told from what both halves see, and where it is."""

import json
from dataclasses import replace

import numpy as np

from core import mocks
from core.diagnostics.steadiness import from_json, steadiness
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.reference_frame import reference_frame

SUN = SolarPosition()
FRAME = reference_frame("rotating", SUN)


def scored(noise, wave=None, n=30_000):
    """Freeman's stars with exact scores, errors of their own in each half, and a change of f that both halves see."""
    system = mocks.system("freeman")
    rng = np.random.default_rng(1)
    w = np.asarray(system.sample(rng, n).w, float)
    score = system.score(w)
    if wave is not None:
        score[:, :3] += wave(w)[:, None] * score[:, :3]
    errors = noise * np.median(np.abs(score), 0) * rng.normal(size=(2, *score.shape))
    sample = ScoredSample(w, np.stack([system.ln_f(w)] * 2), score + errors, np.array([0, 1]))
    return sample, system.acceleration(w[:, :3]), system.pattern_speed


def found(*arguments, **options):
    return steadiness(*(lambda s, a, o: (s, FRAME, a, o))(*scored(*arguments, **options)))


def test_a_stationary_f_is_steady_whatever_the_noise():
    exact, noisy = found(0.0), found(0.3)
    assert exact.unexplained < 1e-3
    assert noisy.noise > 20 * exact.noise
    assert noisy.unexplained < 0.2 * noisy.noise
    assert exact.is_steady
    # A force can only take something away, also from noise.
    assert exact.floor <= exact.unexplained
    assert noisy.floor <= noisy.unexplained
    assert "no more than in stationary mocks" in exact.sentence


def test_a_wrong_pattern_speed_or_force_is_seen():
    sample, acceleration, speed = scored(0.1)
    right = steadiness(sample, FRAME, acceleration, speed).unexplained
    assert steadiness(sample, FRAME, acceleration, speed + 5).unexplained > 2 * right
    pulled = steadiness(sample, FRAME, 1.1 * acceleration, speed)
    assert pulled.unexplained > 0.05
    # Cells that may choose their force do not need the wrong one.
    assert pulled.floor < 0.5 * pulled.unexplained


def test_it_is_found_where_it_is():
    """Gradients a fifth too steep, on one side of the Sun alone."""
    there = found(0.1, wave=lambda w: 0.2 * (w[:, 0] > 0.3))
    plane = there.maps[0]
    middle = (plane.edges[1:] + plane.edges[:-1]) / 2
    far, near = (there.maps[0].unexplained[:, part] for part in (middle > 0.35, middle < 0.2))
    assert np.nanmedian(far) > 3 * np.nanmedian(near)
    assert not there.is_steady
    words = there.sentence
    assert "disequilibrium, or a bias that all flows share" in words
    assert float(words.split("near x = ")[1].split(",")[0]) > 0.3


def test_sparse_cells_say_nothing_and_the_axes_are_those_of_the_map():
    sample, acceleration, speed = scored(0.1, n=5000)
    for plane in steadiness(sample, FRAME, acceleration, speed).maps:
        assert np.all(np.isnan(plane.unexplained) == (plane.points < 100))
        assert 0.98 * len(sample) < plane.points.sum() <= len(sample)
        columns, rows = ("xyz".index(axis) for axis in plane.axes)
        counted, _, _ = np.histogram2d(sample.w[:, rows], sample.w[:, columns], bins=[plane.edges] * 2)
        assert np.all(plane.points <= counted + 1)
        assert np.corrcoef(plane.points.ravel(), counted.ravel())[0, 1] > 0.999


def test_of_few_points_no_place_is_named():
    sample, acceleration, speed = scored(0.1, n=600)
    few = steadiness(sample, FRAME, 1.3 * acceleration, speed)
    assert not few.is_steady
    assert "too few points to say where" in few.sentence
    assert from_json(json.loads(json.dumps(few.to_json()))).sentence == few.sentence


def test_without_two_halves_or_without_n_nothing_can_be_said():
    sample, acceleration, speed = scored(0.1, n=2000)
    for other in (replace(sample, half=np.array([0, 0])), replace(sample, conditional=True)):
        assert steadiness(other, FRAME, acceleration, speed) is None


def test_it_survives_json():
    there = found(0.1)
    again = from_json(json.loads(json.dumps(there.to_json())))
    assert (again.unexplained, again.floor, again.noise) == (there.unexplained, there.floor, there.noise)
    assert again.sentence == there.sentence
    for one, two in zip(again.maps, there.maps, strict=True):
        np.testing.assert_array_equal(one.unexplained, two.unexplained)
        np.testing.assert_array_equal(one.points, two.points)
