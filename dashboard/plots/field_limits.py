"""What the colours and the contours of a slice span: what is trusted decides, not what is absurd beyond it."""

from collections.abc import Sequence

import numpy as np

from core.diagnostics.field_quantities import FIELDS
from core.diagnostics.slices import FieldSlice
from core.export.svg import ticks

Limits = tuple[float, float]

CONTOURS = 8
"""About how many, at round values."""


def is_signed(quantity: str, view: str) -> bool:
    """Whether the values of a view may have either sign."""
    return view == "difference" or (FIELDS[quantity].signed and view in ("median", "truth"))


def shown_range(slices: Sequence[FieldSlice], view: str) -> Limits | None:
    """The range of a view where it is trusted, or at least inside, but for a hundredth; None where nothing is known."""
    parts = [s.view(view)[s.trusted if s.trusted.any() else s.inside] for s in slices]
    values = np.concatenate([p[np.isfinite(p)] for p in parts])
    if not len(values):
        return None
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5]))
    return low, high


def colour_limits(slices: Sequence[FieldSlice], view: str) -> Limits:
    """Limits that all planes share: of what is trusted, symmetric where values have both signs, and of differences."""
    low, high = shown_range(slices, view) or (0.0, 1.0)
    if view == "difference" or (is_signed(slices[0].quantity, view) and low <= 0 <= high):
        reach = max(abs(low), abs(high)) or 1.0
        return -reach, reach
    return low, high if high > low else low + 1.0


def contour_levels(field: FieldSlice, view: str) -> list[float]:
    """Round values within the range of a view on this plane; none where it has no range."""
    span = shown_range([field], view)
    return [] if span is None or not span[1] > span[0] else ticks(span, CONTOURS)
