"""Fields of a potential on a plane, and along the lines where two planes meet.

A quantity is evaluated for every member, and the median, the spread, their ratio and the difference from the truth of a
mock are taken afterwards: one evaluation serves every way of looking at it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from core import ensemble
from core.array_types import MemberPotential, PerStar, Positions
from core.diagnostics.scalars import OneMember
from core.errors import InputError, suggestion
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition
from core.potential.fields import Field, PotentialEnsemble

AXES = ("x", "y", "z")
VIEWS = ("median", "spread", "signal to noise", "truth", "difference")
TRUE_VIEWS = ("truth", "difference")
"""The views that need a known truth."""


class MemberFields(OneMember):
    """A single field as an ensemble of one, with its potential."""

    def potential(self, x: Positions) -> MemberPotential:
        """Φ [(km/s)²]."""
        return self.field.potential(x)[None]


Members = PotentialEnsemble | MemberFields


@dataclass(frozen=True)
class FieldQuantity:
    """A scalar field that can be sliced; ``signed`` ones are shown with a diverging map."""

    name: str
    label: str
    unit: str
    signed: bool
    compute: Callable[[Members, Positions, SolarPosition], MemberPotential]

    @property
    def axis_label(self) -> str:
        """Label with unit."""
        return f"{self.label}  [{self.unit}]"


def _cylindrical(field: Members, x: Positions, sun: SolarPosition) -> tuple[np.ndarray, Positions]:
    """Accelerations on Galactocentric axes and the positions there."""
    return field.acceleration(x) @ sun.axes.T, sun.galactocentric_position(x)


def _component(axis: int) -> Callable[[Members, Positions, SolarPosition], MemberPotential]:
    return lambda field, x, sun: (field.acceleration(x) @ sun.axes.T)[..., axis]


def _radial(field: Members, x: Positions, sun: SolarPosition) -> MemberPotential:
    a, X = _cylindrical(field, x, sun)
    return (a[..., 0] * X[:, 0] + a[..., 1] * X[:, 1]) / np.hypot(X[:, 0], X[:, 1])


def _azimuthal(field: Members, x: Positions, sun: SolarPosition) -> MemberPotential:
    a, X = _cylindrical(field, x, sun)
    return (a[..., 0] * X[:, 1] - a[..., 1] * X[:, 0]) / np.hypot(X[:, 0], X[:, 1])


def _relative_potential(field: Members, x: Positions, sun: SolarPosition) -> MemberPotential:
    """Φ less its value at the Sun, because only differences of Φ mean anything."""
    both = field.potential(np.concatenate([np.zeros((1, 3)), x]))
    return both[:, 1:] - both[:, :1]


FIELDS: Mapping[str, FieldQuantity] = {
    q.name: q
    for q in (
        FieldQuantity("density", "ρ", "Msun/pc³", False, lambda field, x, sun: field.density(x)),
        FieldQuantity("potential", "Φ − Φ(Sun)", "(km/s)²", True, _relative_potential),
        FieldQuantity("acceleration_x", "ax", "(km/s)²/kpc", True, _component(0)),
        FieldQuantity("acceleration_y", "ay", "(km/s)²/kpc", True, _component(1)),
        FieldQuantity("acceleration_z", "az", "(km/s)²/kpc", True, _component(2)),
        FieldQuantity("acceleration_R", "aR", "(km/s)²/kpc", True, _radial),
        FieldQuantity("acceleration_phi", "aφ", "(km/s)²/kpc", True, _azimuthal),
    )
}
"""Quantities by name; subscripts x, y, z are Galactocentric axes: towards the centre, with the rotation, north."""

Grid = Float[np.ndarray, "b a"]

_COUNT = 96
"""Cells of a slice along an axis."""


@dataclass(frozen=True)
class FieldSlice:
    """A field on the plane ``normal`` = ``offset`` [kpc, heliocentric]: rows run along ``b``, columns along ``a``.

    ``trusted`` is true where the fit may be believed: inside the region, away from its edge and from the hole about the
    Sun. ``shade`` says the same on a finer grid, for drawing: 0 trusted, 1 inside, 2 outside.
    """

    quantity: str
    normal: str
    offset: float
    a: str
    b: str
    a_range: tuple[float, float]
    b_range: tuple[float, float]
    median: Grid
    spread: Grid
    truth: Grid | None
    inside: Bool[np.ndarray, "b a"]
    trusted: Bool[np.ndarray, "b a"]
    shade: Float[np.ndarray, "fine_b fine_a"]

    def view(self, name: str) -> Grid:
        """The values of one of ``VIEWS``; InputError where they need a truth that is not known."""
        if name == "median":
            return self.median
        if name == "spread":
            return self.spread
        if name == "signal to noise":
            return np.abs(self.median) / np.maximum(self.spread, 1e-12)
        if name not in VIEWS:
            raise InputError(f"unknown view {name!r}", remedy=suggestion(name, VIEWS))
        if self.truth is None:
            raise InputError("the truth is known for mocks only", remedy="Choose median, spread or signal to noise.")
        return self.truth if name == "truth" else self.median - self.truth


@dataclass(frozen=True)
class FieldProfile:
    """A field along the line parallel to ``axis`` through ``at`` [kpc]: median, 16–84 % and extremes over members."""

    quantity: str
    axis: str
    at: tuple[float, float, float]
    position: PerStar
    median: PerStar
    low: PerStar
    high: PerStar
    lowest: PerStar
    highest: PerStar
    truth: PerStar | None


@dataclass(frozen=True)
class Slicer:
    """Evaluates slices of one fit. ``trusted`` is the part of the ``region`` in which the fit may be believed.

    ``spans`` are the extents [kpc] along the axes to be drawn instead of the region's own.
    """

    potential: PotentialEnsemble
    truth: Field | None
    sun: SolarPosition
    region: Region
    trusted: Region
    spans: Mapping[str, tuple[float, float]] | None = None

    def span(self, axis: str) -> tuple[float, float]:
        """The extent [kpc] of the region along an axis; a kiloparsec either side of the Sun where it is unbounded."""
        if self.spans is not None:
            return self.spans[axis]
        centre, radius = self.region.bounding_ball() or ((0.0, 0.0, 0.0), 1.0)
        middle = centre[AXES.index(axis)]
        return middle - radius, middle + radius

    def over(self, spans: Mapping[str, tuple[float, float]]) -> "Slicer":
        """The same fit on planes of other extents."""
        return replace(self, spans=spans)

    def plane(self, quantity: str, normal: str, offset: float, count: int = _COUNT) -> FieldSlice:
        """The slice at ``normal`` = ``offset`` on a ``count`` × ``count`` grid that spans the region."""
        a, b = (axis for axis in AXES if axis != normal)
        x = self.grid(normal, offset, count)
        members, truth = self.values(quantity, x)
        shape = (count, count)
        return FieldSlice(
            quantity=quantity,
            normal=normal,
            offset=offset,
            a=a,
            b=b,
            a_range=self.span(a),
            b_range=self.span(b),
            median=ensemble.median(members).reshape(shape),
            spread=ensemble.spread(members).reshape(shape),
            truth=None if truth is None else truth.reshape(shape),
            inside=np.array(self.region.contains_positions(x, self.sun)).reshape(shape),
            trusted=np.array(self.trusted.contains_positions(x, self.sun)).reshape(shape),
            shade=self._shade(normal, offset, 4 * count),
        )

    def _shade(self, normal: str, offset: float, count: int) -> Float[np.ndarray, "fine_b fine_a"]:
        """0 in the trusted volume, 1 elsewhere in the region, 2 outside: on a grid fine enough for a smooth edge."""
        x = self.grid(normal, offset, count)
        levels = 2.0 - self.region.contains_positions(x, self.sun) - self.trusted.contains_positions(x, self.sun)
        return levels.reshape(count, count)

    def grid(self, normal: str, offset: float, count: int = _COUNT) -> Positions:
        """Middles of the cells of a plane, row by row."""
        a, b = (axis for axis in AXES if axis != normal)
        along, across = (_middles(self.span(axis), count) for axis in (a, b))
        x = np.zeros((count * count, 3))
        x[:, AXES.index(a)] = np.tile(along, count)
        x[:, AXES.index(b)] = np.repeat(across, count)
        x[:, AXES.index(normal)] = offset
        return x

    def profile(self, quantity: str, axis: str, at: tuple[float, float, float], count: int = 121) -> FieldProfile:
        """The field along the line parallel to ``axis`` through ``at``."""
        position = np.linspace(*self.span(axis), count)
        x = np.tile(np.asarray(at, float), (count, 1))
        x[:, AXES.index(axis)] = position
        members, truth = self.values(quantity, x)
        low, high = np.percentile(members, [16, 84], axis=0)
        return FieldProfile(
            quantity=quantity,
            axis=axis,
            at=at,
            position=position,
            median=ensemble.median(members),
            low=low,
            high=high,
            lowest=members.min(0),
            highest=members.max(0),
            truth=truth,
        )

    def values(self, quantity: str, x: Positions) -> tuple[MemberPotential, PerStar | None]:
        """The quantity of every member at heliocentric positions, and its truth where it is known."""
        if quantity not in FIELDS:
            raise InputError(f"unknown quantity {quantity!r}", remedy=suggestion(quantity, FIELDS))
        compute = FIELDS[quantity].compute
        truth = None if self.truth is None else compute(MemberFields(self.truth), x, self.sun)[0]
        return compute(self.potential, x, self.sun), truth


def _middles(span: tuple[float, float], count: int) -> PerStar:
    edges = np.linspace(*span, count + 1)
    return (edges[1:] + edges[:-1]) / 2
