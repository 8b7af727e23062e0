"""Units and constants. Inside the program: kpc, km/s, Msun; potentials in (km/s)²; accelerations in (km/s)²/kpc.

Every constant is derived once from ``astropy`` (PHYSICS 1).
"""

import math

import astropy.constants as const
import astropy.units as u

G = float(const.G.to_value(u.kpc * u.km**2 / u.s**2 / u.Msun))
"""Gravitational constant [kpc (km/s)² / Msun]."""

FOUR_PI_G = 4 * math.pi * G
"""Factor in Poisson's equation ∇²Φ = 4πG ρ with ρ in Msun/kpc³."""

PC3_PER_KPC3 = 1e9
"""A density in Msun/kpc³ divided by this is in Msun/pc³."""

KM_S_PER_MAS_YR_KPC = float((u.mas / u.yr * u.kpc).to(u.km / u.s, equivalencies=u.dimensionless_angles()))
"""Transverse velocity [km/s] of a proper motion of 1 mas/yr at 1 kpc (4.74047)."""

GYR_PER_KPC_KM_S = float((u.kpc / (u.km / u.s)).to(u.Gyr))
"""The unit of time, kpc/(km/s), in Gyr; a pattern speed of 1 km/s/kpc is 1/this per Gyr (1.02271)."""

GEV_CM3_PER_MSUN_PC3 = float((u.Msun / u.pc**3 * const.c**2).to_value(u.GeV / u.cm**3))
"""Energy density [GeV/cm³] of 1 Msun/pc³ (37.96)."""
