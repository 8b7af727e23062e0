"""Is there a pattern speed at all? Verdicts in words beside the number.

For any smooth error of ln f the fitted Ω_p is pulled to the stars' own mean angular speed ⟨vφ/R⟩, with a formal error
that looks confident. So the answer is believed only where members trained on disjoint halves of the stars see the same
pattern: the noise share of the information on Ω_p tells (PHYSICS 3).

What both halves share may still be no pattern: a bias of all flows, or chance where there is little to compare. The
null test knows: its stars have no pattern, so all information on Ω_p in its fit is noise. The *null share*, that
information over the fit's, is the noise share by another way, and must be as small. How far apart the two values of Ω_p
are does not matter then: a real pattern may turn as the stars do. Only a weak one must differ by that, too.
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
"""Larger of noise share and null share below which Ω_p is claimed, and from which it is not constrained."""

APART = 2.0
"""Errors between Ω_p and the null test's below which a weak pattern cannot be told from none."""


@dataclass(frozen=True)
class PatternSpeedVerdict:
    """What may be said of Ω_p. ``null`` holds the draws of the same fit on the axisymmetrised sample.

    ``null_share`` is the information on Ω_p in that fit over that in the real one, ``best`` the real Ω_p with the
    ``error`` of all pipelines; None where not known.

    Fitted with a ``drifting`` frame Ω_p is never claimed: near the Sun a drift with the rotation moves a pattern alike.
    """

    noise_share: float | None
    mean_angular_speed: float | None
    null: tuple[float, ...] = ()
    null_share: float | None = None
    best: float | None = None
    error: float | None = None
    drifting: bool = False

    @property
    def constrained(self) -> bool:
        """Whether Ω_p may be claimed."""
        return not self.drifting and self._share is not None and self._share < CLAIM_BELOW

    @property
    def word(self) -> str:
        """The verdict in two words."""
        if self.constrained:
            return "constrained"
        if self.drifting:
            return "not claimed"
        if self._share is not None and self._share < REFUSE_ABOVE and not self._near_null:
            return "weakly constrained"
        return "not constrained"

    @property
    def _share(self) -> float | None:
        """The larger of the two estimates of what is noise in the information on Ω_p."""
        if self.noise_share is None or self.null_share is None:
            return self.noise_share
        # Where one of them is not a number, nothing may be claimed.
        return float(np.maximum(self.noise_share, self.null_share))

    @property
    def apart(self) -> float | None:
        """How many errors Ω_p is from the null test's; None where the errors are not known.

        The error of the null's is its scatter about the stars' own rotation, where noise takes it on average: its draws
        have their flows in common, so that their own scatter would be too small.
        """
        if not self.null or self.best is None or self.error is None or self.mean_angular_speed is None:
            return None
        scatter = float(np.sqrt(np.mean(np.square(np.subtract(self.null, self.mean_angular_speed)))))
        error = float(np.hypot(self.error, scatter))
        apart = abs(self.best - float(np.median(self.null)))
        return apart / error if error > 0 and np.isfinite(apart) else None

    @property
    def _near_null(self) -> bool:
        return self.apart is not None and self.apart < APART

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        parts = []
        if self.noise_share is None:
            parts.append("no members on disjoint halves, or no Φ that has a pattern: the noise share is unknown")
        else:
            parts.append(f"noise share {self.noise_share:.2f}")
        if self.null_share is not None and not self.null_share < REFUSE_ABOVE:
            parts.append("the fit cannot be told from the null test")
        if self.drifting:
            parts.append("fitted with a drift of the frame, which does much the same")
        if self.null:
            parts.append(f"the axisymmetrised sample gives {np.median(self.null):.1f}{self._of_null}")
        if self.mean_angular_speed is not None:
            parts.append(f"the stars themselves turn at {self.mean_angular_speed:.1f} km/s/kpc")
        return "; ".join(parts)

    @property
    def _of_null(self) -> str:
        """What else is known of the null test."""
        share = None if self.null_share is None else f"{self.null_share:.2f} of the information on Ωp"
        apart = None if self.apart is None else f"{self.apart:.1f} σ apart"
        known = ", ".join(words for words in (share, apart) if words)
        return f" ({known})" if known else ""

    def to_json(self) -> dict[str, Any]:
        """The keys that ``pattern_speed`` has beside its draws (INTERFACES 3), and the verdict in words."""
        return {
            "constrained": self.constrained,
            "noise_share": self.noise_share,
            "mean_angular_speed": self.mean_angular_speed,
            "null": list(self.null),
            "null_share": self.null_share,
            "apart_from_null": self.apart,
            "verdict": self.word,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class DriftVerdict:
    """What may be said of a component of a fitted drift: its noise share, but no claim.

    Biases that all flows share do not show in it: those of the demonstration, whose pattern is at rest, gave 15 km/s
    with the rotation at a noise share of 0.07.
    """

    noise_share: float | None

    def to_json(self) -> dict[str, Any]:
        """What the component has beside its draws, and the verdict in words."""
        share = "unknown" if self.noise_share is None else f"{self.noise_share:.2f}"
        reason = f"noise share {share}, which does not see what biases all flows alike"
        return {"constrained": False, "noise_share": self.noise_share, "verdict": "not claimed", "reason": reason}


def median_share(shares: Sequence[float | None]) -> float | None:
    """The median noise share of the members that have one."""
    known = [share for share in shares if share is not None]
    return float(np.median(known)) if known else None


def mean_angular_speed(w: PhaseSpace, sun: SolarPosition) -> float:
    """⟨vφ/R⟩ of stars [km/s/kpc]: what errors in f are mistaken for."""
    columns = columns_of(w, sun)
    return float(np.mean(columns("vphi") / columns("R")))
