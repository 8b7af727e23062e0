"""Many points through a compiled function of one shape."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

CHUNK = 8192
"""Points evaluated at once: one compiled shape whatever the number asked for."""


def in_chunks(function: Callable[[Array], Array], points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n *out"]:
    """``function`` of all rows, ``CHUNK`` at a time in one compiled shape."""
    return np.concatenate([np.asarray(function(part))[:count] for part, count in padded(points)])


def padded(points: Float[np.ndarray, "n d"]) -> list[tuple[Array, int]]:
    """Slices of ``CHUNK`` rows and how many of each are real; a short last one repeats its first row."""
    parts = []
    for start in range(0, max(len(points), 1), CHUNK):
        part = np.asarray(points[start : start + CHUNK])
        fill = np.repeat(part[:1], CHUNK - len(part), axis=0)
        parts.append((jnp.asarray(np.concatenate([part, fill]), float), len(part)))
    return parts
