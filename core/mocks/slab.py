"""A separable slab: flat rotation in the plane, a sech² disc in a uniform halo across it.

Φ = v0² ln R + Φ_z(z) has an exact vertical energy E_z, so any function of it and of a planar integral is stationary.
Near the Sun such a slab is a fair picture of the Galaxy: ρ = 0.086 Msun/pc³ in the midplane.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from core.mocks.disc import ExactDisc
from core.potential import analytic
from core.settings import setting
from core.units import FOUR_PI_G, PC3_PER_KPC3


@dataclass(frozen=True)
class SlabDisc(ExactDisc):
    """What the exact discs in a slab share: its potential."""

    v0: float = setting(233.0, "circular velocity", unit="km/s", low=1.0)
    disc_density: float = setting(0.079, "density of the disc in the midplane", unit="Msun/pc³", low=0.0)
    disc_height: float = setting(0.3, "height of the sech² disc", unit="kpc", low=1e-3)
    halo_density: float = setting(0.007, "uniform density of the halo", unit="Msun/pc³", low=0.0)

    def _vertical_potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        disc = analytic.sech2_sheet(X, density=self.disc_density * PC3_PER_KPC3, height=self.disc_height)
        frequencies = jnp.diag(jnp.array([0.0, 0.0, FOUR_PI_G * self.halo_density * PC3_PER_KPC3]))
        return disc + analytic.harmonic(X, frequencies=frequencies)

    def _planar_potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        """The axisymmetric part, zero at R0."""
        return analytic.logarithmic(X / self.R0, v0=self.v0)

    def _galactic_potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        return self._planar_potential(X) + self._vertical_potential(X)

    def potential_parameters(self) -> dict[str, Any]:
        return {
            "v0": self.v0,
            "R0": self.R0,
            "disc_density": self.disc_density,
            "disc_height": self.disc_height,
            "halo_density": self.halo_density,
        }
