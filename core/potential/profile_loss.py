"""The profile loss L(Ω_p): the least that any Φ of positive density leaves at a fixed pattern speed (PHYSICS 3).

The normal equations are built once; at each Ω_p only the other coefficients are solved for. From squares of the mean
score L holds the noise of the flows, which has a minimum of its own at the stars' mean angular speed; from products of
the two halves it does not. So the two curves lie on each other where the pattern is real, and part where it is noise.
The curvature of L is no error bar: that comes from independent flows and bootstraps.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from core.array_types import PerStar
from core.config import PotentialConfig
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.design import Design
from core.potential.linear import solve
from core.potential.normal_equations import Equations, Problem, Vector, cross_equations, non_negative
from core.potential.training import convex_problem

RANGE = (0.0, 60.0)
"""Pattern speeds [km/s/kpc] at which L is always known."""

_STEP, _ROOM = 1.0, 15.0
_REACH = 10.0
"""Distance from its minimum [km/s/kpc] at which the curvature of L is taken."""
_NEAR, _FINE = 3.0, 0.1
"""How far about the best fit L is known at finer steps, and those steps [km/s/kpc]."""


@dataclass(frozen=True)
class ProfileLoss:
    """L at each of ``speeds`` [km/s/kpc], as a share of the mean square of V · ∂ln f/∂x, points weighted as in the fit.

    ``own`` is the mean square of what is left of the mean over members, ``cross`` the mean product of what is left in
    the two halves, None without halves.
    """

    speeds: Float[np.ndarray, "s"]
    own: Float[np.ndarray, "s"]
    cross: Float[np.ndarray, "s"] | None

    @property
    def information(self) -> float:
        """Half the curvature of ``own`` [(km/s/kpc)⁻²]: signal and noise of the turning of ln f that no Φ imitates."""
        middle = self.speeds[int(np.argmin(self.own))]
        either = np.interp([middle - _REACH, middle + _REACH], self.speeds, self.own)
        return float((either.mean() - self.own.min()) / _REACH**2)


def speeds_about(best: float) -> Float[np.ndarray, "s"]:
    """All of ``RANGE``, more widely where the best fit is not well inside, and finely near it."""
    low, high = min(RANGE[0], np.floor(best - _ROOM)), max(RANGE[1], np.ceil(best + _ROOM))
    coarse = np.arange(low, high + _STEP / 2, _STEP)
    fine = np.arange(best - _NEAR, best + _NEAR + _FINE / 2, _FINE)
    return np.unique(np.concatenate([coarse, fine]))


def fit_profile(sample: ScoredSample, config: PotentialConfig, sun: SolarPosition, *, seed: int) -> ProfileLoss | None:
    """L about the convex fit to all points of a sample, with the weights of that fit; None as :func:`profile_loss`.

    Raises TrainingError where no potential fits.
    """
    _, problem = convex_problem(sample, config, sun, seed=seed, bootstrap=False)
    if not problem.turning:
        return None
    fit = solve(problem, config)
    assert fit.pattern_speed is not None
    return profile_loss(problem, config, fit.weights, speeds_about(fit.pattern_speed))


def profile_loss(
    problem: Design, config: PotentialConfig, weights: PerStar, speeds: Float[np.ndarray, "s"]
) -> ProfileLoss | None:
    """L of the convex fit with fixed ``weights``; None where Ω_p is given, where nothing turns, or with a free drift.

    A drift does nearly all that a turn does: L would be flat.
    """
    if not problem.turning or problem.drifting:
        return None
    mean = _columns(problem, None)
    own = _Moments.of(mean, mean, weights)
    cross = _Moments.of(_columns(problem, 0), _columns(problem, 1), weights) if problem.has_halves else None
    extra = 0 if problem.tracers is None else problem.tracers.turning.shape[1]
    rows = []
    for speed in map(float, speeds):
        squares = own.at(speed, extra)
        size = np.diag(squares.equations.gram)
        rows.append(
            [part.least(size, problem, config) for part in (squares, *([cross.at(speed, extra)] if cross else []))]
        )
    losses = np.array(rows).T / own.constant
    return ProfileLoss(np.asarray(speeds, float), losses[0], losses[1] if cross else None)


def _columns(problem: Design, half: int | None) -> Problem:
    """Columns and target of the mean over members, the turning of ln n with columns of its own before Ω_p's.

    In double precision: little is left of large numbers.
    """
    matrix, streaming = (np.asarray(part, float) for part in problem.mean(half))
    if problem.tracers is not None:
        matrix = np.column_stack([matrix[:, :-1], problem.tracers.turning, matrix[:, -1]])
    return matrix, streaming


class _Moments(NamedTuple):
    """The loss constant - 2 moment · c + c · gram c of all coefficients c."""

    equations: Equations
    constant: float

    @classmethod
    def of(cls, one: Problem, other: Problem, weights: PerStar) -> "_Moments":
        return cls(cross_equations(one, other, weights), float(np.sum(weights * one[1] * other[1], dtype=float)))

    def at(self, speed: float, extra: int) -> "_Moments":
        """That of the others when Ω_p is ``speed``: the last ``extra`` columns then join those before them."""
        last, constant = np.array([len(self.equations.moment) - 1]), self.constant
        gram, moment = self.equations.without(last, np.array([speed]))
        constant += speed * (speed * self.equations.gram[-1, -1] - 2 * self.equations.moment[-1])
        if extra:
            joined = np.eye(len(moment), len(moment) - extra)
            joined[-extra:, -extra:] = speed * np.eye(extra)
            gram, moment = joined.T @ gram @ joined, joined.T @ moment
        return _Moments(Equations(gram, moment), constant)

    def least(self, size: Vector, problem: Design, config: PotentialConfig) -> float:
        """The loss at the solution of the convex fit."""
        answer = non_negative(self.equations, size, problem.positive, config.ridge)
        return self.constant - 2 * float(self.equations.moment @ answer) + float(answer @ self.equations.gram @ answer)
