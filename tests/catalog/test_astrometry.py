"""Sky to phase space agrees with astropy and has an exact inverse."""

import astropy.units as u
import hypothesis.strategies as st
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given

from core.catalog.astrometry import galactic_axes, observables_of, phase_space_of


def test_agrees_with_astropy():
    rng = np.random.default_rng(0)
    n = 2000
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    distance = 10 ** rng.uniform(-3, 1.5, n)
    pmra, pmdec, radial_velocity = rng.normal(0, 100, (3, n))
    sky = SkyCoord(
        ra=ra * u.deg,
        dec=dec * u.deg,
        distance=distance * u.kpc,
        pm_ra_cosdec=pmra * u.mas / u.yr,
        pm_dec=pmdec * u.mas / u.yr,
        radial_velocity=radial_velocity * u.km / u.s,
    ).galactic
    x = sky.cartesian.xyz.to_value(u.kpc).T
    v = sky.velocity.d_xyz.to_value(u.km / u.s).T
    w = phase_space_of(ra, dec, distance, pmra, pmdec, radial_velocity)
    # relative to the star's own distance and speed: single components can be zero by cancellation
    assert np.abs(w[:, :3] - x).max(1) == pytest.approx(0, abs=1e-9 * distance.min())
    assert (np.abs(w[:, 3:] - v).max(1) / np.linalg.norm(v, axis=1)).max() < 1e-9


def test_axes_are_a_rotation():
    axes = galactic_axes()
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(axes) == pytest.approx(1)


def test_directions_of_the_galaxy():
    """Sagittarius A* lies along x, the north Galactic pole along z, and the solar apex moves ahead."""
    pole = phase_space_of(*(np.array([v]) for v in (192.85948, 27.12825, 1.0, 0.0, 0.0, 5.0)))
    np.testing.assert_allclose(pole[0], [0, 0, 1, 0, 0, 5], atol=1e-6)
    centre = phase_space_of(*(np.array([v]) for v in (266.41684, -29.00781, 8.0, 0.0, 0.0, 0.0)))
    assert centre[0, 0] == pytest.approx(8.0, rel=1e-5)


component = st.floats(-300, 300, allow_nan=False)


@given(st.tuples(st.floats(0, 360), st.floats(-89.9, 89.9), st.floats(1e-3, 100.0), component, component, component))
def test_round_trip(star):
    names = ("ra", "dec", "distance", "pmra", "pmdec", "radial_velocity")
    observed = observables_of(phase_space_of(*(np.array([v]) for v in star)))
    again = phase_space_of(*(observed[name] for name in names))
    first = phase_space_of(*(np.array([v]) for v in star))
    np.testing.assert_allclose(again[:, :3], first[:, :3], rtol=0, atol=1e-12 * star[2])
    np.testing.assert_allclose(again[:, 3:], first[:, 3:], rtol=0, atol=1e-9 * (1 + np.abs(first[:, 3:]).max()))
    assert 0 <= observed["ra"][0] < 360
    assert observed["parallax"][0] == pytest.approx(1 / star[2])
    np.testing.assert_allclose(
        np.mod(observed["ra"] - star[0] + 180, 360) - 180, 0, atol=1e-9 / np.cos(np.radians(star[1]))
    )
    np.testing.assert_allclose([observed[n][0] for n in names[1:]], star[1:], rtol=1e-9, atol=1e-9)
