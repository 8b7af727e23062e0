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


def stack_on_host(states: Sequence[Any]) -> Any:
    """The same as numpy arrays: to stack on a device, or to take a member there, is a program for every shape."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *states)


def member(states: Any, index: int) -> Any:
    """The pytree of one member."""
    return jax.tree.map(lambda leaf: leaf[index], states)


def size(states: Any) -> int:
    """Number of members."""
    return int(jax.tree.leaves(states)[0].shape[0])


def quantiles(values: Float[np.ndarray, "m *rest"], shares: Sequence[float]) -> Float[np.ndarray, "q *rest"]:
    """Quantiles over members, of finite values only, interpolated linearly; NaN where no member has one."""
    finite = np.isfinite(values)
    ordered = np.sort(np.where(finite, values, np.nan), axis=0)  # what is not a number comes last
    last = np.maximum(finite.sum(0) - 1, 0)
    found = []
    for share in shares:
        at = share * last
        below = np.floor(at).astype(int)[None]
        low, high = (np.take_along_axis(ordered, i, 0)[0] for i in (below, np.minimum(below + 1, last)))
        part = at - below[0]
        found.append((1 - part) * low + part * high)
    return np.stack(found)


def median(values: Float[np.ndarray, "m *rest"]) -> Float[np.ndarray, "*rest"]:
    """Median over members, member by member finite ones only."""
    return quantiles(values, [0.5])[0]


def spread(values: Float[np.ndarray, "m *rest"]) -> Float[np.ndarray, "*rest"]:
    """Half the 16–84 % range over members: a standard deviation that outliers do not move."""
    low, high = quantiles(values, [0.16, 0.84])
    return np.asarray((high - low) / 2)
