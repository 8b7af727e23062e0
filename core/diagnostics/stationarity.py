"""Is there a pattern speed at all? Verdicts in words beside the number.

For any smooth error of ln f the fitted Ω_p is pulled to the stars' own mean angular speed ⟨vφ/R⟩, with a formal error
that looks confident. So the answer is believed only where members trained on disjoint halves of the stars see the same
pattern: the noise share of the information on Ω_p tells (PHYSICS 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.array_types import PhaseSpace
from core.phase_space.region import columns_of
from core.phase_space.solar_position import SolarPosition

CLAIM_BELOW = 0.3
REFUSE_ABOVE = 0.5


@dataclass(frozen=True)
class PatternSpeedVerdict:
    """What may be said of Ω_p. ``null`` holds the draws of the same fit on the axisymmetrised sample."""

    noise_share: float | None
    mean_angular_speed: float | None
    null: tuple[float, ...] = ()

    @property
    def constrained(self) -> bool:
        """Whether Ω_p may be claimed."""
        return self.noise_share is not None and self.noise_share < CLAIM_BELOW

    @property
    def word(self) -> str:
        """The verdict in two words."""
        if self.constrained:
            return "constrained"
        if self.noise_share is not None and self.noise_share < REFUSE_ABOVE:
            return "weakly constrained"
        return "not constrained"

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        parts = []
        if self.noise_share is None:
            parts.append("no members on disjoint halves, or no Φ that has a pattern: the noise share is unknown")
        else:
            parts.append(f"noise share {self.noise_share:.2f}")
        if self.null:
            parts.append(f"the axisymmetrised sample gives {np.median(self.null):.1f}")
        if self.mean_angular_speed is not None:
            parts.append(f"the stars themselves turn at {self.mean_angular_speed:.1f} km/s/kpc")
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """The keys that ``pattern_speed`` has beside its draws (INTERFACES 3), and the verdict in words."""
        return {
            "constrained": self.constrained,
            "noise_share": self.noise_share,
            "mean_angular_speed": self.mean_angular_speed,
            "null": list(self.null),
            "verdict": self.word,
            "reason": self.reason,
        }


def median_share(shares: Sequence[float | None]) -> float | None:
    """The median noise share of the members that have one."""
    known = [share for share in shares if share is not None]
    return float(np.median(known)) if known else None


def mean_angular_speed(w: PhaseSpace, sun: SolarPosition) -> float:
    """⟨vφ/R⟩ of stars [km/s/kpc]: what errors in f are mistaken for."""
    columns = columns_of(w, sun)
    return float(np.mean(columns("vphi") / columns("R")))
