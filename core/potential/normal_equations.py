"""Normal equations of the stationarity condition, and their minimum under positive densities (PHYSICS 3).

Products of the scores of two disjoint halves of the stars, whose errors are independent, stand beside squares of the
mean score: the difference is noise.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import nnls

from core.array_types import PerStar

Matrix = Float[np.ndarray, "c c"]
Vector = Float[np.ndarray, " c"]
Problem = tuple[Float[np.ndarray, "n c"], PerStar]
"""Columns and target of a least-squares problem, one row for each point."""


class Equations(NamedTuple):
    """``gram`` @ coefficients = ``moment``."""

    gram: Matrix
    moment: Vector

    def without_last(self, value: float) -> "Equations":
        """Those of the other coefficients, the last one having a known ``value``."""
        return Equations(self.gram[:-1, :-1], self.moment[:-1] - self.gram[:-1, -1] * value)


def weights_for(spread: PerStar) -> PerStar:
    """1 / (``spread`` + floor), of mean 1: of points with a mean squared residual of ``spread``."""
    weights = 1 / (spread + np.quantile(spread, 0.3) + 1e-30)
    return np.asarray(weights / weights.mean())


def own_equations(problem: Problem, weights: PerStar) -> Equations:
    """Of plain least squares: errors in the columns count as information."""
    columns, target = problem
    weighted = columns * weights[:, None]
    return Equations((weighted.T @ columns).astype(float), (weighted.T @ target).astype(float))


def cross_equations(one: Problem, other: Problem, weights: PerStar) -> Equations:
    """With products of two halves in place of squares, symmetrised: free of errors that the halves do not share."""
    (a, y), (b, z) = one, other
    weighted = a * weights[:, None]
    gram = (weighted.T @ b).astype(float)
    moment = (weighted.T @ z).astype(float) + ((weights * y) @ b).astype(float)
    return Equations((gram + gram.T) / 2, moment / 2)


def non_negative(equations: Equations, size: Vector, positive: int, ridge: float) -> Vector:
    """Minimum of cᵀ gram c / 2 - momentᵀ c with the first ``positive`` coefficients ≥ 0.

    Columns are scaled to unit ``size``; directions whose cross moments came out negative are clipped to the ridge.
    """
    scale = np.sqrt(size) + 1e-30
    values, vectors = np.linalg.eigh(equations.gram / scale[:, None] / scale)
    gram, moment = (vectors * (np.maximum(values, 0) + ridge)) @ vectors.T, equations.moment / scale
    # The free coefficients follow from the others, which leaves a smaller problem.
    mixed = gram[:positive, positive:]
    free = np.linalg.solve(gram[positive:, positive:], np.column_stack([mixed.T, moment[positive:]]))
    values, vectors = np.linalg.eigh(gram[:positive, :positive] - mixed @ free[:, :-1])
    root = np.sqrt(np.maximum(values, max(ridge, 1e-12)))
    target = vectors.T @ (moment[:positive] - mixed @ free[:, -1]) / root
    answer, _ = nnls((vectors * root).T, target, maxiter=100 * len(scale))
    return np.concatenate([answer, free[:, -1] - free[:, :-1] @ answer]) / scale


def noise_share(own: Matrix, cross: Matrix, active: Bool[np.ndarray, " c"]) -> float:
    """1 - (cross-half)/(own) information of the last column, what the other ``active`` columns explain taken out.

    Near 0 a pattern is seen by both halves alike; near 1 each half sees its own noise.
    """
    scale = np.sqrt(np.diag(own))[active]
    own, cross = (gram[np.ix_(active, active)] / scale[:, None] / scale for gram in (own, cross))
    projection = np.linalg.solve(own[:-1, :-1] + 1e-7 * np.eye(len(own) - 1), own[:-1, -1])
    direction = np.concatenate([-projection, [1.0]])
    return float(1 - (direction @ cross @ direction) / (direction @ own @ direction))
