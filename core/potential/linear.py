"""The convex solver: a non-negative least-squares fit of Φ and Ω_p to the stationarity condition.

The residual is linear in the coefficients of the basis and in Ω_p, so the fit has no local minima and takes under a
second. Two measures against errors in the scores, which shrink the force whatever the loss (PHYSICS 3):

* weights 1 / (variance over members + residual² + floor), updated twice;
* cross-half instruments: with members trained on disjoint halves of the stars, products of scores of different halves
  replace squares of the mean score in the normal equations, which removes the bias.

They also tell how much of the information on Ω_p is noise: the *noise share* (near 0: a real pattern, near 1: none).
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import nnls

from core.array_types import PerStar
from core.config import PotentialConfig
from core.errors import TrainingError
from core.phase_space.sample import ScoredSample
from core.potential.basis import Basis, columns
from core.potential.reference_frame import ReferenceFrame

Matrix = Float[np.ndarray, "c c"]
Vector = Float[np.ndarray, " c"]

_CHUNK = 4096


@dataclass(frozen=True)
class Design:
    """The linear problem ``streaming = matrix @ coefficients`` of every member of the scored sample.

    The last column is Ω_p's where ``turning`` says so; the first ``positive`` coefficients may not be negative.
    """

    matrix: Float[np.ndarray, "m n c"]
    streaming: Float[np.ndarray, "m n"]
    half: Float[np.ndarray, "m"] | np.ndarray
    positive: int
    turning: bool

    def mean(self, half: int | None = None) -> tuple[Float[np.ndarray, "n c"], PerStar]:
        """Mean over members (of one half)."""
        rows = slice(None) if half is None else self.half == half
        return self.matrix[rows].mean(0), self.streaming[rows].mean(0)

    @property
    def has_halves(self) -> bool:
        return bool(np.any(self.half == 0) and np.any(self.half == 1))


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of the basis, Ω_p [km/s/kpc] or None, and what the instruments say of it.

    ``noise_share`` is None without two halves or without a free Ω_p. ``weights`` are those of the last iteration.
    """

    coefficients: Vector
    pattern_speed: float | None
    noise_share: float | None
    weights: PerStar


def design(sample: ScoredSample, frame: ReferenceFrame, basis: Basis, config: PotentialConfig) -> Design:
    """The linear problem of a scored sample: columns ∇φ_k · ∂ln f/∂v, and Ω_p's where it is free."""
    gradients = _gradients(basis, config.harmonics, sample.w[:, :3])
    score_v = sample.score[:, :, 3:].astype(np.float32)
    matrix = np.einsum("nci,mni->mnc", gradients, score_v, optimize=True)
    streaming = np.stack([frame.streaming(sample.w, s) for s in sample.score])
    turning = np.stack([frame.turning(sample.w, s) for s in sample.score])
    free = frame.rotates and config.pattern_speed == "free"
    if free:
        matrix = np.concatenate([matrix, turning[..., None].astype(np.float32)], -1)
    elif frame.rotates:
        streaming = streaming - float(config.pattern_speed) * turning
    if not (np.all(np.isfinite(matrix)) and np.all(np.isfinite(streaming))):
        raise TrainingError("some scores are not finite: a flow has diverged")
    return Design(matrix, streaming.astype(np.float32), sample.half, basis.positive, free)


@partial(jax.jit, static_argnums=1)
def _gradient_columns(basis: Basis, degree: int, x: Float[Array, "n 3"]) -> Float[Array, "n c 3"]:
    return jax.vmap(jax.jacfwd(lambda point: columns(basis, degree, point)))(x)


def _gradients(basis: Basis, degree: int, x: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n c 3"]:
    padded = np.concatenate([x, np.repeat(x[-1:], -len(x) % _CHUNK, axis=0)])
    parts = [_gradient_columns(basis, degree, jnp.asarray(part)) for part in np.split(padded, len(padded) // _CHUNK)]
    return np.concatenate([np.asarray(part, np.float32) for part in parts])[: len(x)]


def solve(problem: Design, config: PotentialConfig, weights: PerStar | None = None) -> LinearFit:
    """The convex fit. Given ``weights`` it is a single weighted solve; else they are found by iteration.

    Raises TrainingError where nothing is constrained.
    """
    members = len(problem.matrix)
    mean, target = problem.mean()
    fixed = weights is not None
    weights = np.ones(len(target), np.float32) if weights is None else weights
    answer = _least_squares(problem, config, mean, target, weights)
    if members > 1 and not fixed:
        for _ in range(config.reweights):
            weights = _updated_weights(problem, answer)
            answer = _least_squares(problem, config, mean, target, weights)
    share = None
    if problem.has_halves:
        answer = _instrumental(problem, config, weights)
        share = noise_share(problem, weights, answer) if problem.turning else None
    if not np.any(answer[: problem.positive] > 0):
        raise TrainingError("the scores hold no attraction at all: no potential of positive density fits them")
    speed = float(answer[-1]) if problem.turning else None
    return LinearFit(answer[: len(answer) - problem.turning], speed, share, weights)


def _updated_weights(problem: Design, answer: Vector) -> PerStar:
    """1 / (member variance + residual² + floor): noisy scores near the edges of f would dominate a plain fit."""
    members = len(problem.matrix)
    residuals = problem.streaming - problem.matrix @ answer.astype(np.float32)
    spread = residuals.var(0) * members / (members - 1) + residuals.mean(0) ** 2
    weights = 1 / (spread + np.quantile(spread, 0.3) + 1e-30)
    return np.asarray(weights / weights.mean(), np.float32)


def _least_squares(
    problem: Design,
    config: PotentialConfig,
    matrix: Float[np.ndarray, "n c"],
    target: PerStar,
    weights: PerStar,
) -> Vector:
    gram, moment = _moments(matrix, matrix, target, weights)
    return _non_negative(gram, moment, np.diag(gram), problem.positive, config.ridge)


def _instrumental(problem: Design, config: PotentialConfig, weights: PerStar) -> Vector:
    """Symmetrised cross moments of the two half-sample means in place of squares of the mean.

    Where an axisymmetric sample leaves no cross information on Ω_p, its row would be noise divided by noise: the plain
    row is kept for it.
    """
    (a, y), (b, z) = problem.mean(0), problem.mean(1)
    gram, moment = _moments(a, b, z, weights)
    other = _moments(b, a, y, weights)[1]
    moment = (moment + other) / 2
    plain, plain_moment = _moments(*_repeat(problem.mean()), weights)
    if problem.turning and gram[-1, -1] < 0.4 * plain[-1, -1]:
        gram[-1], gram[:, -1], moment[-1] = plain[-1], plain[:, -1], plain_moment[-1]
    return _non_negative(gram, moment, np.diag(plain), problem.positive, config.ridge)


def _repeat(
    pair: tuple[Float[np.ndarray, "n c"], PerStar],
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n c"], PerStar]:
    return pair[0], pair[0], pair[1]


def _moments(
    left: Float[np.ndarray, "n c"], right: Float[np.ndarray, "n c"], target: PerStar, weights: PerStar
) -> tuple[Matrix, Vector]:
    """Symmetrised leftᵀ W right, and leftᵀ W target."""
    weighted = left * weights[:, None]
    gram = (weighted.T @ right).astype(float)
    return (gram + gram.T) / 2, (weighted.T @ target).astype(float)


def _non_negative(gram: Matrix, moment: Vector, size: Vector, positive: int, ridge: float) -> Vector:
    """Minimum of cᵀ gram c / 2 - momentᵀ c with the first ``positive`` coefficients ≥ 0.

    Columns are scaled to unit ``size``; directions whose cross moments came out negative are clipped to the ridge.
    """
    scale = np.sqrt(size) + 1e-30
    values, vectors = np.linalg.eigh(gram / scale[:, None] / scale)
    root = np.sqrt(np.maximum(values, 0) + ridge)
    factor, target = (vectors * root).T, (vectors.T @ (moment / scale)) / root
    # A free coefficient is the difference of two non-negative ones.
    answer, _ = nnls(np.concatenate([factor, -factor[:, positive:]], 1), target, maxiter=100 * len(scale))
    free = answer[positive : len(scale)] - answer[len(scale) :]
    return np.concatenate([answer[:positive], free]) / scale


def noise_share(problem: Design, weights: PerStar, answer: Vector) -> float:
    """1 - (cross-half)/(own) information of the Ω_p column, what the potential's active columns explain taken out.

    Near 0 a pattern is seen by both halves alike; near 1 each half sees its own noise (PHYSICS 3).
    """
    active = np.concatenate([answer[: problem.positive] > 0, np.ones(len(answer) - problem.positive, bool)])
    mean = problem.mean()[0][:, active]
    own = _moments(mean, mean, np.zeros(len(mean), np.float32), weights)[0]
    halves = [problem.mean(h)[0][:, active] for h in (0, 1)]
    cross = _moments(halves[0], halves[1], np.zeros(len(mean), np.float32), weights)[0]
    scale = np.sqrt(np.diag(own))
    own, cross = own / scale[:, None] / scale, cross / scale[:, None] / scale
    projection = np.linalg.solve(own[:-1, :-1] + 1e-7 * np.eye(len(own) - 1), own[:-1, -1])
    direction = np.concatenate([-projection, [1.0]])
    return float(1 - (direction @ cross @ direction) / (direction @ own @ direction))
