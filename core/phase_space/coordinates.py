"""Named coordinates of a star: what a projection, a region or a typed expression may refer to.

Every coordinate is a function of heliocentric w and the solar position. Spatial ones depend on x alone, so a region
made of them can be the support of n(x).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from core.array_types import PerStar, PhaseSpace
from core.errors import RegionError, suggestion
from core.phase_space.solar_position import SolarPosition


@dataclass(frozen=True)
class Coordinate:
    """A scalar function of phase space with the words that a figure needs.

    ``label`` is the mathematical name in plain Unicode, ``spatial`` says that it does not depend on the velocity.
    """

    name: str
    label: str
    unit: str
    spatial: bool
    doc: str
    compute: Callable[[PhaseSpace, SolarPosition], PerStar]

    @property
    def axis_label(self) -> str:
        return f"{self.label}  [{self.unit}]" if self.unit else self.label


def _component(i: int) -> Callable[[PhaseSpace, SolarPosition], PerStar]:
    return lambda w, sun: w[:, i]


def _distance(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return np.sqrt(np.sum(w[:, :3] ** 2, 1))


def _longitude(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return np.degrees(np.arctan2(w[:, 1], w[:, 0]))


def _sin_latitude(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return w[:, 2] / np.maximum(_distance(w, sun), 1e-12)


def _latitude(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return np.degrees(np.arcsin(np.clip(_sin_latitude(w, sun), -1, 1)))


def _cylindrical_radius(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    X = sun.galactocentric_position(w[:, :3])
    return np.hypot(X[:, 0], X[:, 1])


def _azimuth(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    X = sun.galactocentric_position(w[:, :3])
    return np.degrees(np.arctan2(X[:, 1], -X[:, 0]))


def _height(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return sun.galactocentric_position(w[:, :3])[:, 2]


def _radial_velocity(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    q = sun.to_galactocentric(w)
    return (q[:, 0] * q[:, 3] + q[:, 1] * q[:, 4]) / np.hypot(q[:, 0], q[:, 1])


def _rotation_velocity(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return _angular_momentum(w, sun) / _cylindrical_radius(w, sun)


def _vertical_velocity(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return sun.galactocentric_velocity(w[:, 3:])[:, 2]


def _angular_momentum(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    q = sun.to_galactocentric(w)
    return q[:, 1] * q[:, 3] - q[:, 0] * q[:, 4]


def _line_of_sight_velocity(w: PhaseSpace, sun: SolarPosition) -> PerStar:
    return np.sum(w[:, :3] * w[:, 3:], 1) / np.maximum(_distance(w, sun), 1e-12)


COORDINATES: Mapping[str, Coordinate] = {
    c.name: c
    for c in (
        Coordinate("x", "x", "kpc", True, "heliocentric, towards the Galactic centre", _component(0)),
        Coordinate("y", "y", "kpc", True, "heliocentric, in the direction of rotation", _component(1)),
        Coordinate("z", "z", "kpc", True, "heliocentric, to the north Galactic pole", _component(2)),
        Coordinate("vx", "vx", "km/s", False, "heliocentric velocity U, towards the centre", _component(3)),
        Coordinate("vy", "vy", "km/s", False, "heliocentric velocity V, with the rotation", _component(4)),
        Coordinate("vz", "vz", "km/s", False, "heliocentric velocity W, to the north", _component(5)),
        Coordinate("r", "r", "kpc", True, "distance from the Sun", _distance),
        Coordinate("l", "ℓ", "deg", True, "Galactic longitude, −180 to 180", _longitude),
        Coordinate("b", "b", "deg", True, "Galactic latitude", _latitude),
        Coordinate("sinb", "sin b", "", True, "sine of Galactic latitude (equal area)", _sin_latitude),
        Coordinate("R", "R", "kpc", True, "Galactocentric cylindrical radius", _cylindrical_radius),
        Coordinate("phi", "φ", "deg", True, "Galactocentric azimuth from the Sun, with the rotation", _azimuth),
        Coordinate("Z", "Z", "kpc", True, "height above the Galactic plane", _height),
        Coordinate("vR", "vR", "km/s", False, "Galactocentric radial velocity, outwards", _radial_velocity),
        Coordinate("vphi", "vφ", "km/s", False, "Galactocentric velocity of rotation", _rotation_velocity),
        Coordinate("vZ", "vZ", "km/s", False, "Galactocentric vertical velocity", _vertical_velocity),
        Coordinate("Lz", "Lz", "kpc km/s", False, "angular momentum about the Galactic axis", _angular_momentum),
        Coordinate("vlos", "vlos", "km/s", False, "heliocentric line-of-sight velocity", _line_of_sight_velocity),
    )
}


def coordinate(name: str) -> Coordinate:
    """The coordinate called ``name``; RegionError with the nearest known name otherwise."""
    if name not in COORDINATES:
        raise RegionError(f"unknown coordinate {name!r}", remedy=suggestion(name, COORDINATES))
    return COORDINATES[name]
