"""The axisymmetric Galaxy of the test particles: halo, thin and thick disc, bulge (PHYSICS 6.6).

Near the Sun v_c = 231 km/s, ρ = 0.088 Msun/pc³ in the midplane, of which the halo has 0.0099.
"""

from dataclasses import dataclass

from jaxtyping import Array, Float

from core.potential import analytic
from core.settings import setting


@dataclass(frozen=True)
class MilkyWay:
    """A Navarro–Frenk–White halo, two Miyamoto–Nagai discs and a Plummer bulge."""

    halo_mass: float = setting(6.6e11, "4π ρs rs³ of the halo", unit="Msun", low=0.0)
    halo_scale: float = setting(17.0, "scale radius of the halo", unit="kpc", low=0.1)
    thin_mass: float = setting(5.2e10, "mass of the thin disc", unit="Msun", low=0.0)
    thin_length: float = setting(3.6, "length a of the thin disc", unit="kpc", low=0.0)
    thin_height: float = setting(0.28, "height b of the thin disc", unit="kpc", low=0.01)
    thick_mass: float = setting(1.2e10, "mass of the thick disc", unit="Msun", low=0.0)
    thick_length: float = setting(3.0, "length a of the thick disc", unit="kpc", low=0.0)
    thick_height: float = setting(0.85, "height b of the thick disc", unit="kpc", low=0.01)
    bulge_mass: float = setting(9.5e9, "mass of the bulge", unit="Msun", low=0.0)
    bulge_scale: float = setting(0.45, "scale of the bulge", unit="kpc", low=0.01)

    def potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ [(km/s)²] on Galactocentric axes."""
        return (
            analytic.nfw(X, mass=self.halo_mass, scale=self.halo_scale)
            + analytic.miyamoto_nagai(X, mass=self.thin_mass, a=self.thin_length, b=self.thin_height)
            + analytic.miyamoto_nagai(X, mass=self.thick_mass, a=self.thick_length, b=self.thick_height)
            + analytic.plummer(X, mass=self.bulge_mass, scale=self.bulge_scale)
        )
