"""A field in closed form as an exported file: a tilted, sheared potential that no symmetry makes easy."""

import numpy as np
from scipy.integrate import solve_ivp

from core.export.tables import MEAN, Tables
from core.phase_space.region import Shell
from core.phase_space.solar_position import SolarPosition
from core.units import FOUR_PI_G, PC3_PER_KPC3

SUN = SolarPosition()
SPEED = 22.0
HALF = np.array([[900.0, 120.0, 60.0], [120.0, 700.0, -80.0], [60.0, -80.0, 5000.0]])
SLOPE = np.array([6200.0, 300.0, 150.0])
"""Φ = -SLOPE·x + ½ xᵀ HALF x on heliocentric axes [(km/s)², kpc]: a cubic spline has it exactly."""


def exact_potential(x):
    return -x @ SLOPE + 0.5 * np.einsum("ni,ij,nj->n", x, HALF, x)


def exact_acceleration(x):
    return SLOPE - x @ HALF


EXACT_DENSITY = np.trace(HALF) / (FOUR_PI_G * PC3_PER_KPC3)


def tables(frame="rotating", **changes):
    axes = tuple(np.linspace(-1, 1, n) for n in (9, 11, 13))
    x = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    shape = tuple(map(len, axes))
    radius = np.linalg.norm(x, axis=1).reshape(shape)
    metadata = {
        "combination": MEAN,
        "frame": frame,
        "pattern_speed": SPEED if frame == "rotating" else None,
        "solar_position": {name: getattr(SUN, name) for name in SUN.__dataclass_fields__},
        "region": Shell(1.0).to_json(),
    }
    fields = {"potential": exact_potential(x).reshape(shape), "density": np.full(shape, EXACT_DENSITY)}
    return Tables(axes, fields, {}, radius <= 1, radius <= 0.8, metadata | changes)


def on_axes(x, frame):
    """Positions on the axes of the exported frame."""
    return SUN.galactocentric_position(x) if frame == "rotating" else x


def vectors_on_axes(a, frame):
    return a @ SUN.axes.T if frame == "rotating" else a


def orbit_in_rotating_axes(X, V, spin, acceleration, times):
    """Reference orbit: inertial velocities on axes that turn with ``spin`` [km/s/kpc] about z; times in kpc/(km/s)."""
    omega = np.array([0.0, 0.0, spin])

    def rate(t, w):
        X, V = w[:3], w[3:]
        return np.concatenate([V - np.cross(omega, X), acceleration(X[None])[0] - np.cross(omega, V)])

    start = np.concatenate([X, V])
    return solve_ivp(rate, (0, times[-1]), start, t_eval=times, rtol=1e-11, atol=1e-10).y.T
