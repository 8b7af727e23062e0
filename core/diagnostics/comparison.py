"""One fit beside another: differences of scalars in units of their error, of fields on planes, and shared stars.

Errors of two fits add in quadrature where they are independent. Some are not: the place and velocity of the Sun and the
density of baryons are the same unknowns in both fits, so where both drew them alike they are taken draw by draw. Fits
that share stars share their noise as well, which is said beside the numbers and not corrected.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

import numpy as np
from jaxtyping import Float, UInt64

from core.array_types import Mask, PerStar, PhaseSpace
from core.diagnostics.profiles import Profile
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.slices import AXES, FieldSlice, Slicer
from core.phase_space.region import And, Region
from core.pipelines import POTENTIAL_SEED, RESAMPLED, UNCERTAINTIES


@dataclass(frozen=True)
class Difference:
    """A value less that of another fit, with the error of the difference; None where one of the two has none."""

    value: float
    error: float | None

    @property
    def sigmas(self) -> float | None:
        """The difference in units of its error; None where that is not known or nothing."""
        return self.value / self.error if self.error else None


def scalar_difference(run: ScalarDraws, first: ScalarDraws, *, common: Collection[str] = ()) -> Difference:
    """A scalar of ``run`` less that of ``first``; in the ``common`` pipelines both drew the same unknowns in order."""
    value = run.best - first.best
    if run.error is None or first.error is None:
        return Difference(value, None)
    squares = 0.0
    for name in UNCERTAINTIES:
        ours, theirs = run.pipelines.get(name, np.zeros(0)), first.pipelines.get(name, np.zeros(0))
        if name in common and len(ours) == len(theirs) > 1:
            low, high = np.percentile(ours - theirs, [16, 84])
            squares += float((high - low) / 2) ** 2
        else:
            squares += run.errors.get(name, 0.0) ** 2 + first.errors.get(name, 0.0) ** 2
    # The same draws differ by rounding alone.
    error = float(np.sqrt(squares))
    return Difference(value, error if error > 1e-9 * max(run.error, first.error) else 0.0)


def common_spans(slicers: Sequence[Slicer]) -> dict[str, tuple[float, float]]:
    """The extent [kpc] along every axis that holds the regions of all."""
    spans = {axis: [slicer.span(axis) for slicer in slicers] for axis in AXES}
    return {axis: (min(low for low, _ in of), max(high for _, high in of)) for axis, of in spans.items()}


def common_region(regions: Sequence[Region]) -> Region:
    """What is inside all regions, with every condition named once."""
    parts = dict.fromkeys(part for r in regions for part in (r.parts if isinstance(r, And) else (r,)))
    return reduce(and_, parts)


def slice_difference(run: FieldSlice, first: FieldSlice) -> FieldSlice:
    """A slice beside that of another fit on the same grid: its view "difference" is the median of ``run`` less that
    of ``first``, its spread that of the members of both. It is trusted where both are.
    """
    return replace(
        run,
        truth=first.median,
        spread=np.hypot(run.spread, first.spread),
        inside=run.inside & first.inside,
        trusted=run.trusted & first.trusted,
        shade=np.maximum(run.shade, first.shade),
    )


@dataclass(frozen=True)
class Curve:
    """The best estimate of a profile, with all its uncertainties in quadrature where there are any."""

    at: PerStar
    best: PerStar
    error: PerStar
    truth: PerStar | None
    trusted: Mask


def curve(profile: Profile) -> Curve | None:
    """The best estimate of a profile; None where the potentials of the best fit are not there."""
    if POTENTIAL_SEED not in profile.pipelines:
        return None
    best, squares = profile.pipelines[POTENTIAL_SEED].median, np.zeros(len(profile.at))
    for name in UNCERTAINTIES:
        if band := profile.pipelines.get(name):
            squares += ((band.high - band.low) / 2) ** 2
            # As of a scalar: what moves all resampled draws alike is an error as well.
            squares += (band.median - best) ** 2 if name in RESAMPLED else 0.0
    return Curve(profile.at, best, np.sqrt(squares), profile.truth, profile.trusted)


def shared_stars(a: PhaseSpace, b: Float[np.ndarray, "k 6"]) -> int:
    """How many stars are in both samples: those at the same place with the same velocity, to the last bit."""
    return len(np.intersect1d(_keys(a), _keys(b)))


def _keys(w: PhaseSpace) -> UInt64[np.ndarray, "n"]:
    """A number of 64 bits for each star; two different stars among millions have the same with odds of 10⁻⁶."""
    bits = np.ascontiguousarray(w, np.float32).view(np.uint32).astype(np.uint64)
    odd = np.random.default_rng(0).integers(0, 2**63, bits.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    mixed = (bits * odd) ^ ((bits * odd) >> np.uint64(29))
    return mixed.sum(1, dtype=np.uint64)
