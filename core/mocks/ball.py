"""Integrals over a ball about the Sun and points drawn in it: how a mock's density is normalised and sampled."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from core.array_types import PerStar, Positions

NODES = 48
"""Nodes of each of the three Gauss rules; 64 change the mass of the default discs by less than 1e-12."""


def quadrature(radius: float, nodes: int = NODES) -> tuple[Positions, PerStar]:
    """Points [kpc] and weights [kpc³] of a product Gauss rule on the ball of ``radius`` [kpc] about the origin."""
    node, weight = np.polynomial.legendre.leggauss(nodes)
    r, dr = radius * (node + 1) / 2, weight * radius / 2
    azimuth = 2 * np.pi * np.arange(nodes) / nodes
    r, cosine, azimuth = np.meshgrid(r, node, azimuth, indexing="ij")
    sine = np.sqrt(1 - cosine**2)
    points = np.stack([r * sine * np.cos(azimuth), r * sine * np.sin(azimuth), r * cosine], -1)
    weights = r**2 * dr[:, None, None] * weight[None, :, None] * (2 * np.pi / nodes)
    return points.reshape(-1, 3), weights.reshape(-1)


def directions(rng: np.random.Generator, n: int) -> Positions:
    """Unit vectors drawn evenly over the sphere."""
    vectors = rng.normal(size=(n, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def draw_uniform(rng: np.random.Generator, n: int, radius: float) -> Positions:
    """Positions drawn evenly in the ball."""
    return directions(rng, n) * (radius * rng.random(n) ** (1 / 3))[:, None]


def draw(
    rng: np.random.Generator,
    n: int,
    radius: float,
    ln_density: Callable[[Positions], PerStar],
    *,
    batch: int = 2**17,
) -> Float[np.ndarray, "n 3"]:
    """Positions in the ball drawn from exp(``ln_density``) by rejection: exact."""
    ceiling = ln_density(draw_uniform(rng, batch, radius)).max() + 0.05
    kept: list[Positions] = []
    while sum(map(len, kept)) < n:
        x = draw_uniform(rng, batch, radius)
        height = ln_density(x)
        if height.max() > ceiling:
            # Too low a ceiling clipped the peak of what was accepted so far: start again under a higher one.
            ceiling, kept = height.max() + 0.05, []
            continue
        kept.append(x[np.log(rng.random(batch)) < height - ceiling])
    return np.concatenate([np.zeros((0, 3)), *kept])[:n]
