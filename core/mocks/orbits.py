"""Orbits of many particles in a rotating, growing pattern.

On axes that turn with Ω (z up, Ω = −Ω_p) and with inertial velocities V:  Ẋ = V − Ω×X,  V̇ = −∇Φ(X, t) − Ω×V.
"""

from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import PerStar, PhaseSpace

LONGEST_STEP = 0.00491
"""Step of the integrator [kpc/(km/s)]: 4.8 Myr, an eighteenth of a vertical period near the Sun."""

Components = tuple[Array, Array, Array, Array, Array, Array]


@runtime_checkable
class Galaxy(Protocol):
    """What orbits need: a hashable model of the potential on Galactocentric axes with a pattern that grows."""

    @property
    def omega_p(self) -> float:
        """Ω_p of the axes [km/s/kpc]."""

    def evolving_potential(self, X: Float[Array, "3"], time: Float[Array, ""]) -> Float[Array, ""]:
        """Φ [(km/s)²] at ``time`` [kpc/(km/s)]."""


def advance(galaxy: Galaxy, state: PhaseSpace, start: PerStar, duration: PerStar) -> Float[np.ndarray, "n 6"]:
    """Particles at ``state`` (X, V) moved on from their own times ``start`` by ``duration`` [kpc/(km/s)].

    Single precision: its rounding, 1e-3 of σ_v over 10 Gyr, is far below the phase mixing that makes the mock.
    """
    steps = int(np.ceil(np.max(duration) / LONGEST_STEP - 1e-6))
    with jax.enable_x64(False):
        columns = tuple(jnp.asarray(state[:, i], jnp.float32) for i in range(6))
        times = jnp.asarray(start, jnp.float32), jnp.asarray(duration, jnp.float32)
        moved = _advance(galaxy, columns, *times, jnp.float32(1 / steps))
        return np.stack([np.asarray(column, np.float64) for column in moved], 1)


@partial(jax.jit, static_argnums=0)
def _advance(galaxy: Galaxy, columns: Components, start: Array, duration: Array, step: Array) -> Components:
    import diffrax  # only who integrates orbits loads it: pages need no more of a mock than its truth

    # At equal error of E_J, Tsit5 cost less than Dopri5 and Dopri8, and a symplectic Runge–Kutta–Nyström scheme written
    # by hand more than half of it. Six columns instead of an (n, 6) array: the compiled loops are then contiguous.
    gradient = jax.vmap(jax.grad(partial(_potential, galaxy), argnums=(0, 1, 2)))
    omega = galaxy.omega_p

    def rates(s: Any, y: Components, _: Any) -> Components:
        X, Y, Z, VX, VY, VZ = y
        gX, gY, gZ = gradient(X, Y, Z, start + s * duration)
        per_time = VX - omega * Y, VY + omega * X, VZ, -gX - omega * VY, -gY + omega * VX, -gZ
        return tuple(duration * rate for rate in per_time)  # type: ignore[return-value]

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(rates),
        diffrax.Tsit5(),
        t0=0.0,
        t1=1.0,
        dt0=step,
        y0=columns,
        stepsize_controller=diffrax.ConstantStepSize(),
        adjoint=diffrax.ForwardMode(),
        max_steps=None,
    )
    return tuple(column[0] for column in solution.ys)


def _potential(galaxy: Galaxy, X: Array, Y: Array, Z: Array, time: Array) -> Array:
    return galaxy.evolving_potential(jnp.stack([X, Y, Z]), time)
