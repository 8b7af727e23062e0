"""The algebra of regions: what every predicate on phase space can do, and how predicates combine.

The single kinds of region build on this; :mod:`core.phase_space.region` has them all.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from core.array_types import Mask, PerStar, PhaseSpace, Positions
from core.errors import RegionError
from core.phase_space.coordinates import COORDINATES, coordinate
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
        if isinstance(self, Everything) or isinstance(other, Everything):
            return Everything()
        return Or(tuple(p for r in (self, other) for p in (r.parts if isinstance(r, Or) else (r,))))

    def __invert__(self) -> "Region":
        return self.part if isinstance(self, Not) else Not(self)


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


_SPELT_OUT = 4
"""Alternatives that a description names one by one; the cones of a dust map are only counted."""


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


COMBINATIONS: Mapping[str, Callable[[Region, Region], Region]] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "and not": lambda a, b: a & ~b,
}
"""How two regions make a third, by what it is called."""
