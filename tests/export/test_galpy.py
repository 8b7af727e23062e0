"""galpy sees the same forces, and its orbits are those of the fit; its frame is left-handed about the Sun's azimuth."""

import numpy as np
import pytest
from exact_export import EXACT_DENSITY, SPEED, exact_acceleration, on_axes, orbit_in_rotating_axes, vectors_on_axes

from core.errors import InputError
from core.export.galpy import load
from core.phase_space.coordinates import COORDINATES
from core.phase_space.solar_position import SolarPosition
from core.units import GYR_PER_KPC_KM_S

pytest.importorskip("galpy.potential")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:galpy", "ignore:.*:FutureWarning:galpy")
SUN = SolarPosition()


def cylindrical(x, frame):
    X = on_axes(x, frame)
    if frame == "rotating":
        w = np.concatenate([x, np.zeros_like(x)], 1)
        return X, np.hypot(X[:, 0], X[:, 1]), np.radians(COORDINATES["phi"].compute(w, SUN)), X[:, 2]
    return X, np.hypot(X[:, 0], X[:, 1]), np.arctan2(X[:, 1], X[:, 0]), X[:, 2]


def test_forces_are_those_of_the_fit_in_physical_units(exported, frame, points):
    import astropy.units as u

    potential = load(exported)
    X, R, phi, z = cylindrical(points, frame)
    a = vectors_on_axes(exact_acceleration(points), frame)
    outward, torque = (X[:, 0] * a[:, 0] + X[:, 1] * a[:, 1]) / R, X[:, 0] * a[:, 1] - X[:, 1] * a[:, 0]
    torque = -torque if frame == "rotating" else torque  # φ grows clockwise
    for i in range(8):
        place = R[i] * u.kpc, z[i] * u.kpc
        unit = potential._vo**2 / potential._ro
        forces = (
            potential.Rforce(*place, phi=phi[i], use_physical=False),
            potential.zforce(*place, phi=phi[i], use_physical=False),
        )
        np.testing.assert_allclose(np.array(forces) * unit, [outward[i], a[i, 2]], rtol=1e-8, atol=1e-6)
        np.testing.assert_allclose(potential.phitorque(*place, phi=phi[i]), torque[i], rtol=1e-7, atol=1e-5)
        np.testing.assert_allclose(potential.dens(*place, phi=phi[i]), EXACT_DENSITY, rtol=1e-3)  # galpy's own G


def test_the_circular_velocity_at_the_sun_is_the_unit(exported, frame):
    potential = load(exported)
    if frame == "rotating":
        assert potential._ro == SUN.R0
        assert potential.pattern_speed == SPEED
        inward = (exact_acceleration(np.zeros((1, 3))) @ SUN.axes.T)[0, 0]
        np.testing.assert_allclose(potential._vo, np.sqrt(SUN.R0 * inward), rtol=1e-6)


def test_outside_the_volume_is_an_error(exported):
    with pytest.raises(InputError, match="outside the fitted volume"):
        load(exported).Rforce(3.0, 0.0, use_physical=False)


@pytest.mark.parametrize("frame", ["rotating"], indirect=True)
def test_an_orbit_in_the_turning_potential_is_that_of_the_fit(exported, frame):
    import astropy.units as u
    from galpy.orbit import Orbit
    from galpy.potential import SolidBodyRotationWrapperPotential

    potential = load(exported)
    turning = SolidBodyRotationWrapperPotential(pot=potential, omega=potential.pattern_speed * u.km / u.s / u.kpc)
    w = SUN.to_galactocentric(np.array([[0.05, -0.1, 0.1, 20.0, -30.0, 8.0]]))[0]
    R, phi = np.hypot(w[0], w[1]), np.arctan2(w[1], -w[0])
    v_R, v_T = (w[0] * w[3] + w[1] * w[4]) / R, (w[1] * w[3] - w[0] * w[4]) / R
    ro, vo = potential._ro, potential._vo
    orbit = Orbit([R / ro, v_R / vo, v_T / vo, w[2] / ro, w[5] / vo, phi], ro=ro, vo=vo)
    orbit.turn_physical_off()
    times = np.linspace(0, 0.008, 9)  # kpc/(km/s): 7.8 Myr
    orbit.integrate(times * vo / ro, turning, method="dop853")
    along = orbit_in_rotating_axes(
        w[:3], w[3:], -SPEED, lambda X: exact_acceleration(X @ SUN.axes + SUN.centre) @ SUN.axes.T, times
    )
    # Back from axes at rest to those that have turned by Ω_p t, clockwise.
    azimuth = orbit.phi(times * vo / ro) - SPEED * times
    np.testing.assert_allclose(orbit.R(times * vo / ro) * ro, np.hypot(along[:, 0], along[:, 1]), atol=1e-6)
    np.testing.assert_allclose(azimuth, np.arctan2(along[:, 1], -along[:, 0]), atol=1e-6)
    np.testing.assert_allclose(orbit.z(times * vo / ro) * ro, along[:, 2], atol=1e-6)
    assert times[-1] * GYR_PER_KPC_KM_S > 0.007
    assert np.ptp(along[:, 2]) > 0.05


@pytest.mark.parametrize("frame", ["rotating"], indirect=True)
def test_a_star_of_the_sky_is_where_the_fit_has_it(exported, frame):
    """galpy's own way from the sky, with the run's Sun, ends at the azimuth and velocity that the loader assumes."""
    import astropy.coordinates as coord
    import astropy.units as u
    from galpy.orbit import Orbit

    potential = load(exported)
    w = np.array([0.2, 0.5, 0.1, 20.0, -30.0, 8.0])
    velocity = coord.CartesianDifferential(w[3:] * u.km / u.s)
    star = coord.SkyCoord(coord.Galactic(coord.CartesianRepresentation(w[:3] * u.kpc, differentials=velocity))).icrs
    motion = [-SUN.u, SUN.v - potential._vo, SUN.w]  # U of galpy points away from the centre
    orbit = Orbit(
        [
            *(star.ra.deg, star.dec.deg, star.distance.to_value(u.kpc)),
            *(star.pm_ra_cosdec.to_value(u.mas / u.yr), star.pm_dec.to_value(u.mas / u.yr)),
            star.radial_velocity.to_value(u.km / u.s),
        ],
        radec=True,
        ro=SUN.R0,
        vo=potential._vo,
        zo=SUN.z0,
        solarmotion=motion,
    )
    X, R, phi, z = cylindrical(w[None, :3], frame)
    V = SUN.galactocentric_velocity(w[3:])
    np.testing.assert_allclose([orbit.R(), orbit.phi(), orbit.z()], [R[0], phi[0], z[0]], atol=1e-3)
    np.testing.assert_allclose(orbit.vT(), (X[0, 1] * V[0] - X[0, 0] * V[1]) / R[0], atol=0.5)
    np.testing.assert_allclose(orbit.vR(), (X[0, 0] * V[0] + X[0, 1] * V[1]) / R[0], atol=0.5)
    assert phi[0] > 0
