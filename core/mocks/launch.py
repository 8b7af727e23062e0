"""Where test particles start: a warm exponential disc in the epicycle approximation, only orbits that reach the ball.

The approximation need not be good: the particles phase-mix into a steady state of the true potential before any is
recorded. Only the actions drawn here survive, and they are those of a disc like the solar neighbourhood's.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Mask, PerStar, PhaseSpace
from core.mocks.disc import mixture
from core.mocks.milky_way import MilkyWay
from core.mocks.system import evaluate

COLUMNS = ("sigma_R", "sigma_z", "h_R", "R_sigma")
INNERMOST = 1.0
"""Orbits that come closer to the centre [kpc] are left out: they never reach a ball about the Sun."""
HIGHEST = 6.0
"""Largest height [kpc] of a start."""


@dataclass(frozen=True)
class LaunchDisc:
    """A disc whose ``components`` are [weight, sigma_R, sigma_z, h_R, R_sigma] at ``R0``, seen by a ball of ``radius``.

    ``margin`` [kpc] is how far a pattern may move the guiding centre of an orbit on its way into the ball.
    """

    galaxy: MilkyWay
    components: str
    R0: float
    radius: float
    margin: float

    def draw(self, rng: np.random.Generator, n: int) -> PhaseSpace:
        """``n`` starts (X, V) on Galactocentric axes [kpc, km/s, inertial]."""
        drawn: list[PhaseSpace] = []
        while sum(map(len, drawn)) < n:
            drawn.append(self._batch(rng, 4 * n))
        return np.concatenate(drawn)[:n]

    def _batch(self, rng: np.random.Generator, n: int) -> PhaseSpace:
        table = mixture(self.components, COLUMNS)
        row = table[rng.choice(len(table), n, p=table[:, 0] / table[:, 0].sum())]
        guiding = self._draw_guiding_radius(rng, row[:, 3])
        heat = np.exp(-(guiding - self.R0) / row[:, 4])
        circular, kappa = evaluate(_frequencies, self.galaxy, guiding).T
        # Radial energy is exponentially distributed, the epicyclic phase even.
        amplitude = np.sqrt(2 * rng.exponential(size=n)) * row[:, 1] * heat / kappa
        phase = rng.uniform(0, 2 * np.pi, n)
        R = guiding - amplitude * np.cos(phase)
        kept = self._reaches(guiding, amplitude) & (R > INNERMOST)
        guiding, amplitude, phase, R, circular, kappa = (
            a[kept] for a in (guiding, amplitude, phase, R, circular, kappa)
        )
        V_R = kappa * amplitude * np.sin(phase)
        V_phi = circular * guiding / R
        z, V_z = self._draw_vertical(rng, R, (row[:, 2] * heat)[kept])
        azimuth = rng.uniform(0, 2 * np.pi, len(R))
        outwards = np.stack([-np.cos(azimuth), np.sin(azimuth)], 1)
        onwards = np.stack([np.sin(azimuth), np.cos(azimuth)], 1)
        return np.column_stack([R[:, None] * outwards, z, V_R[:, None] * outwards + V_phi[:, None] * onwards, V_z])

    def _reaches(self, guiding: PerStar, amplitude: PerStar) -> Mask:
        """Whether an epicycle can touch the ball; the square allows for its curvature far from circular."""
        excursion = 1.5 * amplitude + 0.2 * amplitude**2
        return np.abs(guiding - self.R0) < self.radius + self.margin + excursion

    def _draw_guiding_radius(self, rng: np.random.Generator, h_R: PerStar) -> PerStar:
        """Of an exponential disc, from R0/3 to 2 R0."""
        grid = np.linspace(self.R0 / 3, 2 * self.R0, 2001)
        # R exp(−R/h) has the integral −h (R + h) exp(−R/h), to be inverted for each scale length.
        result = np.empty(len(h_R))
        for h in np.unique(h_R):
            mine = h_R == h
            below = -(grid + h) * np.exp(-grid / h)
            result[mine] = np.interp(rng.uniform(below[0], below[-1], mine.sum()), below, grid)
        return result

    def _draw_vertical(self, rng: np.random.Generator, R: PerStar, sigma: PerStar) -> tuple[PerStar, PerStar]:
        """Height and vertical velocity: exponential energy, even phase of an oscillation in the potential at R."""
        energy = sigma**2 * rng.exponential(size=len(R))
        phase = rng.uniform(0, 2 * np.pi, len(R))
        height = evaluate(_height, self.galaxy, R, energy * np.sin(phase) ** 2)
        return np.sign(np.sin(phase)) * height, np.sqrt(2 * energy) * np.cos(phase)


def _plane(galaxy: MilkyWay, R: Float[Array, ""], z: float | Float[Array, ""] = 0.0) -> Float[Array, ""]:
    return galaxy.potential(jnp.stack([R, jnp.zeros_like(R), jnp.zeros_like(R) + z]))


def _frequencies(galaxy: MilkyWay, R: Float[Array, ""]) -> Float[Array, "2"]:
    """Circular velocity [km/s] and epicyclic frequency [km/s/kpc]."""
    slope = jax.grad(_plane, 1)(galaxy, R)
    curvature = jax.grad(jax.grad(_plane, 1), 1)(galaxy, R)
    return jnp.stack([jnp.sqrt(R * slope), jnp.sqrt(curvature + 3 * slope / R)])


def _height(galaxy: MilkyWay, R: Float[Array, ""], energy: Float[Array, ""]) -> Float[Array, ""]:
    """The height [kpc] at which Φ exceeds its midplane value by ``energy``, by bisection."""

    def halve(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = (low + high) / 2
        below = _plane(galaxy, R, middle) - _plane(galaxy, R) < energy
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    return jax.lax.fori_loop(0, 40, halve, (jnp.zeros_like(R), jnp.full_like(R, HIGHEST)))[0]
