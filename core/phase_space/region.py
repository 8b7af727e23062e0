"""Regions: composable predicates on named coordinates, never lists of rows.

The same region selects stars, selects the flow's samples, is the support of n(x), travels in a URL, a manifest and a
retraining request. Every region is a frozen value with a JSON form; :func:`from_json` is the inverse of ``to_json``.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_args, get_type_hints

import numpy as np

from core.array_types import Mask, PerStar, PhaseSpace, Positions
from core.errors import RegionError, suggestion
from core.phase_space.coordinates import COORDINATES, coordinate
from core.phase_space.expression import CompiledExpression, compile_expression
from core.phase_space.solar_position import SolarPosition

Columns = Callable[[str], PerStar]
"""Gives the values of a named coordinate for all stars."""

BoundingBall = tuple[tuple[float, float, float], float]
"""Centre [kpc, heliocentric] and radius [kpc]."""


def columns_of(w: PhaseSpace, sun: SolarPosition) -> Columns:
    """The named coordinates of stars at ``w``, computed when asked for."""
    return lambda name: coordinate(name).compute(w, sun)


class Region(ABC):
    """A predicate on phase space; combine with ``&``, ``|`` and ``~``."""

    kind: ClassVar[str]

    @abstractmethod
    def contains(self, columns: Columns) -> Mask:
        """True for every star inside."""

    @abstractmethod
    def names(self) -> frozenset[str]:
        """The coordinates that decide."""

    def bounding_ball(self) -> BoundingBall | None:
        """A ball that holds the region in space; None where it is unbounded."""
        return None

    def spatial_part(self) -> "Region":
        """The part that depends on position alone; it holds everything that the region holds."""
        return self if self.is_spatial else Everything()

    @property
    def is_spatial(self) -> bool:
        return all(COORDINATES[name].spatial for name in self.names())

    def contains_points(self, w: PhaseSpace, sun: SolarPosition) -> Mask:
        """True for every w inside."""
        return np.broadcast_to(self.contains(columns_of(w, sun)), len(w))

    def contains_positions(self, x: Positions, sun: SolarPosition) -> Mask:
        """True for every heliocentric position inside the spatial part."""
        w = np.concatenate([x, np.zeros_like(x)], 1)
        return self.spatial_part().contains_points(w, sun)

    def to_json(self) -> dict[str, Any]:
        """Plain values with the ``kind`` of the region."""
        names = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        return {"kind": self.kind, **{name: _plain(getattr(self, name)) for name in names}}

    def __and__(self, other: "Region") -> "Region":
        parts = [p for r in (self, other) for p in (r.parts if isinstance(r, And) else (r,))]
        parts = [p for p in parts if not isinstance(p, Everything)]
        return And(tuple(parts)) if len(parts) > 1 else (parts[0] if parts else Everything())

    def __or__(self, other: "Region") -> "Region":
        return Or(tuple(p for r in (self, other) for p in (r.parts if isinstance(r, Or) else (r,))))

    def __invert__(self) -> "Region":
        return self.part if isinstance(self, Not) else Not(self)


_SPELT_OUT = 4
"""Alternatives that a description names one by one; the cones of a dust map are only counted."""


def _plain(value: Any) -> Any:
    if isinstance(value, Region):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


@dataclass(frozen=True)
class Everything(Region):
    """All of phase space."""

    kind: ClassVar[str] = "everything"

    def contains(self, columns: Columns) -> Mask:
        return np.ones(1, bool)

    def names(self) -> frozenset[str]:
        return frozenset()

    def __str__(self) -> str:
        return "everything"


@dataclass(frozen=True)
class Box(Region):
    """``low <= coordinate <= high`` for each of ``ranges``: (name, low, high)."""

    ranges: tuple[tuple[str, float, float], ...]
    kind: ClassVar[str] = "box"

    def __post_init__(self) -> None:
        for name, low, high in self.ranges:
            coordinate(name)
            if not low < high:
                raise RegionError(f"the range of {name} is empty: {low:g} to {high:g}", remedy="Give low < high.")

    def contains(self, columns: Columns) -> Mask:
        inside = np.ones(1, bool)
        for name, low, high in self.ranges:
            values = columns(name)
            inside = inside & (values >= low) & (values <= high)
        return inside

    def names(self) -> frozenset[str]:
        return frozenset(name for name, _, _ in self.ranges)

    def spatial_part(self) -> Region:
        ranges = tuple(r for r in self.ranges if COORDINATES[r[0]].spatial)
        return Box(ranges) if ranges else Everything()

    def bounding_ball(self) -> BoundingBall | None:
        return _ball_of({name: (low, high) for name, low, high in self.ranges})

    def __str__(self) -> str:
        return " & ".join(f"{low:.4g} < {COORDINATES[name].label} < {high:.4g}" for name, low, high in self.ranges)


def _ball_of(limits: Mapping[str, tuple[float, float]]) -> BoundingBall | None:
    """The ball that holds all places within ``limits`` of r, or of x, y and z; None where they leave a way out."""
    if "r" in limits and math.isfinite(limits["r"][1]):
        return (0.0, 0.0, 0.0), limits["r"][1]
    if not {"x", "y", "z"} <= set(limits) or not all(math.isfinite(sum(limits[k])) for k in "xyz"):
        return None
    x, y, z = (sum(limits[k]) / 2 for k in "xyz")
    return (x, y, z), math.hypot(*((limits[k][1] - limits[k][0]) / 2 for k in "xyz"))


@dataclass(frozen=True)
class Shell(Region):
    """``inner <= |x - centre| <= outer`` [kpc]; a ball where ``inner`` is 0."""

    outer: float
    inner: float = 0.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    kind: ClassVar[str] = "shell"

    def __post_init__(self) -> None:
        if not (0 <= self.inner < self.outer < math.inf and all(map(math.isfinite, self.centre))):
            raise RegionError(
                f"a shell from {self.inner:g} to {self.outer:g} kpc about {self.centre} has no volume",
                remedy="Give 0 <= inner < outer.",
            )

    def contains(self, columns: Columns) -> Mask:
        x, y, z = (columns(name) - c for name, c in zip("xyz", self.centre, strict=True))
        squared = x**2 + y**2 + z**2
        return (squared <= self.outer**2) & (squared >= self.inner**2)

    def names(self) -> frozenset[str]:
        return frozenset("xyz")

    def bounding_ball(self) -> BoundingBall | None:
        return self.centre, self.outer

    def __str__(self) -> str:
        about = "" if self.centre == (0, 0, 0) else f" about {self.centre}"
        return f"{self.inner:g} < r < {self.outer:g} kpc{about}" if self.inner else f"r < {self.outer:g} kpc{about}"


@dataclass(frozen=True)
class Ellipse(Region):
    """An ellipse in two coordinates, its half axes along them."""

    x: str
    y: str
    centre: tuple[float, float]
    half_axes: tuple[float, float]
    kind: ClassVar[str] = "ellipse"

    def __post_init__(self) -> None:
        coordinate(self.x), coordinate(self.y)
        if not (min(self.half_axes) > 0 and all(map(math.isfinite, (*self.centre, *self.half_axes)))):
            raise RegionError("an ellipse needs a centre and positive half axes")

    def contains(self, columns: Columns) -> Mask:
        u = (columns(self.x) - self.centre[0]) / self.half_axes[0]
        v = (columns(self.y) - self.centre[1]) / self.half_axes[1]
        return u**2 + v**2 <= 1

    def names(self) -> frozenset[str]:
        return frozenset((self.x, self.y))

    def __str__(self) -> str:
        return f"ellipse in {COORDINATES[self.x].label}–{COORDINATES[self.y].label}"


@dataclass(frozen=True)
class Polygon(Region):
    """The inside of a closed polygon in two coordinates (even-odd rule)."""

    x: str
    y: str
    vertices: tuple[tuple[float, float], ...]
    kind: ClassVar[str] = "polygon"

    def __post_init__(self) -> None:
        coordinate(self.x), coordinate(self.y)
        if len(self.vertices) < 3 or not all(math.isfinite(x) and math.isfinite(y) for x, y in self.vertices):
            raise RegionError("a polygon needs three vertices or more")

    def contains(self, columns: Columns) -> Mask:
        x, y = columns(self.x), columns(self.y)
        inside = np.zeros(len(x), bool)
        corners = np.asarray(self.vertices, x.dtype)
        for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, 1, 0), strict=True):
            if y1 != y2:
                crosses = (y1 > y) != (y2 > y)
                with np.errstate(all="ignore"):  # a side almost along x overflows for stars that it does not pass
                    inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        return inside

    def names(self) -> frozenset[str]:
        return frozenset((self.x, self.y))

    def __str__(self) -> str:
        return f"lasso in {COORDINATES[self.x].label}–{COORDINATES[self.y].label}"


@dataclass(frozen=True)
class Expression(Region):
    """A typed condition such as ``abs(z) < 0.1 & vphi > 200`` (see :mod:`core.phase_space.expression`)."""

    text: str
    kind: ClassVar[str] = "expression"

    def __post_init__(self) -> None:
        self._compiled()

    def _compiled(self) -> CompiledExpression:
        return compile_expression(self.text)

    def contains(self, columns: Columns) -> Mask:
        try:
            with np.errstate(all="ignore"):
                return np.atleast_1d(np.asarray(self._compiled().evaluate(columns), bool))
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            raise RegionError(f"{self.text!r} cannot be evaluated: {error}") from error

    def names(self) -> frozenset[str]:
        return self._compiled().names

    def bounding_ball(self) -> BoundingBall | None:
        limits = self._compiled().limits()
        return None if any(low > high for low, high in limits.values()) else _ball_of(limits)

    def __str__(self) -> str:
        return self.text


def _check_parts(parts: tuple[Region, ...]) -> None:
    if not parts:
        raise RegionError("a combination of regions needs at least one")


@dataclass(frozen=True)
class And(Region):
    """Inside all of ``parts``."""

    parts: tuple[Region, ...]
    kind: ClassVar[str] = "and"

    def __post_init__(self) -> None:
        _check_parts(self.parts)

    def contains(self, columns: Columns) -> Mask:
        return np.logical_and.reduce(np.broadcast_arrays(*(p.contains(columns) for p in self.parts)))

    def names(self) -> frozenset[str]:
        return frozenset().union(*(p.names() for p in self.parts))

    def spatial_part(self) -> Region:
        result: Region = Everything()
        for part in self.parts:
            result = result & part.spatial_part()
        return result

    def bounding_ball(self) -> BoundingBall | None:
        balls = [ball for p in self.parts if (ball := p.bounding_ball())]
        return min(balls, key=lambda ball: ball[1], default=None)

    def __str__(self) -> str:
        return " & ".join(f"({p})" if isinstance(p, Or) else str(p) for p in self.parts)


@dataclass(frozen=True)
class Or(Region):
    """Inside any of ``parts``."""

    parts: tuple[Region, ...]
    kind: ClassVar[str] = "or"

    def __post_init__(self) -> None:
        _check_parts(self.parts)

    def contains(self, columns: Columns) -> Mask:
        return np.logical_or.reduce(np.broadcast_arrays(*(p.contains(columns) for p in self.parts)))

    def names(self) -> frozenset[str]:
        return frozenset().union(*(p.names() for p in self.parts))

    def spatial_part(self) -> Region:
        spatial = tuple(p.spatial_part() for p in self.parts)
        return Everything() if any(isinstance(p, Everything) for p in spatial) else Or(spatial)

    def bounding_ball(self) -> BoundingBall | None:
        balls = [p.bounding_ball() for p in self.parts]
        known = [b for b in balls if b is not None]
        if not known or len(known) < len(balls):
            return None
        centre = np.mean([c for c, _ in known], 0)
        radius = max(float(np.linalg.norm(np.subtract(c, centre))) + r for c, r in known)
        return (float(centre[0]), float(centre[1]), float(centre[2])), radius

    def __str__(self) -> str:
        many = len(self.parts) > _SPELT_OUT
        return f"any of {len(self.parts)} regions" if many else " | ".join(str(p) for p in self.parts)


@dataclass(frozen=True)
class Not(Region):
    """Outside ``part``."""

    part: Region
    kind: ClassVar[str] = "not"

    def contains(self, columns: Columns) -> Mask:
        return ~self.part.contains(columns)

    def names(self) -> frozenset[str]:
        return self.part.names()

    def __str__(self) -> str:
        return f"not ({self.part})"


KINDS: Mapping[str, type[Region]] = {
    c.kind: c for c in (Everything, Box, Shell, Ellipse, Polygon, Expression, And, Or, Not)
}


_DEEPEST = 100
"""Lists and regions within each other that a document may have: more is no selection that anybody drew."""


def from_json(values: Any) -> Region:
    """The region that ``to_json`` wrote; RegionError names what is malformed."""
    try:
        return _region(values, 0)
    except (TypeError, ValueError, OverflowError) as error:
        raise RegionError(f"the region is malformed: {error}") from error


def _region(values: Any, depth: int) -> Region:
    kind = values.get("kind") if isinstance(values, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise RegionError(f"unknown kind of region {kind!r}", remedy=suggestion(str(kind), KINDS))
    fields = {k: _parsed(v, depth + 1) for k, v in values.items() if k != "kind"}
    known = {f.name: f for f in dataclasses.fields(KINDS[kind])}  # type: ignore[arg-type]
    hints = get_type_hints(KINDS[kind])
    wrong = sorted(str(k) for k, v in fields.items() if k not in known or not _fits(v, hints[k]))
    wrong += [k for k, f in known.items() if k not in fields and f.default is dataclasses.MISSING]
    if wrong:
        raise RegionError(f"a region of kind {kind!r} is missing or does not have these fields: {', '.join(wrong)}")
    return KINDS[kind](**fields)


def _parsed(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise RegionError(f"the region is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        return _region(value, depth)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(_parsed(v, depth + 1) for v in value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether ``value`` is what a field holds: text, a number, a region, or a tuple of such."""
    parts = get_args(hint)
    if not parts:
        return isinstance(value, hint)
    if not isinstance(value, tuple):
        return False
    if parts[-1] is Ellipsis:
        return all(_fits(v, parts[0]) for v in value)
    return len(value) == len(parts) and all(map(_fits, value, parts))
