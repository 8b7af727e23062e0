"""n(x): the density of stars in space, exactly normalised over the region they were selected in.

n = exp ψ(x) / Z with ψ = Σ c_k s_k(x), a sum of smooth functions (skeleton.py), and Z = ∫ exp ψ over the region by
quasi-Monte-Carlo quadrature. A sharp edge, a mask or a hole then costs nothing: there is no leakage and no ringing at
the boundary, where plain flows err by factors (README, Decisions).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from core.array_types import PerStar, Positions
from core.errors import RegionError
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition


@dataclass(frozen=True)
class Quadrature:
    """Points of a region and the volume [kpc³] that each stands for, so that Σ volume · g(x) ≈ ∫ g over the region."""

    x: Positions
    volume: PerStar


@dataclass(frozen=True)
class BallProposal:
    """Points in the bounding ball of a region that follow the stars in radius, for quadrature and for rejection.

    ``cubed_radii`` are r³ [kpc³] at equal steps of cumulative share, half of it the stars' and half uniform: a
    concentrated system in a large volume is resolved where its stars are, and no part of the volume is left out.
    """

    centre: Float[np.ndarray, "3"]
    cubed_radii: Float[np.ndarray, "e"]

    def points(self, unit: Float[np.ndarray, "n 3"]) -> Quadrature:
        """The images of points of the unit cube."""
        steps = len(self.cubed_radii) - 1
        cubed = np.interp(unit[:, 0] * steps, np.arange(steps + 1), self.cubed_radii)
        slope = np.diff(self.cubed_radii)[np.minimum((unit[:, 0] * steps).astype(int), steps - 1)] * steps
        cosine, angle = 2 * unit[:, 1] - 1, 2 * np.pi * unit[:, 2]
        sine = np.sqrt(1 - cosine**2)
        direction = np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], 1)
        return Quadrature(self.centre + np.cbrt(cubed)[:, None] * direction, 4 / 3 * np.pi * slope / len(unit))


def fit_proposal(x: Positions, region: Region) -> BallProposal:
    """The proposal for stars at ``x`` in ``region``; RegionError where the region is unbounded in space."""
    ball = region.spatial_part().bounding_ball()
    if ball is None:
        raise RegionError(
            f"the region ({region}) is not bounded in space",
            remedy="Intersect it with a volume such as r < 1.",
        )
    centre, radius = np.asarray(ball[0], float), ball[1]
    share = np.linspace(0, 1, 257)
    uniform = share * radius**3
    radii = np.minimum(np.linalg.norm(np.asarray(x, float) - centre, axis=1), radius)
    enclosed = np.interp(uniform, np.quantile(radii, share) ** 3, share)
    mixed = np.interp(share, (enclosed + share) / 2, uniform)
    return BallProposal(centre, mixed)


def quadrature(proposal: BallProposal, region: Region, sun: SolarPosition, count: int) -> Quadrature:
    """``count`` low-discrepancy points or more inside the spatial part of ``region``.

    Raises RegionError where the region has no volume.
    """
    nodes = _inside(proposal, region, sun, 4 * count)
    if not len(nodes.x):
        raise RegionError(f"the region ({region}) has no volume", remedy="Widen its bounds.")
    # Small parts of the ball get more trial points, so that the number inside is about ``count`` whatever the shape.
    share = len(nodes.x) / (4 * count)
    return _inside(proposal, region, sun, min(int(count / share), _MOST_TRIALS))


def _inside(proposal: BallProposal, region: Region, sun: SolarPosition, trials: int) -> Quadrature:
    unit = qmc.Sobol(3, seed=1).random(2 ** math.ceil(math.log2(trials)))
    nodes = proposal.points(unit)
    inside = region.contains_positions(nodes.x, sun)
    return Quadrature(nodes.x[inside], nodes.volume[inside])


_MOST_TRIALS = 2**21
