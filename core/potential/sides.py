"""The residual of the stationarity condition as a function of a force and of the frame's motion, member by member.

    r = V·∂ln f/∂x - ∇Φ·∂ln f/∂v - u·∂ln f/∂x - Ω_p [∂_φ ln f - (axis × u)·∂ln f/∂v]

What a fit minimises is the product of the residuals of the two halves of the stars.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from core.array_types import Positions
from core.config import PotentialConfig
from core.errors import TrainingError
from core.phase_space.sample import ScoredSample
from core.potential.design import turning_is_rounding
from core.potential.reference_frame import ReferenceFrame

UNIT = 10.0
"""Of what is fitted of the motion: km/s of u, km/s/kpc of Ω_p."""

Motion = Float[np.ndarray, " k"]
"""What is free of u, then of Ω_p, in UNIT."""

_MEMBERS = ("streaming", "score_v", "turning", "shifts", "swerves")


@dataclass(frozen=True)
class Sides:
    """What the members say at the same points; ``speed`` is Ω_p where it is fixed, ``drifting`` says that u is free."""

    x: Float[np.ndarray, "n 3"]
    streaming: Float[np.ndarray, "m n"]
    score_v: Float[np.ndarray, "m n 3"]
    turning: Float[np.ndarray, "m n"]
    shifts: Float[np.ndarray, "m n 3"]
    swerves: Float[np.ndarray, "m n 3"]
    half: np.ndarray
    speed: float | None
    drifting: bool

    def mean(self, half: int | None) -> "Sides":
        """The mean over members (of one half), as one member."""
        rows = slice(None) if half is None else self.half == half
        values = {name: getattr(self, name)[rows].mean(0, keepdims=True) for name in _MEMBERS}
        return replace(self, half=self.half[:1], **values)

    @property
    def pair(self) -> tuple["Sides", "Sides"]:
        """The two whose product is minimised: the halves, or twice the mean where there are none."""
        has_halves = np.any(self.half == 0) and np.any(self.half == 1)
        return (self.mean(0), self.mean(1)) if has_halves else (self.mean(None),) * 2

    @property
    def unknowns(self) -> int:
        """Number of free components of the motion."""
        return 3 * self.drifting + (self.speed is None)

    def pattern_speed(self, motion: Motion) -> float:
        """Ω_p [km/s/kpc]: fitted, or its fixed value."""
        return float(UNIT * motion[-1]) if self.speed is None else self.speed

    def residual(self, slope: Positions, motion: Motion) -> Float[np.ndarray, "m n"]:
        """r [km/s/kpc] of every member for ∇Φ [(km/s)²/kpc] at the points."""
        turning, rest = self.turning, self.streaming - np.sum(slope * self.score_v, 2)
        if self.drifting:
            drift = UNIT * motion[:3]
            turning, rest = turning + self.swerves @ drift, rest - self.shifts @ drift
        return np.asarray(rest - self.pattern_speed(motion) * turning)

    def motion_columns(self, motion: Motion) -> list[Float[np.ndarray, "m n k"]]:
        """The derivatives of the residual by the motion."""
        columns, turning = [], self.turning
        if self.drifting:
            columns.append(-UNIT * (self.shifts + self.pattern_speed(motion) * self.swerves))
            turning = turning + self.swerves @ (UNIT * motion[:3])
        if self.speed is None:
            columns.append(-UNIT * turning[:, :, None])
        return columns


def sides_of(sample: ScoredSample, frame: ReferenceFrame, config: PotentialConfig) -> Sides:
    """Of a joint sample. Raises TrainingError for scores that are not finite."""
    values = {
        "streaming": np.stack([frame.streaming(sample.w, s) for s in sample.score]).astype(float),
        "score_v": sample.score[:, :, 3:].astype(float),
        "turning": np.stack([frame.turning(sample.w, s) for s in sample.score]).astype(float),
        "shifts": np.stack([frame.shifts(s) for s in sample.score]).astype(float),
        "swerves": np.stack([frame.swerves(s) for s in sample.score]).astype(float),
    }
    speed: float | None = 0.0
    if frame.rotates and config.pattern_speed != "free":
        speed = float(config.pattern_speed)
    elif frame.rotates and not turning_is_rounding(values["turning"], frame, sample):
        speed = None
    if not all(np.all(np.isfinite(part)) for part in values.values()):
        raise TrainingError("some scores are not finite: a flow has diverged")
    return Sides(
        x=np.asarray(sample.w[:, :3], float), half=sample.half, speed=speed, drifting=config.frees_drift, **values
    )
