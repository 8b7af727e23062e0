"""Is f stationary? How much of its change along the orbits neither force nor pattern explains, and where.

The residual of the collisionless Boltzmann equation is noise of the flows, and beyond it whatever is not stationary.
Members on disjoint halves of the stars have independent noise, so the mean product of their two residuals holds what
both see: disequilibrium, or a bias that all flows share, which in stationary mocks is 1 to 2 per cent. Shares are of
the change of ln f along the orbits, V · ∂ln f/∂x, root mean square.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from core.array_types import PerStar, Positions
from core.phase_space.sample import ScoredSample
from core.potential.boltzmann import residual
from core.potential.reference_frame import ReferenceFrame

PLANES = ((0, 1), (0, 2))
_CELLS = 10
_FEWEST = 100
"""Points in a cell below which nothing is said of it."""
_CLIPPED = 0.995
"""Quantile beyond which products are cut: scores at the edges of f are wild."""
SHARED_BIAS = 0.02
"""What is left in stationary mocks, whose flows are alike in what they smooth."""


@dataclass(frozen=True)
class SteadinessMap:
    """Shares in cells of a plane, the first axis along columns; NaN where there are too few points."""

    axes: str
    edges: Float[np.ndarray, "e"]
    unexplained: Float[np.ndarray, "c c"]
    noise: Float[np.ndarray, "c c"]
    points: Int[np.ndarray, "c c"]


@dataclass(frozen=True)
class Steadiness:
    """The shares over all points, and maps of them."""

    unexplained: float
    noise: float
    maps: tuple[SteadinessMap, ...]

    @property
    def is_steady(self) -> bool:
        """Whether no more is left than in stationary mocks."""
        return self.unexplained <= SHARED_BIAS

    @property
    def sentence(self) -> str:
        """What may be said of it."""
        words = f"{100 * self.unexplained:.1f} % of the change of f along the orbits is left unexplained"
        if self.is_steady:
            return f"{words}, no more than in stationary mocks (1 to 2 %)"
        here = self.maps[0]
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
            "noise": self.noise,
            "sentence": self.sentence,
            "maps": [
                {
                    "axes": m.axes,
                    "edges": m.edges.tolist(),
                    "unexplained": _plain(m.unexplained),
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
            np.asarray(m["noise"], float),
            np.asarray(m["points"], int),
        )
        for m in values["maps"]
    )
    return Steadiness(float(values["unexplained"]), float(values["noise"]), maps)


def steadiness(
    sample: ScoredSample, frame: ReferenceFrame, acceleration: Positions, pattern_speed: float
) -> Steadiness | None:
    """Of a scored sample with a force at its points; None without members on two halves, or without n(x)."""
    if sample.conditional or not all(np.any(sample.half == half) for half in (0, 1)):
        return None
    products = _Products.of(sample, frame, acceleration, pattern_speed)
    reach = float(np.max(np.abs(sample.w[:, :3])))
    edges = np.linspace(-reach, reach, _CELLS + 1)
    maps = tuple(_mapped(products, sample.w[:, :3], edges, plane) for plane in PLANES)
    everything = np.zeros(len(sample), int)
    (unexplained,), (noise,) = products.shares(everything, 1)
    return Steadiness(float(unexplained), float(noise), maps)


def _mapped(
    products: "_Products", x: Positions, edges: Float[np.ndarray, "e"], plane: tuple[int, int]
) -> SteadinessMap:
    column, row = (np.clip(np.digitize(x[:, axis], edges) - 1, 0, _CELLS - 1) for axis in plane)
    cell, cells = row * _CELLS + column, _CELLS**2
    points = np.bincount(cell, minlength=cells)
    shares = [np.where(points >= _FEWEST, share, np.nan) for share in products.shares(cell, cells)]
    unexplained, noise, points = (values.reshape(_CELLS, _CELLS) for values in (*shares, points))
    return SteadinessMap("".join("xyz"[axis] for axis in plane), edges, unexplained, noise, points)


@dataclass(frozen=True)
class _Products:
    """Of every point: residuals of the halves with each other and with themselves, and the size of the streaming."""

    common: PerStar
    own: PerStar
    size: PerStar

    @classmethod
    def of(
        cls, sample: ScoredSample, frame: ReferenceFrame, acceleration: Positions, pattern_speed: float
    ) -> "_Products":
        scores = [np.median(sample.score[sample.half == half], 0) for half in (0, 1)]
        one, other = (residual(frame, sample.w, score, acceleration, pattern_speed) for score in scores)
        first, second = (frame.streaming(sample.w, score) for score in scores)
        return cls(_clipped(one * other), _clipped((one**2 + other**2) / 2), _clipped(first * second))

    def shares(
        self, cell: Int[np.ndarray, " n"], cells: int
    ) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
        """The unexplained share in each cell, and that of the noise of the mean of both halves."""
        common, own, size = (np.bincount(cell, v, minlength=cells) for v in (self.common, self.own, self.size))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(np.maximum(common, 0) / size), np.sqrt(np.maximum(own - common, 0) / 2 / size)


def _clipped(values: PerStar) -> PerStar:
    limit = np.quantile(np.abs(values), _CLIPPED)
    return np.clip(values, -limit, limit)


def _plain(values: Float[np.ndarray, "c c"]) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]
