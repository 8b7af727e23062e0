"""Pytrees as named arrays and back: the key of a leaf is its path."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from core.errors import CorruptArtifactError


def to_arrays(tree: Any) -> dict[str, np.ndarray]:
    """Every leaf as a numpy array, by its path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def from_arrays(arrays: Mapping[str, np.ndarray], like: Any) -> Any:
    """The tree of the shape of ``like`` whose leaves are the named arrays.

    Raises CorruptArtifactError where a leaf is missing or has another shape.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    restored = []
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path)
        if name not in arrays or arrays[name].shape != np.shape(leaf):
            raise CorruptArtifactError(f"no array {name} of shape {np.shape(leaf)}: another version wrote it")
        restored.append(jnp.asarray(arrays[name], leaf.dtype))
    return jax.tree_util.tree_unflatten(structure, restored)
