"""The most likely log-linear density, n ∝ exp(c · features), whose smoothness the stars choose themselves.

Features come in groups. Those of group 0 are kept; the coefficients of every other group have a normal prior of one
width, so that a group can shrink to nothing. The widths maximise the evidence in Laplace's approximation, by the
fixed-point update of Fellner and Schall (Wood & Fasiolo 2017, Biometrics 73, 1071), a step of it after each step of
Newton's method. The likelihood is concave and knows the stars only by the means of their features, so no number of
stars makes it slow and nothing of it is drawn at random.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp, softmax

_KEPT = 0.1
"""Stars that the prior of group 0 counts for: alike features would take large coefficients of both signs."""

_LEAST, _MOST, _FIRST = 1e-3, 1e8, 10.0
_STEPS, _CONVERGED = 60, 1e-2


class LogLinearFit(NamedTuple):
    """The coefficients, and how many of each group's the stars determine: its effective degrees of freedom."""

    coefficients: Float[np.ndarray, " f"]
    determined: dict[int, float]


def fit_log_linear(
    mean: Float[np.ndarray, " f"],
    stars: float,
    node_features: Float[np.ndarray, "q f"],
    node_volume: Float[np.ndarray, " q"],
    groups: Int[np.ndarray, " f"],
) -> LogLinearFit:
    """The fit to ``stars`` stars with the ``mean`` of their features, normalised over nodes of a quadrature."""
    middle, size = node_features.mean(0), np.maximum(node_features.std(0), 1e-12)
    problem = _Problem((mean - middle) / size, max(stars, 1.0), (node_features - middle) / size, np.log(node_volume))
    varied = {int(group): _FIRST for group in np.unique(groups) if group}
    determined = dict.fromkeys(varied, 0.0)
    answer = np.zeros(len(mean))
    for step in range(_STEPS):
        prior = np.array([varied.get(int(group), _KEPT) for group in groups])
        slope, curvature = problem.derivatives(answer)
        slope, factor = slope - prior * answer, cho_factor(curvature + np.diag(prior))
        direction = cho_solve(factor, slope)
        answer = problem.descended(answer, direction, prior)
        known = 1 - prior * np.diag(cho_solve(factor, np.eye(len(prior))))
        change = float(slope @ direction)
        for group in varied if step else ():
            rows = groups == group
            now = float(np.clip(known[rows].sum(), _LEAST, None))
            change = max(change, abs(now - determined[group]))
            determined[group] = now
            varied[group] = float(np.clip(now / max(np.sum(answer[rows] ** 2), 1e-300), _LEAST, _MOST))
        if step and change < _CONVERGED:
            break
    return LogLinearFit(answer / size, determined)


class _Problem(NamedTuple):
    """Standardised features of the stars, in the mean, and of the nodes."""

    target: Float[np.ndarray, " f"]
    stars: float
    nodes: Float[np.ndarray, "q f"]
    log_volume: Float[np.ndarray, " q"]

    def value(self, c: Float[np.ndarray, " f"], prior: Float[np.ndarray, " f"]) -> float:
        """Log posterior of the coefficients."""
        return float(self.stars * (self.target @ c - logsumexp(self.nodes @ c + self.log_volume)) - prior @ c**2 / 2)

    def derivatives(self, c: Float[np.ndarray, " f"]) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, "f f"]]:
        """Gradient of the log likelihood and minus its Hessian."""
        share = softmax(self.nodes @ c + self.log_volume)
        expected = share @ self.nodes
        second = (self.nodes * share[:, None]).T @ self.nodes - np.outer(expected, expected)
        return self.stars * (self.target - expected), self.stars * second

    def descended(
        self, c: Float[np.ndarray, " f"], direction: Float[np.ndarray, " f"], prior: Float[np.ndarray, " f"]
    ) -> Float[np.ndarray, " f"]:
        """A Newton step; from far away a whole one may overshoot."""
        before = self.value(c, prior)
        for length in 0.5 ** np.arange(20):
            if self.value(c + length * direction, prior) >= before:
                return c + length * direction
        return c
