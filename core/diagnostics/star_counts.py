"""Is n(x) right? Gradients of ln n in the flow's own stars and in the data, by one estimator (PHYSICS 2).

A density that is a few percent wrong in its slope costs the likelihood next to nothing and the midplane density ten
percent. For a test function h that vanishes at the ends of a bin, partial integration gives the mean of the gradient
under h from the stars alone, ⟨∂ ln n⟩_h = −E[∇·(h e)] / E[h]: no histogram, no smoothing, and an error bar. The same is
done for stars drawn from the flow, so an edge or a mask that cuts a bin cuts it in both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from core.array_types import PerStar, Positions
from core.phase_space.solar_position import SolarPosition

HEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)
"""Edges of the bins of height in a disc [kpc]."""

_QUANTILES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
_FEWEST = 200
"""Stars in a bin below which nothing is said of it."""
_TOLERANCE, _SIGMAS = 0.03, 3.0


@dataclass(frozen=True)
class Slope:
    """A gradient of ln n [per kpc] with its error, in the data and in the flow; ``where`` says of what."""

    where: str
    stars: float
    stars_error: float
    flow: float
    flow_error: float

    @property
    def agrees(self) -> bool:
        """Within three per cent, or within three standard errors of the difference."""
        difference = abs(self.flow - self.stars)
        error = np.hypot(self.stars_error, self.flow_error)
        return bool(difference <= max(_TOLERANCE * abs(self.stars), _SIGMAS * error))

    def to_json(self) -> dict[str, Any]:
        """Plain values; :meth:`from_json` is the inverse."""
        return {**asdict(self), "agrees": self.agrees}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Slope":
        """What ``to_json`` wrote."""
        numbers = (float(values[k]) for k in ("stars", "stars_error", "flow", "flow_error"))
        return cls(str(values["where"]), *numbers)


@dataclass(frozen=True)
class _Test:
    """Where a gradient is taken: h, and the divergence of h times the unit vector, per star."""

    where: str
    h: PerStar
    divergence: PerStar


def slopes(
    stars: Positions, weight: PerStar, flow: Float[np.ndarray, "m 3"], *, kind: str, sun: SolarPosition
) -> tuple[Slope, ...]:
    """The gradients of ln n in the data, with the weights of the stars, and in a sample of the flow.

    For a ``disc`` along |Z| by height, and along R and φ over the whole volume; for a ``sphere`` along r.
    """
    x, y = np.asarray(stars, float), np.asarray(flow, float)
    edges: Sequence[float] = HEIGHTS
    if kind == "sphere":
        edges = np.quantile(np.linalg.norm(x, axis=1), _QUANTILES).tolist()
    reach = float(np.quantile(np.linalg.norm(x, axis=1), 0.999))
    tests = _disc_tests if kind == "disc" else _sphere_tests
    found = []
    pairs = zip(tests(x, edges, reach, sun), tests(y, edges, reach, sun), strict=True)
    for here, there in pairs:
        if min(np.count_nonzero(here.h), np.count_nonzero(there.h)) >= _FEWEST:
            values = (*_gradient(here, weight), *_gradient(there, np.ones(len(y))))
            found.append(Slope(here.where, *values))
    return tuple(found)


def _gradient(test: _Test, weight: PerStar) -> tuple[float, float]:
    """The weighted mean gradient and its standard error."""
    total = np.sum(weight * test.h)
    gradient = -np.sum(weight * test.divergence) / total
    scatter = weight * (test.divergence + gradient * test.h)
    return float(gradient), float(np.sqrt(np.sum(scatter**2)) / total)


def _disc_tests(x: Positions, heights: Sequence[float], reach: float, sun: SolarPosition) -> Iterator[_Test]:
    X = sun.galactocentric_position(x)
    height = np.abs(X[:, 2])
    for low, high in pairwise(heights):
        h, slope = _hat(height, low, high)
        yield _Test(f"|Z| {low:g}–{high:g} kpc", h, slope)
    # Over the volume: a bump about the Sun that ends smoothly at its edge.
    squared = np.sum(x**2, 1) / reach**2
    bump = np.where(squared < 1, (1 - squared) ** 2, 0.0)
    pull = np.where(squared < 1, -4 * (1 - squared) / reach**2, 0.0)
    R = np.hypot(X[:, 0], X[:, 1])
    outwards = np.stack([X[:, 0] / R, X[:, 1] / R, 0 * R], 1) @ sun.axes
    around = np.stack([X[:, 1] / R, -X[:, 0] / R, 0 * R], 1) @ sun.axes
    yield _Test("R", bump, pull * np.sum(x * outwards, 1) + bump / R)
    yield _Test("φ", bump, pull * np.sum(x * around, 1))


def _sphere_tests(x: Positions, radii: Sequence[float], reach: float, sun: SolarPosition) -> Iterator[_Test]:
    r = np.linalg.norm(x, axis=1)
    for low, high in pairwise(radii):
        h, slope = _hat(r, low, high)
        yield _Test(f"r {low:.3g}–{high:.3g} kpc", h, slope + 2 * h / np.maximum(r, 1e-12))


def _hat(u: PerStar, low: float, high: float) -> tuple[PerStar, PerStar]:
    """A roof over an interval, one in its middle, and its slope."""
    middle, half = (low + high) / 2, (high - low) / 2
    h = np.maximum(1 - np.abs(u - middle) / half, 0.0)
    return h, np.where(h > 0, np.sign(middle - u) / half, 0.0)
