"""The collisionless Boltzmann equation in a rotating frame, as a residual that is linear in ∇Φ and Ω_p (PHYSICS 3).

    R(w) = V · ∂ln f/∂x - ∇Φ · ∂ln f/∂v - Ω_p [(axis × X) · ∂ln f/∂x + (axis × V) · ∂ln f/∂v]

R = -∂ln f/∂t in the frame; a stationary f has R = 0 everywhere. Where the frame drifts too, V is the velocity relative
to its origin (:mod:`core.potential.reference_frame`).
"""

from core.array_types import PerStar, PhaseSpace, Positions
from core.potential.reference_frame import ReferenceFrame


def residual(
    frame: ReferenceFrame,
    w: PhaseSpace,
    score: PhaseSpace,
    acceleration: Positions,
    pattern_speed: float = 0.0,
) -> PerStar:
    """R [km/s/kpc] at points ``w`` with scores ``score``, acceleration -∇Φ [(km/s)²/kpc] and Ω_p [km/s/kpc]."""
    force = (acceleration * score[:, 3:]).sum(1)
    turning = pattern_speed * frame.turning(w, score) if frame.rotates else 0.0
    return frame.streaming(w, score) + force - turning
