"""Test particles: orbits, launching, recording and what is said about the steadiness of the result."""

import json
from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core import mocks
from core.errors import ConfigError
from core.mocks.launch import LaunchDisc
from core.mocks.orbits import advance
from core.mocks.recording import EquivalentSuns, Recording, Schedule, record_stars
from core.mocks.stationarity import early_against_late
from core.mocks.test_particles import PhaseMixedDisc
from core.phase_space.solar_position import SolarPosition
from core.units import GYR_PER_KPC_KM_S

GYR = 1 / GYR_PER_KPC_KM_S
STARS = 1280
SHORT = {"mix": 0.1, "growth": 0.2, "settle": 0.3, "record": 0.96}
LATE = 10 * GYR


@cache
def recorded(**overrides: float) -> tuple[PhaseMixedDisc, Recording, tuple[float, ...]]:
    system = mocks.system("disc-spiral", SHORT | overrides)
    seen: list[float] = []
    return system, system.integrate(np.random.default_rng(3), STARS, progress=seen.append), tuple(seen)


def starts(system: PhaseMixedDisc, n: int) -> np.ndarray:
    launch = LaunchDisc(system.galaxy, system.components, system.R0, system.radius, system.margin)
    return launch.draw(np.random.default_rng(1), n)


def moved(system: PhaseMixedDisc, q: np.ndarray, gyr: float) -> np.ndarray:
    """Long after the pattern has grown."""
    return advance(system, q, np.full(len(q), LATE), np.full(len(q), gyr * GYR))


# ------------------------------------------------------------------------------------------------------------ orbits


@pytest.mark.parametrize("name", ["disc-spiral", "disc-bar"])
def test_the_jacobi_integral_is_conserved_in_a_steady_pattern(name):
    system = mocks.system(name)
    q = starts(system, 512)
    change = system.jacobi_integral(moved(system, q, 1.0)) - system.jacobi_integral(q)
    assert np.median(np.abs(change)) < 1
    sound = np.abs(change) < 50
    assert sound.mean() > 0.95
    assert np.sqrt(np.mean(change[sound] ** 2)) < 15


def test_the_axisymmetric_twin_conserves_energy_and_angular_momentum():
    system = mocks.system("disc-spiral", {"amplitude": 0})
    q = starts(system, 256)
    later = moved(system, q, 1.0)

    def spin(q):
        return q[:, 0] * q[:, 4] - q[:, 1] * q[:, 3]

    energy = [system.jacobi_integral(state) - system.omega_p * spin(state) for state in (q, later)]
    np.testing.assert_allclose(spin(later), spin(q), atol=0.5)
    assert np.percentile(np.abs(energy[1] - energy[0]), 95) < 5


def test_a_circular_orbit_goes_round_with_its_own_speed_less_the_frame():
    system = mocks.system("disc-spiral", {"amplitude": 0, "omega_p": 20.0})
    X = np.array([[-8.277, 0.0, 0.0]])
    speed = np.sqrt(
        8.277
        * (system.acceleration(system.sun.to_heliocentric(np.pad(X, [(0, 0), (0, 3)]))[:, :3]) @ system.sun.axes[0])
    )
    q = np.array([[-8.277, 0.0, 0.0, 0.0, speed[0], 0.0]])
    later = moved(system, q, 0.1)
    azimuth = np.arctan2(later[0, 1], -later[0, 0])
    assert azimuth == pytest.approx((speed[0] / 8.277 - 20.0) * 0.1 * GYR, abs=1e-4)
    assert np.hypot(*later[0, :2]) == pytest.approx(8.277, abs=1e-4)


def test_the_pattern_grows_from_nothing_to_all_of_it():
    system = mocks.system("disc-bar", {"mix": 1.0, "growth": 2.0})
    twin = mocks.system("disc-bar", {"amplitude": 0})
    X = np.array([-6.0, 2.0, 0.1])
    x = system.sun.to_heliocentric(np.pad(X, (0, 3)))[None, :3]
    bare, full = twin.potential(x)[0], system.potential(x)[0]
    values = [float(system.evolving_potential(jnp.asarray(X), jnp.asarray(t * GYR))) for t in (0.0, 1.0, 2.0, 3.0, 9.0)]
    np.testing.assert_allclose(values, [bare, bare, (bare + full) / 2, full, full], rtol=1e-12)
    assert abs(full - bare) > 10


# --------------------------------------------------------------------------------------------------------- launching


def test_launched_orbits_are_a_warm_disc_whose_epicycles_reach_the_ball():
    system = mocks.system("disc-spiral")
    q = starts(system, 8192)
    assert q.shape == (8192, 6)
    R = np.hypot(q[:, 0], q[:, 1])
    v_R, v_phi = (q[:, 0] * q[:, 3] + q[:, 1] * q[:, 4]) / R, (q[:, 1] * q[:, 3] - q[:, 0] * q[:, 4]) / R
    near = np.abs(R - system.R0) < 0.3
    assert 30 < v_R[near].std() < 45
    assert 205 < v_phi[near].mean() < 232
    assert 15 < q[near, 5].std() < 25
    # Even in azimuth, symmetric about the plane.
    assert abs(np.mean(np.exp(1j * np.arctan2(q[:, 1], q[:, 0])))) < 4 / np.sqrt(8192)
    assert abs(np.mean(np.sign(q[:, 2]))) < 4 / np.sqrt(8192)


# --------------------------------------------------------------------------------------------------------- recording


def test_stars_fill_the_ball_and_know_their_orbit():
    system, recording, _ = recorded()
    sample = recording.sample
    assert sample.w.shape == (STARS, 6)
    assert sample.region == system.region
    assert np.all(np.linalg.norm(sample.w[:, :3], axis=1) < system.radius)
    assert sample.group is not None
    orbits, counts = np.unique(sample.group, return_counts=True)
    assert len(orbits) == recording.stationarity.orbits
    assert counts.max() > 1
    assert np.all((recording.times >= 0) & (recording.times <= system.record + system.cadence / 1000))
    # Records of one orbit are at least a cadence apart.
    order = np.lexsort((recording.times, sample.group))
    same = np.diff(sample.group[order]) == 0
    assert np.diff(recording.times[order])[same].min() > 0.999 * system.cadence / 1000


def test_progress_rises_to_the_end():
    _, _, seen = recorded()
    assert all(0 <= a <= b <= 1 for a, b in pairwise(seen))
    assert seen[-1] > 0.9


def test_a_recording_belongs_to_its_seed_in_either_precision():
    system, recording, _ = recorded()
    with jax.enable_x64(False):
        again = system.sample(np.random.default_rng(3), STARS)
    np.testing.assert_array_equal(again.w, recording.sample.w)


def test_the_mock_reports_how_steady_it_is():
    system = mocks.system("disc-spiral", SHORT)
    mock = system.mock(np.random.default_rng(3), STARS)
    truth = json.loads(json.dumps(mock.truth))
    assert set(truth["stationarity"]) == {"chi2_per_dof", "dof", "worst", "orbits"}
    assert 0.2 < truth["stationarity"]["chi2_per_dof"] < 5
    assert mocks.from_truth(truth) == system
    np.testing.assert_array_equal(mock.sample.w, recorded()[1].sample.w)


def test_the_twin_has_no_pattern_and_many_suns():
    twin = mocks.system("disc-spiral", {"amplitude": 0})
    assert twin.pattern_speed is None
    assert twin.truth()["pattern_speed"] is None
    assert twin.symmetry == 25
    _, recording, _ = recorded(amplitude=0.0)
    assert len(recording.sample) == STARS
    assert mocks.system("disc-bar").pattern_speed == 39.0
    assert mocks.system("disc-spiral", {"arms": 4}).symmetry == 4
    # Four balls of 8 kpc across do not fit on the solar circle, two do.
    assert mocks.system("disc-spiral", {"arms": 8, "radius": 4.0}).symmetry == 4


def test_every_sun_sees_what_the_sun_would_see():
    suns = EquivalentSuns(SolarPosition(), 1.0, 3)
    rng = np.random.default_rng(0)
    here = suns.sun.to_galactocentric(rng.normal(size=(500, 6)) * ([0.4] * 3 + [30.0] * 3))
    inside, rows = suns.see(here)
    assert 0 < len(rows) < 500
    np.testing.assert_allclose(inside, here[rows], atol=1e-12)
    for turns in (1, 2):
        c, s = np.cos(2 * np.pi * turns / 3), np.sin(2 * np.pi * turns / 3)
        turn = np.kron(np.eye(2), np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]))
        there, same = suns.see(here @ turn.T)
        np.testing.assert_array_equal(same, rows)
        np.testing.assert_allclose(there, inside, atol=1e-9)


def test_f_is_not_known_and_says_so():
    system = mocks.system("disc-bar")
    assert not system.has_exact_df
    for ask in (system.ln_f, system.score):
        with pytest.raises(mocks.NoExactDFError, match="no closed form"):
            ask(np.zeros((1, 6)))


def test_a_ball_that_no_orbit_reaches_is_an_error():
    system = recorded()[0]
    with pytest.raises(ConfigError, match="no orbit"):
        record_stars(
            system,
            np.random.default_rng(0),
            10,
            launch=LaunchDisc(system.galaxy, system.components, system.R0, system.radius, system.margin),
            suns=EquivalentSuns(system.sun, 1e-6, 2),
            schedule=Schedule(settled=0.1, gap=0.02, records=2, repeats=5.0),
        )


# ------------------------------------------------------------------------------------------------------ stationarity


def test_the_comparison_of_halves_is_calibrated_and_sees_a_drift():
    rng = np.random.default_rng(0)
    orbits, repeats = 1500, 4
    action = rng.normal(size=(orbits, 1, 1))
    w = (rng.normal(size=(orbits, repeats, 6)) * (1 + 0.2 * np.abs(action))).reshape(-1, 6)
    orbit = np.repeat(np.arange(orbits), repeats)
    late = rng.random(len(w)) < 0.5
    steady = early_against_late(w, orbit, late)
    assert steady.dof == 36
    assert steady.chi2_per_dof is not None
    assert abs(steady.chi2_per_dof - 1) < 4 * np.sqrt(2 / 36)
    few = orbit < 50
    assert early_against_late(w[few], orbit[few], late[few]).chi2_per_dof is None
    w[late, 4] += 0.3
    assert early_against_late(w, orbit, late).chi2_per_dof > 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["disc-spiral", "disc-bar"])
def test_the_default_discs_are_steady_in_their_own_field(name):
    """The stacked f obeys the moments of the Boltzmann equation with the true forces and pattern speed."""
    system = mocks.system(name)
    recording = system.integrate(np.random.default_rng(1), 50_000)
    assert recording.stationarity.chi2_per_dof < 2
    w, orbit = recording.sample.w, recording.sample.group
    X, V = w[:, :3] - system.centre, w[:, 3:] + system.drift
    velocity = V - np.cross(system.rotation, X)
    force = system.acceleration(w[:, :3]) - np.cross(system.rotation, V)
    u = 1 - np.sum(w[:, :3] ** 2, 1)
    taper, slope = u**2, -4 * u[:, None] * w[:, :3]
    moments = [np.ones(len(w)), *V.T, *(V[:, i] * V[:, j] for i in range(3) for j in range(i + 1))]
    gradients = [np.zeros_like(V), *(np.tile(np.eye(3)[i], (len(w), 1)) for i in range(3))]
    for i in range(3):
        for j in range(i + 1):
            gradients.append(V[:, [j]] * np.eye(3)[i] + V[:, [i]] * np.eye(3)[j])
    for moment, gradient in zip(moments, gradients, strict=True):
        rate = moment * np.sum(velocity * slope, 1) + taper * np.sum(force * gradient, 1)
        per_orbit = np.bincount(np.unique(orbit, return_inverse=True)[1], rate)
        assert abs(per_orbit.sum()) < 4.5 * np.sqrt(np.sum(per_orbit**2))
