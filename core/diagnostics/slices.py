"""Fields of a potential on a plane, and along the lines where two planes meet.

A quantity is evaluated for every member, and the median, the spread, their ratio and the difference from the truth of a
mock are taken afterwards: one evaluation serves every way of looking at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, UInt8

from core import ensemble
from core.array_types import MemberPotential, PerStar, Positions
from core.baryons.model import BaryonModel
from core.diagnostics.field_quantities import FIELDS, FieldQuantity, MemberFields, Surroundings
from core.diagnostics.turned_axes import AXES, Place, along_axes, turn_of, turned_axes
from core.errors import InputError, suggestion
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition
from core.potential.fields import Field, PotentialEnsemble

VIEWS = ("median", "spread", "signal to noise", "truth", "difference")
TRUE_VIEWS = ("truth", "difference")
"""The views that need a known truth."""

Grid = Float[np.ndarray, "b a"]

COUNT = 128
"""Cells of a slice along an axis."""

_FINE = 384
"""Cells, at most, of what is drawn with a sharp edge."""

_ARROWS = 11
"""Arrows along an axis: as many in all as are evaluated at once for a handful of points."""


@dataclass(frozen=True)
class FieldSlice:
    """A field on the plane ``normal`` = ``offset`` [kpc, heliocentric]: rows run along ``b``, columns along ``a``.

    Axes are turned by ``turn`` [deg] (:mod:`core.diagnostics.turned_axes`). ``trusted`` is true where the fit may be
    believed: inside the region, away from its edge and from the hole about the Sun. ``shade`` says the same on a finer
    grid, for drawing: 0 trusted, 1 inside, 2 outside.
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
    shade: UInt8[np.ndarray, "fine_b fine_a"]
    turn: float = 0.0

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
    """A field along the line parallel to ``axis`` through ``at`` [kpc]: median, 16–84 % and extremes over members.

    ``axis`` is turned by ``turn`` [deg]; ``position`` [kpc] is measured along it.
    """

    quantity: str
    axis: str
    at: Place
    position: PerStar
    median: PerStar
    low: PerStar
    high: PerStar
    lowest: PerStar
    highest: PerStar
    truth: PerStar | None
    turn: float = 0.0

    @property
    def here(self) -> float:
        """The position of ``at`` [kpc]."""
        return along_axes(self.at, self.turn)[self.axis]


@dataclass(frozen=True)
class Arrows:
    """The acceleration in a plane at places ``a``, ``b`` [kpc]: components ``da``, ``db`` [(km/s)²/kpc] of the median.

    ``spacing`` [kpc] is the distance between places.
    """

    a: PerStar
    b: PerStar
    da: PerStar
    db: PerStar
    spacing: float

    @property
    def longest(self) -> float:
        """The largest of all; nothing where there are none."""
        return float(np.hypot(self.da, self.db).max(initial=0.0))


@dataclass(frozen=True)
class Slicer:
    """Evaluates slices of one fit. ``trusted`` is the part of the ``region`` in which the fit may be believed.

    ``spans`` are the extents [kpc] along the axes to be drawn instead of the region's own. ``baryons`` are those under
    ρ_DM, None in a frame that knows no Galactic plane.
    """

    potential: PotentialEnsemble
    truth: Field | None
    sun: SolarPosition
    region: Region
    trusted: Region
    spans: Mapping[str, tuple[float, float]] | None = None
    baryons: BaryonModel | None = None

    @property
    def quantities(self) -> dict[str, FieldQuantity]:
        """The quantities that mean something in the frame of the fit, by name."""
        return {name: q for name, q in FIELDS.items() if not q.galactic or self.baryons is not None}

    def span(self, axis: str, turn: float = 0.0) -> tuple[float, float]:
        """The extent [kpc] of the region along an axis; a kiloparsec either side of the Sun where it is unbounded.

        Along a turned axis it is that of the ellipse with these extents.
        """
        if turn and axis != "z":
            extents = np.array([self.span("x"), self.span("y")])
            along = turned_axes(turn)[AXES.index(axis), :2]
            middle, reach = along @ extents.mean(1), np.linalg.norm(along * np.diff(extents)[:, 0]) / 2
            return float(middle - reach), float(middle + reach)
        if self.spans is not None:
            return self.spans[axis]
        centre, radius = self.region.bounding_ball() or ((0.0, 0.0, 0.0), 1.0)
        middle = centre[AXES.index(axis)]
        return middle - radius, middle + radius

    def over(self, spans: Mapping[str, tuple[float, float]]) -> "Slicer":
        """The same fit on planes of other extents."""
        return replace(self, spans=spans)

    def less(self, baryons: BaryonModel) -> "Slicer":
        """The same fit with other baryons under ρ_DM, where there are any."""
        return self if self.baryons is None else replace(self, baryons=baryons)

    def plane(self, quantity: str, normal: str, offset: float, count: int = COUNT, *, turn: float = 0.0) -> FieldSlice:
        """The slice at ``normal`` = ``offset`` on a ``count`` × ``count`` grid that spans the region."""
        a, b = (axis for axis in AXES if axis != normal)
        turn = turn_of(normal, turn)
        x = self.grid(normal, offset, count, turn=turn)
        members, truth = self.values(quantity, x)
        low, median, high = ensemble.quantiles(members, [0.16, 0.5, 0.84])
        shape = (count, count)
        return FieldSlice(
            quantity=quantity,
            normal=normal,
            offset=offset,
            a=a,
            b=b,
            a_range=self.span(a, turn),
            b_range=self.span(b, turn),
            median=median.reshape(shape),
            spread=((high - low) / 2).reshape(shape),
            truth=None if truth is None else truth.reshape(shape),
            inside=np.array(self.region.contains_positions(x, self.sun)).reshape(shape),
            trusted=np.array(self.trusted.contains_positions(x, self.sun)).reshape(shape),
            shade=self._shade(normal, offset, min(4 * count, _FINE), turn),
            turn=turn,
        )

    def _shade(self, normal: str, offset: float, count: int, turn: float) -> UInt8[np.ndarray, "fine_b fine_a"]:
        """0 in the trusted volume, 1 elsewhere in the region, 2 outside: on a grid fine enough for a smooth edge."""
        x = self.grid(normal, offset, count, turn=turn)
        inside, trusted = (r.contains_positions(x, self.sun) for r in (self.region, self.trusted))
        return (2 - inside - trusted.astype(np.uint8)).astype(np.uint8).reshape(count, count)

    def grid(self, normal: str, offset: float, count: int = COUNT, *, turn: float = 0.0) -> Positions:
        """Middles of the cells of a plane, row by row."""
        a, b = (axis for axis in AXES if axis != normal)
        turn = turn_of(normal, turn)
        along, across = (_middles(self.span(axis, turn), count) for axis in (a, b))
        x = np.zeros((count * count, 3))
        x[:, AXES.index(a)] = np.tile(along, count)
        x[:, AXES.index(b)] = np.repeat(across, count)
        x[:, AXES.index(normal)] = offset
        return x @ turned_axes(turn)

    def arrows(self, normal: str, offset: float, *, turn: float = 0.0, count: int = _ARROWS) -> Arrows:
        """The in-plane part of the median acceleration inside the region."""
        turn = turn_of(normal, turn)
        axes = turned_axes(turn)
        x = self.grid(normal, offset, count, turn=turn)
        x = x[self.region.contains_positions(x, self.sun)]
        a, b = (AXES.index(axis) for axis in AXES if axis != normal)
        at, pull = x @ axes.T, ensemble.median(self.potential.acceleration(x)) @ axes.T
        low, high = self.span(AXES[a], turn)
        return Arrows(at[:, a], at[:, b], pull[:, a], pull[:, b], (high - low) / count)

    def profile(self, quantity: str, axis: str, at: Place, count: int = 121, *, turn: float = 0.0) -> FieldProfile:
        """The field along the line parallel to ``axis`` through ``at``."""
        position = np.linspace(*self.span(axis, turn), count)
        axes = turned_axes(turn)
        x = np.tile(axes @ at, (count, 1))
        x[:, AXES.index(axis)] = position
        members, truth = self.values(quantity, x @ axes)
        low, median, high = ensemble.quantiles(members, [0.16, 0.5, 0.84])
        return FieldProfile(
            quantity=quantity,
            axis=axis,
            at=at,
            position=position,
            median=median,
            low=low,
            high=high,
            lowest=members.min(0),
            highest=members.max(0),
            truth=truth,
            turn=turn,
        )

    def values(self, quantity: str, x: Positions) -> tuple[MemberPotential, PerStar | None]:
        """The quantity of every member at heliocentric positions, and its truth where it is known."""
        if quantity not in FIELDS:
            raise InputError(f"unknown quantity {quantity!r}", remedy=suggestion(quantity, FIELDS))
        compute, around = FIELDS[quantity].compute, Surroundings(self.sun, self.baryons)
        truth = None if self.truth is None else compute(MemberFields(self.truth), x, around)[0]
        return compute(self.potential, x, around), truth


def _middles(span: tuple[float, float], count: int) -> PerStar:
    edges = np.linspace(*span, count + 1)
    return (edges[1:] + edges[:-1]) / 2
