"""gala sees the same field, and its Hamiltonian turns with the Galaxy: clockwise from the north."""

import numpy as np
import pytest
from exact_export import (
    EXACT_DENSITY,
    SPEED,
    exact_acceleration,
    exact_potential,
    on_axes,
    orbit_in_rotating_axes,
    vectors_on_axes,
)

from core.errors import InputError
from core.export.gala import load
from core.phase_space.solar_position import SolarPosition

pytest.importorskip("gala.potential")
SUN = SolarPosition()


def test_the_field_has_units(exported, frame, points):
    import astropy.units as u

    potential, X = load(exported).potential, on_axes(points, frame).T * u.kpc
    np.testing.assert_allclose(potential.energy(X).to_value(u.km**2 / u.s**2), exact_potential(points), rtol=1e-6)
    acceleration = potential.acceleration(X).to_value(u.km**2 / u.s**2 / u.kpc).T
    np.testing.assert_allclose(acceleration, vectors_on_axes(exact_acceleration(points), frame), rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(potential.density(X).to_value(u.Msun / u.pc**3), EXACT_DENSITY, rtol=1e-9)


def test_outside_the_volume_is_an_error(exported):
    import astropy.units as u

    with pytest.raises(InputError, match="outside the fitted volume"):
        load(exported).potential.energy([[3.0], [0.0], [0.0]] * u.kpc)


def test_an_orbit_is_that_of_the_fit(exported, frame):
    import astropy.units as u
    from gala.dynamics import PhaseSpacePosition
    from gala.integrate import DOPRI853Integrator

    hamiltonian = load(exported)
    w = np.array([0.05, -0.1, 0.1, 20.0, -30.0, 8.0])
    spin, w = (-SPEED, SUN.to_galactocentric(w)) if frame == "rotating" else (0.0, w)
    times = np.linspace(0, 0.008, 9)
    steps = (times * u.kpc / (u.km / u.s)).to(u.Myr)
    start = PhaseSpacePosition(pos=w[:3] * u.kpc, vel=w[3:] * u.km / u.s)
    orbit = hamiltonian.integrate_orbit(start, t=steps, Integrator=DOPRI853Integrator)

    def acceleration(X):
        x = X @ SUN.axes + SUN.centre if frame == "rotating" else X
        return vectors_on_axes(exact_acceleration(x), frame)

    along = orbit_in_rotating_axes(w[:3], w[3:], spin, acceleration, times)
    np.testing.assert_allclose(orbit.xyz.to_value(u.kpc).T, along[:, :3], atol=1e-6)
    np.testing.assert_allclose(orbit.v_xyz.to_value(u.km / u.s).T, along[:, 3:], atol=1e-3)
    energy = hamiltonian.energy(orbit.w(hamiltonian.units)).to_value(u.km**2 / u.s**2)
    np.testing.assert_allclose(energy, energy[0], atol=1e-3)
