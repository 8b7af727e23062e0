"""Regions bounded in named coordinates: box, shell, ellipse, polygon, and what a typed condition cuts out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from core.array_types import Mask
from core.errors import RegionError
from core.phase_space.coordinates import COORDINATES, coordinate
from core.phase_space.expression import CompiledExpression, compile_expression
from core.phase_space.region_algebra import BoundingBall, Columns, Everything, Region


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
    """An ellipse in two coordinates; ``angle`` [deg] turns its half axes away from them, from x towards y.

    It turns plain numbers, whatever their units; :meth:`turned` turns what a picture shows.
    """

    x: str
    y: str
    centre: tuple[float, float]
    half_axes: tuple[float, float]
    angle: float = 0.0
    kind: ClassVar[str] = "ellipse"

    def __post_init__(self) -> None:
        coordinate(self.x), coordinate(self.y)
        if not (min(self.half_axes) > 0 and all(map(math.isfinite, (*self.centre, *self.half_axes, self.angle)))):
            raise RegionError("an ellipse needs a centre and positive half axes")

    def contains(self, columns: Columns) -> Mask:
        x, y = columns(self.x) - self.centre[0], columns(self.y) - self.centre[1]
        turn = math.radians(self.angle)
        u = (math.cos(turn) * x + math.sin(turn) * y) / self.half_axes[0]
        v = (math.cos(turn) * y - math.sin(turn) * x) / self.half_axes[1]
        return u**2 + v**2 <= 1

    def names(self) -> frozenset[str]:
        return frozenset((self.x, self.y))

    def border(self, points: int = 72) -> tuple[list[float], list[float]]:
        """x and y of ``points`` places along the border, the first of them once more at the end."""
        around = 2 * np.pi * np.append(np.arange(points), 0) / points
        x, y = self._axes() @ np.stack([np.cos(around), np.sin(around)]) + np.array(self.centre)[:, None]
        return x.tolist(), y.tolist()

    def turned(self, angle: float, scale: tuple[float, float] = (1.0, 1.0)) -> "Ellipse":
        """This ellipse turned about its centre by ``angle`` [deg], where a picture shows ``scale`` at equal lengths."""
        size = np.array(scale)[:, None]
        axes, lengths, _ = np.linalg.svd(size * (_rotation(angle) @ (self._axes() / size)))
        turn = math.degrees(math.atan2(axes[1, 0], axes[0, 0])) % 180
        return replace(self, half_axes=(float(lengths[0]), float(lengths[1])), angle=turn)

    def _axes(self) -> np.ndarray:
        """The half axes as columns."""
        return _rotation(self.angle) * np.array(self.half_axes)

    def __str__(self) -> str:
        return f"ellipse in {COORDINATES[self.x].label}–{COORDINATES[self.y].label}"


def _rotation(angle: float) -> np.ndarray:
    turn = math.radians(angle)
    return np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])


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


def _ball_of(limits: Mapping[str, tuple[float, float]]) -> BoundingBall | None:
    """The ball that holds all places within ``limits`` of r, or of x, y and z; None where they leave a way out."""
    if "r" in limits and math.isfinite(limits["r"][1]):
        return (0.0, 0.0, 0.0), limits["r"][1]
    if not {"x", "y", "z"} <= set(limits) or not all(math.isfinite(sum(limits[k])) for k in "xyz"):
        return None
    x, y, z = (sum(limits[k]) / 2 for k in "xyz")
    return (x, y, z), math.hypot(*((limits[k][1] - limits[k][0]) / 2 for k in "xyz"))
