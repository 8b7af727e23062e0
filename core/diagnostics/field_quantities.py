"""The scalar fields that can be sliced, each by its definition from the density, Φ or ∇Φ of the members of a fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.array_types import MemberPotential, Positions
from core.baryons.model import BaryonModel
from core.diagnostics.scalars import OneMember
from core.errors import InputError
from core.phase_space.solar_position import SolarPosition
from core.potential.fields import PotentialEnsemble, circular_velocity


class MemberFields(OneMember):
    """A single field as an ensemble of one, with its potential."""

    def potential(self, x: Positions) -> MemberPotential:
        """Φ [(km/s)²]."""
        return self.field.potential(x)[None]


Members = PotentialEnsemble | MemberFields


class Surroundings(NamedTuple):
    """Where the Sun is, and the baryons under ρ_DM: None in a frame that knows no Galactic plane."""

    sun: SolarPosition
    baryons: BaryonModel | None


Compute = Callable[[Members, Positions, Surroundings], MemberPotential]


@dataclass(frozen=True)
class FieldQuantity:
    """A scalar field that can be sliced: of every member at heliocentric positions [kpc].

    ``signed`` ones may have either sign; ``galactic`` ones mean something in the Galaxy alone.
    """

    name: str
    label: str
    unit: str
    signed: bool
    compute: Compute
    galactic: bool = False

    @property
    def axis_label(self) -> str:
        """Label with unit."""
        return f"{self.label}  [{self.unit}]"


def _dark_matter(field: Members, x: Positions, around: Surroundings) -> MemberPotential:
    """Density less that of the baryons; NaN where their model does not reach."""
    if around.baryons is None:
        raise InputError("ρ_DM needs a model of the baryons, and this frame knows no Galactic plane")
    return field.density(x) - around.baryons.at(x, around.sun)


def _relative_potential(field: Members, x: Positions, around: Surroundings) -> MemberPotential:
    """Φ less its value at the Sun, because only differences of Φ mean anything."""
    both = field.potential(np.concatenate([np.zeros((1, 3)), x]))
    return both[:, 1:] - both[:, :1]


def _circular_velocity(field: Members, x: Positions, around: Surroundings) -> MemberPotential:
    """v_c = √(R ∂Φ/∂R) = √(−R a_R); NaN where the force is outward."""
    return circular_velocity(field.acceleration(x), x, around.sun)


def _size(field: Members, x: Positions, around: Surroundings) -> MemberPotential:
    """|∇Φ|."""
    a = field.acceleration(x)
    return np.sqrt(np.einsum("kni,kni->kn", a, a))


def _component(axis: int) -> Compute:
    """Along a Galactocentric axis."""
    return lambda field, x, around: field.acceleration(x) @ around.sun.axes[axis]


def _radial(field: Members, x: Positions, around: Surroundings) -> MemberPotential:
    """a_R = −∂Φ/∂R = (X a_X + Y a_Y)/R: away from the Galactic axis."""
    return _along(field, x, around, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


def _azimuthal(field: Members, x: Positions, around: Surroundings) -> MemberPotential:
    """a_φ = −∂Φ/(R ∂φ) = (Y a_X − X a_Y)/R: in the direction of Galactic rotation, clockwise from the north."""
    return _along(field, x, around, [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def _along(field: Members, x: Positions, around: Surroundings, turn: list[list[float]]) -> MemberPotential:
    """The acceleration along a direction in the Galactic plane: that of (X, Y, Z) turned."""
    direction = around.sun.galactocentric_position(x) @ np.array(turn).T
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return np.einsum("kni,ni->kn", field.acceleration(x), direction @ around.sun.axes)


DARK_MATTER = "dark_matter"
_ACCELERATION = "(km/s)²/kpc"

FIELDS: Mapping[str, FieldQuantity] = {
    q.name: q
    for q in (
        FieldQuantity("density", "ρ", "Msun/pc³", False, lambda field, x, around: field.density(x)),
        FieldQuantity(DARK_MATTER, "ρDM", "Msun/pc³", True, _dark_matter, galactic=True),
        FieldQuantity("potential", "Φ − Φ(Sun)", "(km/s)²", True, _relative_potential),
        FieldQuantity("circular_velocity", "vc", "km/s", False, _circular_velocity, galactic=True),
        FieldQuantity("acceleration", "|a|", _ACCELERATION, False, _size),
        FieldQuantity("acceleration_R", "aR", _ACCELERATION, True, _radial),
        FieldQuantity("acceleration_phi", "aφ", _ACCELERATION, True, _azimuthal),
        FieldQuantity("acceleration_x", "ax", _ACCELERATION, True, _component(0)),
        FieldQuantity("acceleration_y", "ay", _ACCELERATION, True, _component(1)),
        FieldQuantity("acceleration_z", "az", _ACCELERATION, True, _component(2)),
    )
}
"""Quantities by name; subscripts x, y, z are Galactocentric axes: towards the centre, with the rotation, north."""
