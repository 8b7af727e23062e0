"""n(x): the density of stars in space, exactly normalised over the region they were selected in.

n = exp ψ(x) / Z with a small network ψ and Z = ∫ exp ψ over the region by quasi-Monte-Carlo quadrature. A sharp edge,
a mask or a hole then costs nothing: there is no leakage and no ringing at the boundary, where plain flows err by
factors (README, Decisions).
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from scipy.special import logsumexp, softmax
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


_SLOWNESS = 0.2

_PRIOR = 0.3
"""Stars that the prior of the linear ln n counts for: alike features would take large coefficients of both signs."""

_NEWTON_STEPS, _CONVERGED = 50, 1e-12


class LogDensityNetwork(nnx.Module):
    """ψ of the position features: a tanh network plus an undecayed linear skip that carries the gross gradient.

    The network counts a fifth, so that it learns slowly what the skip leaves over. At full weight it bends surfaces of
    equal density towards spheres early on, alike in every member, which is seen as a pattern (README, Decisions).
    """

    def __init__(self, features: int, hidden: int, *, rngs: nnx.Rngs):
        init = nnx.initializers.variance_scaling(1.0, "fan_in", "normal")
        last = nnx.initializers.variance_scaling(0.01, "fan_in", "normal")
        self.first = nnx.Linear(features, hidden, kernel_init=init, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, kernel_init=init, rngs=rngs)
        self.last = nnx.Linear(hidden, 1, use_bias=False, kernel_init=last, rngs=rngs)
        self.skip = nnx.Linear(features, 1, use_bias=False, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, features: Float[Array, "*n f"]) -> Float[Array, "*n"]:
        hidden = jnp.tanh(self.second(jnp.tanh(self.first(features))))
        return (_SLOWNESS * self.last(hidden) + self.skip(features))[..., 0]

    def with_skip(self, coefficients: Float[np.ndarray, " f"]) -> "LogDensityNetwork":
        """This network with a linear skip of given coefficients."""
        self.skip.kernel[...] = jnp.asarray(coefficients, self.skip.kernel.dtype)[:, None]
        return self


def best_linear(
    mean: Float[np.ndarray, " f"],
    stars: int,
    node_features: Float[np.ndarray, "q f"],
    node_volume: Float[np.ndarray, " q"],
) -> Float[np.ndarray, " f"]:
    """The coefficients c for which n ∝ exp(c · features) is most likely, by Newton's method in double precision.

    The likelihood of ``stars`` knows them only by the ``mean`` of their features. It is concave; a prior of
    a few stars keeps coefficients moderate where features are alike.
    """
    middle, size = node_features.mean(0), np.maximum(node_features.std(0), 1e-12)
    nodes, target = (node_features - middle) / size, (mean - middle) / size
    prior = _PRIOR / max(stars, 1) * np.eye(len(mean))
    log_volume = np.log(node_volume)

    def value(c: Float[np.ndarray, " f"]) -> float:
        return float(target @ c - logsumexp(nodes @ c + log_volume) - c @ prior @ c / 2)

    answer = np.zeros(len(mean))
    for _ in range(_NEWTON_STEPS):
        share = softmax(nodes @ answer + log_volume)
        expected = share @ nodes
        curvature = (nodes * share[:, None]).T @ nodes - np.outer(expected, expected) + prior
        slope = target - expected - prior @ answer
        step = np.linalg.solve(curvature, slope)
        if not slope @ step > _CONVERGED:
            break
        # From far away a whole step may overshoot.
        lengths = 0.5 ** np.arange(20)
        better = [length for length in lengths if value(answer + length * step) > value(answer)]
        if not better:
            break
        answer = answer + better[0] * step
    return np.asarray(answer / size)


def log_normaliser(
    network: LogDensityNetwork, node_features: Float[Array, "q f"], node_volume: Float[Array, " q"]
) -> Float[Array, ""]:
    """ln Z = ln ∫ exp ψ by quadrature over nodes of :func:`quadrature`."""
    return jax.nn.logsumexp(network(node_features), b=node_volume)
