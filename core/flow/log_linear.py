"""The most likely log-linear density, n ∝ exp(c · features), whose smoothness the stars choose themselves.

Features come in groups. Those of group 0 are kept; the coefficients of every other group have a normal prior of one
width. The widths maximise the evidence in Laplace's approximation, by the fixed-point update of Fellner and Schall
(Wood & Fasiolo 2017, Biometrics 73, 1071), a step of it after each step of Newton's method. A group whose evidence
against its absence is weak is then left out: chance alone would make it describe a few stars. The likelihood is concave
and knows the stars only by the means of their features, so no number of stars makes it slow, and nothing is drawn.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp, softmax

_KEPT = 0.1
"""Stars that the prior of group 0 counts for: alike features would take large coefficients of both signs."""

_WORTH = 3.0
"""Log Bayes factor, for a group against its absence, below which it is left out: odds of twenty."""

_LEAST, _MOST, _FIRST = 1e-3, 1e8, 10.0
_NOTHING, _SETTLED = 0.05, 4
"""Degrees of freedom that are none, and steps after which a group that has none is left out."""

_STEPS, _CONVERGED = 100, 1e-2

_CURVED = 16_384
"""Nodes that the Hessian is found from, the costly part: it says how far to go, the slope from all nodes where to."""


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
    counts = node_volume > 0
    nodes, log_volume = ((node_features - middle) / size)[counts], np.log(node_volume[counts])
    problem = _Problem((mean - middle) / size, max(stars, 1.0), nodes, log_volume, groups)
    widths = dict.fromkeys((int(group) for group in np.unique(groups) if group), _FIRST)
    determined = dict.fromkeys(widths, 0.0)
    answer = np.zeros(len(mean))
    for step in range(_STEPS):
        prior = np.array([widths.get(int(group), _KEPT) for group in problem.groups])
        answer, covariance, change = problem.improved(answer, prior)
        for group in list(widths) if step else ():
            rows = problem.groups == group
            now = float(np.clip(np.sum(rows) - widths[group] * np.trace(covariance[np.ix_(rows, rows)]), _LEAST, None))
            change = max(change, abs(now - determined[group]))
            determined[group] = now
            widths[group] = float(np.clip(now / max(np.sum(answer[rows] ** 2), 1e-300), _LEAST, _MOST))
        useless = [group for group in widths if step >= _SETTLED and determined[group] < _NOTHING]
        if step and change < _CONVERGED and not useless:
            worth = {group: _log_bayes_factor(answer, covariance, problem.groups == group) for group in widths}
            if not worth or min(worth.values()) >= _WORTH:
                break
            useless = [min(worth, key=worth.__getitem__)]
        for group in useless:
            del widths[group]
            determined[group] = 0.0
            keep = problem.groups != group
            problem, answer = problem.only(keep), answer[keep]
    coefficients = np.zeros(len(mean))
    coefficients[np.isin(groups, [0, *widths])] = answer
    return LogLinearFit(coefficients / size, determined)


def _log_bayes_factor(
    answer: Float[np.ndarray, " f"], covariance: Float[np.ndarray, "f f"], rows: Bool[np.ndarray, " f"]
) -> float:
    """Of a group against its absence: the densities of its prior and its posterior at zero (Savage and Dickey).

    The prior's width is the one that the stars chose, so that its precision is known from answer and covariance.
    """
    mean, spread = answer[rows], covariance[np.ix_(rows, rows)]
    precision = _precision(mean, spread)
    _, log_volume = np.linalg.slogdet(spread)
    return float((len(mean) * np.log(precision) + mean @ np.linalg.solve(spread, mean) + log_volume) / 2)


def _precision(mean: Float[np.ndarray, " g"], spread: Float[np.ndarray, "g g"]) -> float:
    """Where the update of Fellner and Schall stands still: λ |c|² + λ tr C = g."""
    return float(len(mean) / (mean @ mean + np.trace(spread)))


@dataclass(frozen=True)
class _Problem:
    """Standardised features of the stars, in the mean, and of the nodes, with their groups."""

    target: Float[np.ndarray, " f"]
    stars: float
    nodes: Float[np.ndarray, "q f"]
    log_volume: Float[np.ndarray, " q"]
    groups: Int[np.ndarray, " f"]

    def only(self, keep: Bool[np.ndarray, " f"]) -> "_Problem":
        """The problem without the other features."""
        return _Problem(self.target[keep], self.stars, self.nodes[:, keep], self.log_volume, self.groups[keep])

    def value(self, c: Float[np.ndarray, " f"], prior: Float[np.ndarray, " f"]) -> float:
        """Log posterior of the coefficients."""
        return float(self.stars * (self.target @ c - logsumexp(self.nodes @ c + self.log_volume)) - prior @ c**2 / 2)

    def derivatives(self, c: Float[np.ndarray, " f"]) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, "f f"]]:
        """Gradient of the log likelihood, and minus its Hessian from the first nodes, which are spread evenly."""
        log_share = self.nodes @ c + self.log_volume
        slope = self.stars * (self.target - softmax(log_share) @ self.nodes)
        some = self.nodes[:_CURVED]
        share = softmax(log_share[:_CURVED])
        expected = share @ some
        return slope, self.stars * ((some * share[:, None]).T @ some - np.outer(expected, expected))

    def improved(
        self, c: Float[np.ndarray, " f"], prior: Float[np.ndarray, " f"]
    ) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, "f f"], float]:
        """After a step of Newton's method, the covariance before it, and twice what the step promised to gain.

        From far away a whole step may overshoot.
        """
        slope, curvature = self.derivatives(c)
        factor = cho_factor(curvature + np.diag(prior))
        covariance = cho_solve(factor, np.eye(len(c)))
        slope = slope - prior * c
        direction, before = covariance @ slope, self.value(c, prior)
        for length in 0.5 ** np.arange(20):
            if self.value(c + length * direction, prior) >= before:
                return c + length * direction, covariance, float(slope @ direction)
        return c, covariance, 0.0
