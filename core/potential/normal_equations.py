"""Normal equations of the stationarity condition, and their minimum under positive densities (PHYSICS 3).

Products of the scores of two disjoint halves of the stars, whose errors are independent, stand beside squares of the
mean score: the difference is noise.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
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

    def without(self, known: Int[np.ndarray, " k"], values: Float[np.ndarray, " k"]) -> "Equations":
        """Those of the other coefficients, the ``known`` ones having these ``values``."""
        others = np.delete(np.arange(len(self.moment)), known)
        return Equations(
            self.gram[np.ix_(others, others)], self.moment[others] - self.gram[np.ix_(others, known)] @ values
        )

    def pulled(self, strength: Matrix, target: Vector) -> "Equations":
        """Those with dᵀ ``strength`` d / 2 of d = coefficients - ``target`` added to what is minimised."""
        return Equations(self.gram + strength, self.moment + strength @ target)


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


def greatest_evidence(equations: Equations, held: Matrix, target: Vector) -> float:
    """The s for which the equations, in units of their noise, are likeliest.

    Coefficients have a normal distribution about ``target`` with covariance s² ``held``⁻¹.
    """
    scale = np.sqrt(np.diag(held)) + 1e-30
    power, axes = np.linalg.eigh(held / scale[:, None] / scale)
    whiten = axes / np.sqrt(np.maximum(power, _WEAKEST * power[-1])) / scale[:, None]
    information, turned = np.linalg.eigh(whiten.T @ equations.gram @ whiten)
    seen = information > 1e-12 * information[-1]
    away = (turned.T @ (whiten.T @ (equations.moment - equations.gram @ target)))[seen] ** 2 / information[seen]
    grown = 1 + SIZES[:, None] ** 2 * information[seen]
    return float(SIZES[np.argmin(np.sum(np.log(grown) + away / grown, 1))])


SIZES = np.geomspace(1e-3, 10, 41)
"""Relative sizes of a correction among which the greatest evidence chooses."""

_WEAKEST = 1e-9
"""Least power of a mixture of columns, over that of the strongest."""


def noise_share(own: Matrix, cross: Matrix, active: Bool[np.ndarray, " c"], column: int = -1) -> float:
    """1 - (cross-half)/(own) information of a ``column``, what the other ``active`` columns explain taken out.

    Near 0 a pattern is seen by both halves alike; near 1 each half sees its own noise.
    """
    column %= len(active)
    others = np.flatnonzero(active)
    chosen = np.append(others[others != column], column)
    scale = np.sqrt(np.diag(own))[chosen]
    own, cross = (gram[np.ix_(chosen, chosen)] / scale[:, None] / scale for gram in (own, cross))
    direction = _unexplained(own)
    return float(1 - (direction @ cross @ direction) / (direction @ own @ direction))


def information_left(gram: Matrix) -> float:
    """The share of the information on the last column that the others do not explain."""
    scale = np.sqrt(np.diag(gram)) + 1e-30
    scaled = gram / scale[:, None] / scale
    direction = _unexplained(scaled)
    return float(direction @ scaled @ direction)


def _unexplained(scaled: Matrix) -> Vector:
    """The last of some columns of unit size less what the others explain of it, as coefficients of all."""
    projection = np.linalg.solve(scaled[:-1, :-1] + 1e-7 * np.eye(len(scaled) - 1), scaled[:-1, -1])
    return np.concatenate([-projection, [1.0]])
