"""Cubic interpolation on a regular grid, in the two ways in which a table is used.

A spline through all nodes is twice differentiable, so that its gradient is a force that keeps an orbit's energy. The
polynomial through the four nearest nodes along each axis needs no others, and works where a table has holes.
"""

import numpy as np
from jaxtyping import Float
from scipy.interpolate import NdBSpline, make_interp_spline

from core.array_types import Positions

Axes = tuple[np.ndarray, ...]
"""The nodes along x, y and z, equally spaced."""


def spline(axes: Axes, values: Float[np.ndarray, "nx ny nz"]) -> NdBSpline:
    """The tensor product of cubic splines through all nodes; not a number beyond them."""
    knots, coefficients = [], values
    for axis, nodes in enumerate(axes):
        along = make_interp_spline(nodes, coefficients, k=3, axis=axis)
        knots.append(along.t)
        coefficients = np.moveaxis(along.c, 0, axis)
    return NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), 3, extrapolate=False)


def spline_acceleration(potential: NdBSpline, x: Positions) -> Positions:
    """-∇Φ of a spline of Φ."""
    return -np.stack([potential(x, nu=tuple(np.eye(3, dtype=int)[axis])) for axis in range(3)], 1)


def local_cubic(axes: Axes, table: Float[np.ndarray, "nx ny nz q"], x: Positions) -> Float[np.ndarray, "n q"]:
    """Lagrange's cubic along each axis; not a number where one of the 64 nodes has none or is not there."""
    result: np.ndarray = np.zeros((len(x), table.shape[-1]))
    stencils = [_stencil(nodes, x[:, axis]) for axis, nodes in enumerate(axes)]
    for i, j, k in np.ndindex(4, 4, 4):
        (a, u), (b, v), (c, w) = stencils
        result += (u[:, i] * v[:, j] * w[:, k])[:, None] * table[a + i, b + j, c + k]
    beyond = np.any([(x[:, i] < nodes[1]) | (x[:, i] > nodes[-2]) for i, nodes in enumerate(axes)], axis=0)
    return np.where(beyond[:, None], np.nan, result)


def _stencil(nodes: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the first of four nodes about x, and their weights."""
    at = (x - nodes[0]) / (nodes[1] - nodes[0])
    first = np.clip(np.floor(at).astype(int) - 1, 0, len(nodes) - 4)
    t = at - first
    weights = np.ones((len(x), 4))
    for i in range(4):
        for other in range(4):
            if other != i:
                weights[:, i] *= (t - other) / (i - other)
    return first, weights
