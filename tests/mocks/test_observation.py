"""What a survey sees of a mock: errors of the asked size, cuts on what was measured, holes that are where they say."""

import json

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from core import mocks
from core.mocks.dust import Cone, draw_cones, outside
from core.mocks.observation import (
    ObservationModel,
    cartesian_table,
    observables,
    observe,
    observed_mock,
    parallax_error,
    radial_velocity_error,
)
from core.phase_space.region import Everything, from_json
from core.phase_space.solar_position import SolarPosition
from core.settings import replace


def sky_to_phase_space(table):
    """Astropy's own way back."""
    sky = SkyCoord(
        ra=table["ra"] * u.deg,
        dec=table["dec"] * u.deg,
        distance=1 / table["parallax"] * u.kpc,
        pm_ra_cosdec=table["pmra"] * u.mas / u.yr,
        pm_dec=table["pmdec"] * u.mas / u.yr,
        radial_velocity=table["radial_velocity"] * u.km / u.s,
    ).galactic
    return np.concatenate([sky.cartesian.xyz.to_value(u.kpc).T, sky.velocity.d_xyz.to_value(u.km / u.s).T], 1)


@pytest.fixture(scope="module")
def disc():
    system = mocks.system("shu-disc")
    return system, system.sample(np.random.default_rng(0), 20_000)


def test_the_sky_is_astropys(disc):
    _, sample = disc
    table = observables(sample.w)
    np.testing.assert_allclose(sky_to_phase_space(table), sample.w, atol=1e-8)
    assert table["ra"].min() >= 0
    assert table["ra"].max() < 360


def test_errors_have_the_size_that_is_quoted(disc):
    _, sample = disc
    table, exact = observe(np.random.default_rng(1), sample.w, ObservationModel()), observables(sample.w)
    for name in ("parallax", "pmra", "pmdec", "radial_velocity"):
        pull = (table[name] - exact[name]) / table[f"{name}_error"]
        pull = pull[np.isfinite(pull)]
        assert abs(pull.mean()) < 4 / np.sqrt(len(pull))
        assert pull.std() == pytest.approx(1, abs=0.03)
    np.testing.assert_array_equal(table["ra"], exact["ra"])
    assert 0.01 < np.median(table["parallax_error"]) < 0.025
    assert 0.3 < np.nanmedian(table["radial_velocity_error"]) < 2


def test_fainter_is_worse_and_too_faint_has_no_radial_velocity(disc):
    _, sample = disc
    magnitude = np.array([6.0, 10.0, 13.0, 15.0, 18.0, 20.0])
    assert np.all(np.diff(parallax_error(magnitude, 0.01)) >= 0)
    assert parallax_error(magnitude, 0.01)[-1] > 0.3
    assert np.all(np.diff(radial_velocity_error(magnitude)) > 0)
    table = observe(np.random.default_rng(1), sample.w, ObservationModel(rv_limit=12.0))
    faint = table["phot_g_mean_mag"] > 12
    assert 0 < faint.mean() < 1
    for name in ("radial_velocity", "radial_velocity_error"):
        np.testing.assert_array_equal(np.isnan(table[name]), faint)


def test_dust_dims_the_plane_more_than_the_poles():
    x = np.array([[1.0, 0, 0], [0, 0, 1.0]]).repeat(4000, 0)
    w = np.concatenate([x, np.zeros_like(x)], 1)
    magnitude = observe(np.random.default_rng(0), w, ObservationModel())["phot_g_mean_mag"]
    plane, pole = magnitude[:4000].mean(), magnitude[4000:].mean()
    assert plane - pole == pytest.approx(0.7 - 0.7 * 0.1 * (1 - np.exp(-10)), abs=0.1)


def test_the_volume_is_cut_on_the_measured_distance(disc):
    system, _ = disc
    mock = observed_mock(system, np.random.default_rng(2), 20_000, ObservationModel())
    assert {len(column) for column in mock.table.values()} == {20_000}
    assert set(mock.table) == {
        *("ra", "dec", "parallax", "parallax_error", "pmra", "pmra_error", "pmdec", "pmdec_error"),
        *("radial_velocity", "radial_velocity_error", "phot_g_mean_mag"),
    }
    assert np.all(1 / mock.table["parallax"] <= system.radius)
    true = np.linalg.norm(mock.w[:, :3], axis=1)
    scattered_in = true > system.radius
    assert 0.002 < scattered_in.mean() < 0.05
    # As many scatter in as out where the density is smooth: the profile near the edge stays that of the disc.
    inferred = 1 / mock.table["parallax"]
    assert np.mean(inferred > 0.95) == pytest.approx(np.mean(true[~scattered_in] > 0.95), abs=0.015)
    assert mock.truth["parameters"]["radius"] == 1.0
    assert mock.truth["observation"]["padding"] == 0.2
    json.dumps(mock.truth)


def test_without_errors_the_columns_are_the_stars(disc):
    system, _ = disc
    model = replace(ObservationModel(), {"errors": "false"})
    mock = observed_mock(system, np.random.default_rng(2), 5000, model)
    assert list(mock.table) == ["x", "y", "z", "vx", "vy", "vz"]
    np.testing.assert_array_equal(np.stack(list(mock.table.values()), 1), mock.w)
    assert mock.region == system.region
    assert np.all(np.linalg.norm(mock.w[:, :3], axis=1) <= 1)


def test_holes_take_the_stars_in_their_cones_and_no_others(disc):
    _, sample = disc
    cones = draw_cones(np.random.default_rng(4), 40)
    clear = outside(cones)
    kept = clear.contains_positions(sample.w[:, :3], SolarPosition())
    r = np.linalg.norm(sample.w[:, :3], axis=1)
    hidden = np.zeros(len(r), bool)
    for cone in cones:
        l, b = np.radians(cone.l), np.radians(cone.b)  # noqa: E741
        axis = np.array([np.cos(b) * np.cos(l), np.cos(b) * np.sin(l), np.sin(b)])
        angle = np.degrees(np.arccos(np.clip(sample.w[:, :3] @ axis / r, -1, 1)))
        hidden |= (angle < cone.radius) & (r > cone.distance)
    assert 0 < hidden.sum() < 0.2 * len(r)
    np.testing.assert_array_equal(kept, ~hidden)
    assert clear.is_spatial
    assert from_json(json.loads(json.dumps(clear.to_json()))) == clear
    assert outside(()) == Everything()


def test_an_observed_mock_has_no_star_in_a_hole(disc):
    system, _ = disc
    model = ObservationModel(holes=30, hole_seed=3)
    mock = observed_mock(system, np.random.default_rng(2), 3000, model)
    measured = sky_to_phase_space(mock.table | {"radial_velocity": np.zeros(3000)})[:, :3]
    assert np.all(mock.region.contains_positions(measured, SolarPosition()))
    assert mock.region.bounding_ball() == ((0.0, 0.0, 0.0), 1.0)
    in_plane = Cone(l=90.0, b=0.0, radius=4.0, distance=0.2).region
    star = np.array([[0.0, 0.5, 0.0], [0.0, 0.1, 0.0], [0.5, 0.0, 0.0]])
    np.testing.assert_array_equal(in_plane.contains_positions(star, SolarPosition()), [True, False, False])


def test_orbits_are_kept_through_the_observation():
    short = {"mix": 0.0, "growth": 0.1, "settle": 0.1, "record": 0.3, "amplitude": 0.0}
    system = mocks.system("disc-spiral", short)
    mock = observed_mock(system, np.random.default_rng(2), 700, ObservationModel())
    assert mock.table["group"].dtype.kind == "i"
    assert len(mock.table["group"]) == 700
    assert "stationarity" in mock.truth
    table = cartesian_table(system.sample(np.random.default_rng(0), 100))
    assert list(table) == ["x", "y", "z", "vx", "vy", "vz", "group"]
