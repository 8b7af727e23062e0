"""Members of an ensemble as one stacked pytree, and what is reported of them: median, spread, quantiles.

A model is ``(graphdef, state)``; an ensemble is the same graphdef with every leaf of the state stacked over a leading
member axis. The best estimate is the median over members (PHYSICS 2).
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float


def stack(states: Sequence[Any]) -> Any:
    """One pytree whose leaves carry a leading member axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)


def member(states: Any, index: int) -> Any:
    """The pytree of one member."""
    return jax.tree.map(lambda leaf: leaf[index], states)


def size(states: Any) -> int:
    """Number of members."""
    return int(jax.tree.leaves(states)[0].shape[0])


def median(values: Float[np.ndarray, "m *rest"]) -> Float[np.ndarray, "*rest"]:
    """Median over members, member by member finite ones only."""
    return np.asarray(np.nanmedian(np.where(np.isfinite(values), values, np.nan), axis=0))


def spread(values: Float[np.ndarray, "m *rest"]) -> Float[np.ndarray, "*rest"]:
    """Half the 16–84 % range over members: a standard deviation that outliers do not move."""
    finite = np.isfinite(values)
    # Percentiles that skip members take a Python call for every point.
    percentile = np.percentile if finite.all() else np.nanpercentile
    low, high = percentile(np.where(finite, values, np.nan), [16, 84], axis=0)
    return np.asarray((high - low) / 2)
