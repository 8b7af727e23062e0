"""The convex solver: a non-negative least-squares fit of Φ and Ω_p to the stationarity condition.

The residual is linear in the coefficients of the basis and in Ω_p, so the fit has no local minima and takes under a
second. Two measures against errors in the scores, which shrink the force whatever the loss (PHYSICS 3):

* weights 1 / (residual² of the members + floor), updated twice;
* cross-half instruments: with members trained on disjoint halves of the stars, products of scores of different halves
  replace squares of the mean score in the normal equations, which removes the bias.

They also tell how much of the information on Ω_p is noise: the *noise share* (near 0: a real pattern, near 1: none).

The frame may drift as well (:mod:`core.potential.reference_frame`): u is three more unknowns beside Ω_p.

Of a conditional sample ln n(x) is fitted too, with coefficients of either sign. Its product with Ω_p (and that of u) is
taken to first order about the previous answer, a few times; with a fixed Ω_p or in an inertial frame there is none.
Where velocities are Gaussian with one dispersion, ∇ln n does all that -∇Φ/σ² does and nothing can tell them apart: the
*force information* says how far the sample is from that.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from core.array_types import PerStar
from core.config import PotentialConfig
from core.errors import TrainingError
from core.potential.design import Design
from core.potential.normal_equations import (
    Vector,
    cross_equations,
    information_left,
    noise_share,
    non_negative,
    own_equations,
    weights_for,
)
from core.potential.tracer_density import TracerDensity

PRODUCT_STEPS = 4
"""Steps for the product of Ω_p and ln n: the error squares in each, and begins at a tenth."""

UNRESOLVED = 0.6
"""Noise share above which Ω_p, or a component of u, is not taken from products of the halves."""

HOPELESS_INFORMATION = 1e-3
"""Force information below which an answer would be made by the ridge alone."""

_DRIFT_RIDGE = 1e-2
"""Times the ridge where the frame may drift: a usual one alone moves u by 1 to 2 km/s along what little tells apart."""

_UNDETERMINED = 1e-5
"""Information on Ω_p, of all, below which other unknowns do the same: 10⁻⁷ in exact axisymmetry, 0.005 in a bar."""


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of the basis, Ω_p [km/s/kpc] or None, and what the instruments say of it; so of a free ``drift``.

    ``noise_share`` is None without two halves or without a free Ω_p. Where nothing turns at all, an exactly
    axisymmetric sample, Ω_p is NaN and its noise share 1. ``weights`` are those of the last iteration.

    Of a conditional sample, ``tracer_density`` is ln n, and ``axis_information`` says for each of three axes of the
    basis how much of what a force does to the velocities no ln n can do: the share of its column that is left when
    those of ln n are taken out, from products of the two halves where there are any. Without them noise counts as
    information. Errors in the scores weigh the more the less of it there is.
    """

    coefficients: Vector
    pattern_speed: float | None
    noise_share: float | None
    weights: PerStar
    tracer_density: TracerDensity | None = None
    axis_information: Float[np.ndarray, "3"] | None = None
    drift: Float[np.ndarray, "3"] | None = None
    drift_noise_share: Float[np.ndarray, "3"] | None = None

    @property
    def force_information(self) -> float | None:
        """That of the axis with the least: 0 where the force and ln n are one unknown, 1 where n is known."""
        return None if self.axis_information is None else float(np.clip(self.axis_information.min(), 0, 1))


def solve(problem: Design, config: PotentialConfig, weights: PerStar | None = None) -> LinearFit:
    """The convex fit. Given ``weights`` it is a single weighted solve; else they are found by iteration.

    Raises TrainingError where nothing is constrained.
    """
    if problem.drifting:
        config, problem = replace(config, ridge=_DRIFT_RIDGE * config.ridge), _without_idle_turning(problem)
    answer, weights = _solve_linear(problem, config, weights)
    if problem.has_products:
        for _ in range(PRODUCT_STEPS):
            answer, _ = _solve_linear(problem.about(answer), config, weights)
    if not np.any(answer[: problem.positive] > 0):
        raise TrainingError("the scores hold no attraction at all: no potential of positive density fits them")
    speed, share = None, None
    # Of p(v|x) alone: the motion of ln n is the same for both halves, noise or not.
    shares = _noise_shares(problem, weights, answer) if problem.has_halves and problem.motion else []
    if problem.axisymmetric:
        speed, share = float("nan"), 1.0
    elif problem.turning:
        speed, share = float(answer[-1]), shares[-1] if shares else None
    potential = problem.potential_columns
    fit = LinearFit(answer[:potential], speed, share, weights)
    if problem.drifting:
        drift = answer[problem.motion[:3]]
        fit = replace(fit, drift=drift, drift_noise_share=np.array(shares[:3]) if shares else None)
    if problem.tracers is None:
        return fit
    density = problem.tracers.density(answer[potential : len(answer) - len(problem.motion)])
    return replace(fit, tracer_density=density, axis_information=_axis_information(problem, weights))


def _without_idle_turning(problem: Design) -> Design:
    """The problem without Ω_p where a drift shows that nothing turns: there a turn does what a uniform force does."""
    if not problem.turning:
        return problem
    columns, target = problem.mean()
    gram = own_equations((columns.astype(float), target), np.ones(len(target))).gram
    if information_left(gram) > _UNDETERMINED:
        return problem
    return replace(problem, matrix=problem.matrix[..., :-1], turning=False, axisymmetric=True, swerves=None)


def _solve_linear(problem: Design, config: PotentialConfig, weights: PerStar | None) -> tuple[Vector, PerStar]:
    """The answer, and the ``weights`` or those that were found for it."""
    step = _instrumental if problem.has_halves else _plain
    updates = config.reweights if weights is None and len(problem.matrix) > 1 else 0
    weights = np.ones(problem.streaming.shape[1], np.float32) if weights is None else weights
    answer = step(problem, config, weights)
    for _ in range(updates):
        weights = _updated_weights(problem, answer)
        answer = step(problem, config, weights)
    return answer, weights


def _axis_information(problem: Design, weights: PerStar) -> Float[np.ndarray, "3"]:
    """1 - (what ln n can imitate)/(all) of the power of a unit force's column, for each of the three axes.

    Raises TrainingError where next to nothing is left.
    """
    assert problem.tracers is not None
    assert problem.forces is not None
    halves = (0, 1) if problem.has_halves else (None, None)
    one, other = (problem.forces[slice(None) if h is None else problem.half == h].mean(0) for h in halves)
    information = problem.tracers.left(one, other, weights)
    if information.min() < HOPELESS_INFORMATION:
        raise TrainingError(
            "velocities are Gaussian with one dispersion: the force cannot be told from the density of the stars"
        )
    return information


def _updated_weights(problem: Design, answer: Vector) -> PerStar:
    """1 / (residual² + floor): noisy scores near the edges of f would dominate a plain fit.

    The mean over members of the squared residual holds their variance. It is even in the errors of each half, so that
    weighted products of the halves stay unbiased; the square of the mean is not.
    """
    spread = np.mean((problem.streaming - problem.matrix @ answer.astype(np.float32)) ** 2, 0)
    return weights_for(spread).astype(np.float32)


def _plain(problem: Design, config: PotentialConfig, weights: PerStar) -> Vector:
    """Least squares of the mean over members."""
    own = own_equations(problem.mean(), weights)
    return non_negative(own, np.diag(own.gram), problem.positive, config.ridge)


def _instrumental(problem: Design, config: PotentialConfig, weights: PerStar) -> Vector:
    """Cross moments of the two half-sample means in place of squares of the mean.

    Where little of the information on Ω_p (or on a component of u) is common to the halves, it would be noise divided
    by noise: there it is the plain answer's, which noise pulls to the stars' own rotation, and Φ is the instruments'
    for that Ω_p.
    """
    own = own_equations(problem.mean(), weights)
    cross = cross_equations(problem.mean(0), problem.mean(1), weights)
    size = np.diag(own.gram)
    answer = non_negative(cross, size, problem.positive, config.ridge)
    shares = [noise_share(own.gram, cross.gram, problem.active(answer), column) for column in problem.motion]
    unresolved = np.array([c for c, share in zip(problem.motion, shares, strict=True) if not share < UNRESOLVED], int)
    if not len(unresolved):
        return answer
    values = non_negative(own, size, problem.positive, config.ridge)[unresolved]
    rest = np.delete(np.arange(len(size)), unresolved)
    answer[unresolved] = values
    known = cross.without(unresolved, values)
    answer[rest] = non_negative(known, size[rest], problem.positive, config.ridge)
    return answer


def _noise_shares(problem: Design, weights: PerStar, answer: Vector) -> list[float]:
    """Of every column of the frame's motion."""
    own = own_equations(problem.mean(), weights).gram
    cross = cross_equations(problem.mean(0), problem.mean(1), weights).gram
    return [noise_share(own, cross, problem.active(answer), column) for column in problem.motion]
