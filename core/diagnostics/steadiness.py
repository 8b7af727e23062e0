"""Is f stationary? How much of its change along the orbits neither force nor pattern explains, and where.

The residual of the collisionless Boltzmann equation is noise of the flows, and beyond it whatever is not stationary.
Members on disjoint halves of the stars have independent noise, so the mean product of their two residuals holds what
both see: disequilibrium, or a bias that all flows share, which in stationary mocks is 1 to 2 per cent. Its *floor* is
what would be left if every cell could choose a force of its own: what no potential can remove (PHYSICS 3). Shares are
of the change of ln f along the orbits, V · ∂ln f/∂x, root mean square.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from core.array_types import Mask, PerStar, Positions
from core.phase_space.sample import ScoredSample
from core.potential.boltzmann import residual
from core.potential.reference_frame import ReferenceFrame

PLANES = ((0, 1), (0, 2))
_CELLS, _POINTS = (4, 10), 300
"""Fewest and most cells along an axis, and how many points one should hold."""

_FEWEST = 100
"""Points in a cell below which nothing is said of it."""
_USED = 0.995
"""Quantile of the residuals beyond which points are left out: scores at the edges of f are wild."""
SHARED_BIAS = 0.02
"""What is left in stationary mocks, whose flows are alike in what they smooth."""


@dataclass(frozen=True)
class SteadinessMap:
    """Shares in cells of a plane, the first axis along columns; NaN where there are too few points."""

    axes: str
    edges: Float[np.ndarray, "e"]
    unexplained: Float[np.ndarray, "c c"]
    floor: Float[np.ndarray, "c c"]
    noise: Float[np.ndarray, "c c"]
    points: Int[np.ndarray, "c c"]


@dataclass(frozen=True)
class Steadiness:
    """The shares over all points, and maps of them."""

    unexplained: float
    floor: float
    noise: float
    maps: tuple[SteadinessMap, ...]

    @property
    def is_steady(self) -> bool:
        """Whether no more is left than in stationary mocks."""
        return self.unexplained <= SHARED_BIAS

    @property
    def sentence(self) -> str:
        """What may be said of it."""
        words = (
            f"{100 * self.unexplained:.1f} % of the change of f along the orbits is left unexplained "
            f"({100 * self.floor:.1f} % whatever the force)"
        )
        if self.is_steady:
            return f"{words}, no more than in stationary mocks (1 to 2 %)"
        here = self.maps[0]
        if not np.isfinite(here.unexplained).any():
            return f"{words}, more than in stationary mocks (1 to 2 %); there are too few points to say where"
        row, column = np.unravel_index(np.nanargmax(here.unexplained), here.unexplained.shape)
        x, y = (here.edges[i] / 2 + here.edges[i + 1] / 2 for i in (column, row))
        return (
            f"{words}, more than in stationary mocks (1 to 2 %), most near {here.axes[0]} = {x:.1f}, "
            f"{here.axes[1]} = {y:.1f} kpc: disequilibrium, or a bias that all flows share"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; :func:`from_json` is the inverse."""
        return {
            "unexplained": self.unexplained,
            "floor": self.floor,
            "noise": self.noise,
            "sentence": self.sentence,
            "maps": [
                {
                    "axes": m.axes,
                    "edges": m.edges.tolist(),
                    "unexplained": _plain(m.unexplained),
                    "floor": _plain(m.floor),
                    "noise": _plain(m.noise),
                    "points": m.points.tolist(),
                }
                for m in self.maps
            ],
        }


def from_json(values: Mapping[str, Any]) -> Steadiness:
    """What ``to_json`` wrote; KeyError, TypeError or ValueError where it is damaged."""
    maps = tuple(
        SteadinessMap(
            str(m["axes"]),
            np.asarray(m["edges"], float),
            np.asarray(m["unexplained"], float),
            np.asarray(m["floor"], float),
            np.asarray(m["noise"], float),
            np.asarray(m["points"], int),
        )
        for m in values["maps"]
    )
    return Steadiness(float(values["unexplained"]), float(values["floor"]), float(values["noise"]), maps)


def steadiness(
    sample: ScoredSample, frame: ReferenceFrame, acceleration: Positions, pattern_speed: float
) -> Steadiness | None:
    """Of a scored sample with a force at its points; None without members on two halves, or without n(x)."""
    if sample.conditional or not all(np.any(sample.half == half) for half in (0, 1)):
        return None
    halves = [_Half.of(sample, half, frame, acceleration, pattern_speed) for half in (0, 1)]
    used = np.all([np.abs(h.residual) <= np.quantile(np.abs(h.residual), _USED) for h in halves], 0)
    one, other = (h.take(used) for h in halves)
    x = sample.w[used, :3]
    cells = int(np.clip(np.sqrt(len(x) / _POINTS), *_CELLS))
    edges = np.linspace(-1, 1, cells + 1) * float(np.max(np.abs(x)))
    sums = [_Sums.of(one, other, x, edges, plane) for plane in PLANES]
    whole = sums[0].added()
    maps = tuple(s.mapped(edges, plane) for s, plane in zip(sums, PLANES, strict=True))
    unexplained, floor, noise = (float(share[0]) for share in whole.shares())
    return Steadiness(unexplained, floor, noise, maps)


@dataclass(frozen=True)
class _Half:
    """What the members of one half say at every point: residual, streaming and ∂ln f/∂v."""

    residual: PerStar
    streaming: PerStar
    score_v: Float[np.ndarray, "n 3"]

    @classmethod
    def of(
        cls, sample: ScoredSample, half: int, frame: ReferenceFrame, acceleration: Positions, pattern_speed: float
    ) -> "_Half":
        score = np.median(sample.score[sample.half == half], 0).astype(float)
        found = residual(frame, sample.w, score, acceleration, pattern_speed)
        return cls(found, frame.streaming(sample.w, score), score[:, 3:])

    def take(self, rows: Mask) -> "_Half":
        """The points of ``rows``."""
        return _Half(self.residual[rows], self.streaming[rows], self.score_v[rows])


@dataclass(frozen=True)
class _Sums:
    """Sums over the points of cells of a plane, row by row, of which the shares are made.

    ``left`` is what is left of ``common``, the product of the residuals, by a force of the cell's own; ``own`` are the
    squares of the residuals and ``size`` the products of the streamings.
    """

    points: Int[np.ndarray, " c"]
    common: Float[np.ndarray, " c"]
    left: Float[np.ndarray, " c"]
    own: Float[np.ndarray, " c"]
    size: Float[np.ndarray, " c"]

    @classmethod
    def of(
        cls, one: _Half, other: _Half, x: Positions, edges: Float[np.ndarray, "e"], plane: tuple[int, int]
    ) -> "_Sums":
        side = len(edges) - 1
        column, row = (np.clip(np.digitize(x[:, axis], edges) - 1, 0, side - 1) for axis in plane)
        cell = row * side + column

        def summed(values: Float[np.ndarray, "n *rest"]) -> Float[np.ndarray, "c *rest"]:
            total = np.zeros((side**2, *values.shape[1:]))
            np.add.at(total, cell, values)
            return total

        points, common = np.bincount(cell, minlength=side**2), summed(one.residual * other.residual)
        # A force of the cell's own takes out what goes along ∂ln f/∂v, in products of the halves.
        products = summed(one.score_v[:, :, None] * other.score_v[:, None, :])
        moments = summed(one.residual[:, None] * other.score_v + other.residual[:, None] * one.score_v) / 2
        force = np.linalg.pinv((products + np.swapaxes(products, 1, 2)) / 2) @ moments[:, :, None]
        removed = np.where(points >= _FEWEST, np.maximum(np.sum(moments * force[:, :, 0], 1), 0), 0)
        own = summed((one.residual**2 + other.residual**2) / 2)
        return cls(points, common, common - removed, own, summed(one.streaming * other.streaming))

    def added(self) -> "_Sums":
        """All cells as one."""
        return _Sums(*(getattr(self, f.name).sum(keepdims=True) for f in fields(self)))

    def shares(self) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
        """Of each cell the unexplained share, its floor, and the noise of the mean of both halves."""
        parts = self.common, self.left, (self.own - self.common) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            unexplained, floor, noise = (np.sqrt(np.maximum(part, 0) / self.size) for part in parts)
        return unexplained, floor, noise

    def mapped(self, edges: Float[np.ndarray, "e"], plane: tuple[int, int]) -> SteadinessMap:
        """The shares of the cells with enough points."""
        side = len(edges) - 1
        shares = [np.where(self.points >= _FEWEST, share, np.nan) for share in self.shares()]
        unexplained, floor, noise = (share.reshape(side, side) for share in shares)
        points = self.points.reshape(side, side)
        return SteadinessMap("".join("xyz"[i] for i in plane), edges, unexplained, floor, noise, points)


def _plain(values: Float[np.ndarray, "c c"]) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]
