"""The axisymmetrised sample keeps everything of the stars but their azimuth, and has no pattern at all."""

import numpy as np
import pytest
from scipy.stats import kstest

from core.phase_space.axisymmetry import axisymmetrised
from core.phase_space.coordinates import coordinate
from core.phase_space.region import Everything, Expression, Shell
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
KEPT = ("R", "Z", "vR", "vphi", "vZ", "Lz")
REGIONS = [Shell(1.0), Shell(1.0, 0.2), Shell(0.7, centre=(0.5, -1.0, 0.2)), Shell(1.0) & Expression("abs(b) > 10")]


def sample(region, n=4000, dtype=np.float64):
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, (40 * n, 3))
    x = x[region.contains_positions(x, SUN)][:n]
    w = np.concatenate([x, rng.normal(size=(len(x), 3)) * [35, 25, 18]], 1)
    return PhaseSpaceSample(w.astype(dtype), region, group=np.arange(len(w)))


def value(name, w):
    return coordinate(name).compute(np.asarray(w, float), SUN)


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_turning_keeps_everything_but_the_azimuth(region):
    stars = sample(region)
    turned = axisymmetrised(np.random.default_rng(0), stars, SUN)
    for name in KEPT:
        np.testing.assert_allclose(value(name, turned.w), value(name, stars.w), atol=1e-9, err_msg=name)
    assert np.all(region.contains_positions(turned.w[:, :3], SUN))
    assert turned.region == stars.region
    np.testing.assert_array_equal(turned.group, stars.group)
    assert np.mean(value("phi", turned.w) != value("phi", stars.w)) > 0.99


def test_azimuths_are_flat_where_the_volume_lets_them_be():
    """In a ball the azimuths of a star that keep it inside are an interval: its place in it is uniform."""
    stars = sample(Shell(1.0))
    turned = axisymmetrised(np.random.default_rng(0), stars, SUN).w
    R, Z = value("R", turned), value("Z", turned)
    X_sun = SUN.galactocentric_position(np.zeros(3))
    R_sun, Z_sun = np.hypot(X_sun[0], X_sun[1]), X_sun[2]
    # The chord of the circle (R, Z) in the ball of 1 kpc about the Sun.
    reach = np.degrees(np.arccos(np.clip((R**2 + R_sun**2 + (Z - Z_sun) ** 2 - 1) / (2 * R * R_sun), -1, 1)))
    share = (value("phi", turned) / reach + 1) / 2
    assert kstest(share, "uniform").pvalue > 1e-3


def test_a_pattern_is_gone():
    """Stars in one quadrant of the ball only: afterwards both sides hold as many."""
    stars = sample(Shell(1.0))
    one_sided = stars.take(stars.w[:, 1] > 0)
    turned = axisymmetrised(np.random.default_rng(0), one_sided, SUN)
    left = int(np.sum(turned.w[:, 1] > 0))
    assert abs(left - len(turned) / 2) < 4 * np.sqrt(len(turned)) / 2


def test_without_a_volume_stars_go_all_the_way_round():
    stars = sample(Shell(1.0))
    turned = axisymmetrised(np.random.default_rng(0), PhaseSpaceSample(stars.w, Everything()), SUN)
    assert kstest((value("phi", turned.w) + 180) / 360, "uniform").pvalue > 1e-3


def test_a_star_that_fits_nowhere_stays():
    """A star outside its volume at every azimuth (too high above the plane) keeps its place; others still move."""
    stars = sample(Shell(1.0), 50)
    stars.w[0, 2] = 5.0
    turned = axisymmetrised(np.random.default_rng(0), stars, SUN)
    np.testing.assert_array_equal(turned.w[0], stars.w[0])
    assert np.mean(np.any(turned.w != stars.w, 1)) > 0.9


def test_a_star_outside_its_volume_is_turned_into_it_where_that_can_be():
    stars = sample(Shell(1.0), 50)
    angle = np.radians(90.0)
    q = SUN.to_galactocentric(stars.w)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    q[:, :2], q[:, 3:5] = q[:, :2] @ turn.T, q[:, 3:5] @ turn.T
    far = PhaseSpaceSample(SUN.to_heliocentric(q), Shell(1.0))
    assert not np.any(far.region.contains_positions(far.w[:, :3], SUN))
    turned = axisymmetrised(np.random.default_rng(0), far, SUN)
    # A star at the rim has a short arc, of which each of the 60 trials hits half: all but the very last find it.
    assert np.mean(turned.region.contains_positions(turned.w[:, :3], SUN)) > 0.95


def test_the_sample_itself_is_left_alone_and_belongs_to_the_seed():
    stars = sample(Shell(1.0), 100, np.float32)
    before = stars.w.copy()
    first, again = (axisymmetrised(np.random.default_rng(5), stars, SUN) for _ in range(2))
    np.testing.assert_array_equal(stars.w, before)
    np.testing.assert_array_equal(first.w, again.w)
    assert first.w.dtype == np.float32
    empty = axisymmetrised(np.random.default_rng(5), stars.take(np.zeros(100, bool)), SUN)
    assert empty.w.shape == (0, 6)
