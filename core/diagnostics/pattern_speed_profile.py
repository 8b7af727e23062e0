"""L(Ω_p) of a fit beside that of its null test, and what the curves say.

All curves are drawn as the *rise*: L less its minimum, that of products of the halves less its value at the minimum of
the plain one, in units of the minimum of the fit's plain L. From squares and from products the rise is the same where
the pattern is real; their difference is noise, and where there is nothing else products may well fall.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from core.errors import CorruptArtifactError
from core.potential.profile_loss import ProfileLoss

_ABOUT, _HEADROOM = 8.0, 1.5
"""How far about the best fit the curves are always shown [km/s/kpc], and the room above that."""

NOTE = (
    "The least loss of any Φ at each Ωp, as its rise over its minimum (products: over their value there), "
    "in per cent of the fit's minimum. "
    "How sharp it is, is not the error of Ωp: that comes from the ensembles."
)
"""What has to stand under the curves."""


@dataclass(frozen=True)
class SpeedMarks:
    """What is marked under the curves [km/s/kpc]: the best fit with its error, and what else is known."""

    best: float
    error: float | None
    stars: float | None
    null: tuple[float, ...]
    truth: float | None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "SpeedMarks":
        """Of the entry ``pattern_speed`` of the scalars; CorruptArtifactError where it is not whole."""
        try:
            known = (entry.get(name) for name in ("error", "mean_angular_speed", "truth"))
            error, stars, truth = (None if value is None else float(value) for value in known)
            return cls(float(entry["best"]), error, stars, tuple(map(float, entry.get("null", ()))), truth)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptArtifactError(f"the scalar pattern_speed is damaged: {error!r}") from error

    @property
    def places(self) -> list[float]:
        """All that is marked."""
        ends = [self.best - (self.error or 0), self.best + (self.error or 0)]
        return [*ends, *(at for at in (self.stars, self.truth) if at is not None), *self.null]


@dataclass(frozen=True)
class PatternSpeedProfile:
    """L of the fit, that of the fit to the axisymmetrised sample where there is one, and what is the same in both.

    ``null_share`` is the information on Ω_p in the null test over that in the fit with as many flows: 1 where the fit
    knows no more than a sample without any pattern, near 0 where it is a pattern's.
    """

    fit: ProfileLoss
    null: ProfileLoss | None = None
    null_share: float | None = None

    @property
    def curves(self) -> dict[str, tuple[Float[np.ndarray, "s"], Float[np.ndarray, "s"]]]:
        """Pattern speeds and rise of every curve, by what a reader calls it."""
        found = {"fit": (self.fit.speeds, self._rise(self.fit.own))}
        if self.fit.cross is not None:
            there = self.fit.cross[int(np.argmin(self.fit.own))]
            found["fit, products of the halves"] = self.fit.speeds, (self.fit.cross - there) / self._unit
        if self.null is not None:
            found["null test"] = self.null.speeds, self._rise(self.null.own)
        return found

    def _rise(self, loss: Float[np.ndarray, "s"]) -> Float[np.ndarray, "s"]:
        return (loss - loss.min()) / self._unit

    @property
    def _unit(self) -> float:
        return max(float(self.fit.own.min()), 1e-12)

    def window(self, marks: SpeedMarks) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ranges of Ω_p and of the rise that hold all marks, and as much of the curves as shows their shape."""
        places = [*marks.places, marks.best - _ABOUT, marks.best + _ABOUT]
        top = _HEADROOM * max(*map(self.rise_at, places), 1e-6)
        shown = self.fit.speeds[self._rise(self.fit.own) <= top]
        low, high = min(*places, *shown), max(*places, *shown)
        seen = (rise[(speeds >= low) & (speeds <= high)] for speeds, rise in self.curves.values())
        lowest = min(float(part.min(initial=0.0)) for part in seen)
        return (low, high), (max(1.1 * lowest, -top) - 0.05 * top, top)

    def rise_at(self, speed: float) -> float:
        """The rise of the fit's plain L at a pattern speed."""
        return float(np.interp(speed, self.fit.speeds, self._rise(self.fit.own)))

    def sentence(self, mean_angular_speed: float | None) -> str:
        """Where L is lowest, and how much it rises to the stars' own rotation [km/s/kpc]."""
        parts = [f"L(Ωp): {_place(self.fit.speeds, self.fit.own)}"]
        if self.fit.cross is not None:
            parts.append(f"from products of the halves: {_place(self.fit.speeds, self.fit.cross)}")
        if self.null is not None:
            parts.append(f"of the null test: {_place(self.null.speeds, self.null.own)}")
        if mean_angular_speed is not None:
            rise = 100 * self.rise_at(mean_angular_speed)
            parts.append(f"at the stars' own {mean_angular_speed:.1f} the first is {rise:.0f} % above its minimum")
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain values; :func:`from_json` is the inverse."""
        null = None if self.null is None else _plain(self.null)
        return {"fit": _plain(self.fit), "null": null, "null_share": self.null_share}


def from_json(values: Mapping[str, Any]) -> PatternSpeedProfile:
    """What ``to_json`` wrote; KeyError, TypeError or ValueError where it is damaged."""
    null, share = values["null"], values["null_share"]
    return PatternSpeedProfile(
        _loss(values["fit"]), None if null is None else _loss(null), None if share is None else float(share)
    )


def _plain(loss: ProfileLoss) -> dict[str, Any]:
    cross = None if loss.cross is None else loss.cross.tolist()
    return {"speeds": loss.speeds.tolist(), "own": loss.own.tolist(), "cross": cross}


def _loss(values: Mapping[str, Any]) -> ProfileLoss:
    speeds, own = (np.array(values[name], float) for name in ("speeds", "own"))
    cross = None if values["cross"] is None else np.array(values["cross"], float)
    if not len(speeds) or any(len(part) != len(speeds) for part in (own, *([] if cross is None else [cross]))):
        raise ValueError("its curves differ in length")
    return ProfileLoss(speeds, own, cross)


def _place(speeds: Float[np.ndarray, "s"], loss: Float[np.ndarray, "s"]) -> str:
    """Where a curve is lowest, in words."""
    at = int(np.argmin(loss))
    return f"lowest at {speeds[at]:.1f} km/s/kpc" if 0 < at < len(loss) - 1 else "no minimum"
