"""The linear problem of the convex solver: what Φ, ln n and the motion of the frame do to the stars of every member.

A column for each unknown. The products of Ω_p with ln n or with the drift are taken to first order about an answer.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from core.array_types import PerStar
from core.config import PotentialConfig
from core.errors import TrainingError
from core.phase_space.sample import ScoredSample
from core.potential.basis import Basis, columns
from core.potential.normal_equations import Vector
from core.potential.reference_frame import ReferenceFrame
from core.potential.tracer_density import TracerBasis, TracerColumns, tracer_columns

_ROUNDING = 1e-6
"""Size of the turning of ln f, in units of its two terms, below which it is rounding: stored scores are single."""

_CHUNK = 4096


@dataclass(frozen=True)
class Design:
    """The linear problem ``streaming = matrix @ coefficients`` of every member of the scored sample.

    The last column is Ω_p's where ``turning`` says so, before it stand the three of u where ``drifting`` does; the
    first ``positive`` coefficients may not be negative. Before these stand the columns of ln n where there are
    ``tracers``, and ``forces`` are then the columns of unit forces along three axes. ``swerves`` multiply Ω_p u where
    both are free, and there are no ``tracers`` then. ``axisymmetric``: Ω_p is free, but nothing turns at all, so that
    it has no column.
    """

    matrix: Float[np.ndarray, "m n c"]
    streaming: Float[np.ndarray, "m n"]
    half: Float[np.ndarray, "m"] | np.ndarray
    positive: int
    turning: bool
    axisymmetric: bool = False
    tracers: TracerColumns | None = None
    forces: Float[np.ndarray, "m n 3"] | None = None
    drifting: bool = False
    swerves: Float[np.ndarray, "m n 3"] | None = None

    def mean(self, half: int | None = None) -> tuple[Float[np.ndarray, "n c"], PerStar]:
        """Mean over members (of one half)."""
        rows = slice(None) if half is None else self.half == half
        return self.matrix[rows].mean(0), self.streaming[rows].mean(0)

    @property
    def has_halves(self) -> bool:
        return bool(np.any(self.half == 0) and np.any(self.half == 1))

    @property
    def motion(self) -> list[int]:
        """The columns of the frame's motion, which come last: those of u, then Ω_p's."""
        size = self.matrix.shape[-1]
        return list(range(size - 3 * self.drifting - self.turning, size))

    @property
    def potential_columns(self) -> int:
        """Number of columns of Φ, which come first."""
        tracers = 0 if self.tracers is None else self.tracers.streaming.shape[1]
        return self.matrix.shape[-1] - len(self.motion) - tracers

    def active(self, answer: Vector) -> Bool[np.ndarray, " c"]:
        """The columns that take part in ``answer``: those that may have either sign, and those that are not zero."""
        return (np.arange(len(answer)) >= self.positive) | (answer > 0)

    @property
    def has_products(self) -> bool:
        """Whether Ω_p multiplies other unknowns."""
        return self.turning and (self.tracers is not None or self.swerves is not None)

    def about(self, answer: Vector) -> "Design":
        """The problem with the products of Ω_p, with ln n or with u, to first order about ``answer``."""
        speed, matrix, streaming = np.float32(answer[-1]), self.matrix.copy(), self.streaming
        if self.tracers is not None:
            density = answer[self.potential_columns : -1].astype(np.float32)
            turned = self.tracers.turning @ density
            matrix[..., self.potential_columns : -1] += speed * self.tracers.turning
            matrix[..., -1] += turned
            streaming = streaming + speed * turned
        if self.swerves is not None:
            drift = self.motion[:-1]
            swerved = self.swerves @ answer[drift].astype(np.float32)
            matrix[..., drift] += speed * self.swerves
            matrix[..., -1] += swerved
            streaming = streaming + speed * swerved
        return replace(self, matrix=matrix, streaming=streaming)


def design(
    sample: ScoredSample,
    frame: ReferenceFrame,
    basis: Basis,
    config: PotentialConfig,
    tracers: TracerBasis | None = None,
    guide: Float[np.ndarray, "n g 3"] | None = None,
) -> Design:
    """The linear problem of a scored sample: columns ∇φ_k · ∂ln f/∂v, those of ``tracers``, of u and Ω_p where free.

    A conditional sample needs ``tracers``, a joint one has none. ``guide`` holds the gradients of further elements of
    positive density, which come first.
    """
    score_v = sample.score[:, :, 3:].astype(np.float32)
    gradients, positive = force_columns(basis, config.harmonics, sample.w[:, :3]), basis.positive
    if guide is not None:
        gradients, positive = np.concatenate([guide, gradients], 1), positive + guide.shape[1]
    parts = [np.einsum("nci,mni->mnc", gradients, score_v, optimize=True)]
    streaming = np.stack([frame.streaming(sample.w, s) for s in sample.score])
    turning = np.stack([frame.turning(sample.w, s) for s in sample.score])
    free = frame.rotates and config.pattern_speed == "free"
    axisymmetric = free and turning_is_rounding(turning, frame, sample)
    fixed = float(config.pattern_speed) if frame.rotates and not free else 0.0
    density = forces = None
    if tracers is not None:
        density = tracer_columns(tracers, frame, sample.w)
        column = fixed * density.turning - density.streaming
        parts.append(np.broadcast_to(column.astype(np.float32), (sample.members, *column.shape)))
        forces = score_v @ np.asarray(basis.axes, np.float32).T
    turns, swerves = free and not axisymmetric, None
    if config.frees_drift:
        swerves = np.stack([frame.swerves(s) for s in sample.score]).astype(np.float32)
        shifts = np.stack([frame.shifts(s) for s in sample.score])
        parts.append((shifts + fixed * swerves).astype(np.float32))
    if turns:
        parts.append(turning[..., None].astype(np.float32))
    matrix, streaming = np.concatenate(parts, -1), (streaming - fixed * turning).astype(np.float32)
    if not (np.all(np.isfinite(matrix)) and np.all(np.isfinite(streaming))):
        raise TrainingError("some scores are not finite: a flow has diverged")
    products = swerves if turns else None
    return Design(
        matrix, streaming, sample.half, positive, turns, axisymmetric, density, forces, config.frees_drift, products
    )


def turning_is_rounding(turning: Float[np.ndarray, "m n"], frame: ReferenceFrame, sample: ScoredSample) -> bool:
    """Whether the terms of the turning of ln f, in x and in v, cancel."""
    in_velocity = np.stack([frame.turning(sample.w, s * [0, 0, 0, 1, 1, 1]) for s in sample.score])
    return bool(np.mean(turning**2) <= _ROUNDING**2 * np.mean(in_velocity**2))


@partial(jax.jit, static_argnums=1)
def _gradient_columns(basis: Basis, degree: int, x: Float[Array, "n 3"]) -> Float[Array, "n c 3"]:
    return jax.vmap(jax.jacfwd(lambda point: columns(basis, degree, point)))(x)


def force_columns(basis: Basis, degree: int, x: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n c 3"]:
    """∇φ_k [(km/s)²/kpc] at heliocentric positions, in single precision."""
    padded = np.concatenate([x, np.repeat(x[-1:], -len(x) % _CHUNK, axis=0)])
    parts = [_gradient_columns(basis, degree, jnp.asarray(part)) for part in np.split(padded, len(padded) // _CHUNK)]
    return np.concatenate([np.asarray(part, np.float32) for part in parts])[: len(x)]
