"""What others measured of the Galaxy near the Sun: values to lay over a profile of real stars."""

import math
from dataclasses import dataclass

from core.units import G

_FORCE = 2 * math.pi * G * 1e6
"""K_z [(km/s)²/kpc] of a surface density of 1 Msun/pc² in a plane."""


@dataclass(frozen=True)
class Published:
    """A value of the profile ``profile`` ``at`` a place [kpc], with its one-sigma error as given by ``source``."""

    profile: str
    at: float
    value: float
    error: float
    source: str


PUBLISHED = (
    Published("circular_velocity", 8.122, 229.0, 0.2, "Eilers+ 2019, systematic error 2–5 % not drawn"),
    Published("circular_velocity", 8.122, 233.6, 2.8, "Mróz+ 2019"),
    Published("circular_velocity", 8.15, 236.0, 7.0, "Reid+ 2019"),
    Published("vertical_force", 1.1, 71 * _FORCE, 6 * _FORCE, "Kuijken & Gilmore 1991"),
    Published("surface_density", 1.1, 71.0, 6.0, "Kuijken & Gilmore 1991"),
    Published("surface_density", 1.1, 74.0, 6.0, "Holmberg & Flynn 2004"),
    Published("surface_density", 1.1, 68.0, 4.0, "Bovy & Rix 2013"),
    Published("density", 0.0, 0.102, 0.010, "Holmberg & Flynn 2000"),
    Published("density", 0.0, 0.097, 0.013, "McKee+ 2015"),
)
"""Radii are those that each paper takes for the Sun's; forces were given as K_z/2πG [Msun/pc²]."""
