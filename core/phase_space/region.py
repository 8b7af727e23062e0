"""Regions: composable predicates on named coordinates, never lists of rows.

The same region selects stars, selects the flow's samples, is the support of n(x), travels in a URL, a manifest and a
retraining request. Every region is a frozen value with a JSON form; :func:`from_json` is the inverse of ``to_json``.
Here all kinds come together: import them from here.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_type_hints

from core.errors import RegionError, suggestion
from core.phase_space.distance_mask import DistanceMask
from core.phase_space.region_algebra import (
    COMBINATIONS,
    And,
    BoundingBall,
    Columns,
    Everything,
    Not,
    Or,
    Region,
    columns_of,
)
from core.phase_space.shapes import Box, Ellipse, Expression, Polygon, Shell

__all__ = [
    "COMBINATIONS",
    "KINDS",
    "And",
    "BoundingBall",
    "Box",
    "Columns",
    "DistanceMask",
    "Ellipse",
    "Everything",
    "Expression",
    "Not",
    "Or",
    "Polygon",
    "Region",
    "Shell",
    "columns_of",
    "from_json",
]

KINDS: Mapping[str, type[Region]] = {
    c.kind: c for c in (Everything, Box, Shell, Ellipse, Polygon, Expression, DistanceMask, And, Or, Not)
}


_DEEPEST = 100
"""Lists and regions within each other that a document may have: more is no selection that anybody drew."""


def from_json(values: Any) -> Region:
    """The region that ``to_json`` wrote; RegionError names what is malformed."""
    try:
        return _region(values, 0)
    except (TypeError, ValueError, OverflowError) as error:
        raise RegionError(f"the region is malformed: {error}") from error


def _region(values: Any, depth: int) -> Region:
    kind = values.get("kind") if isinstance(values, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise RegionError(f"unknown kind of region {kind!r}", remedy=suggestion(str(kind), KINDS))
    fields = {k: _parsed(v, depth + 1) for k, v in values.items() if k != "kind"}
    known = {f.name: f for f in dataclasses.fields(KINDS[kind])}  # type: ignore[arg-type]
    hints = get_type_hints(KINDS[kind])
    wrong = sorted(str(k) for k, v in fields.items() if k not in known or not _fits(v, hints[k]))
    wrong += [k for k, f in known.items() if k not in fields and f.default is dataclasses.MISSING]
    if wrong:
        raise RegionError(f"a region of kind {kind!r} is missing or does not have these fields: {', '.join(wrong)}")
    return KINDS[kind](**fields)


def _parsed(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise RegionError(f"the region is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        return _region(value, depth)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(_parsed(v, depth + 1) for v in value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether ``value`` is what a field holds: text, a number, a region, or a tuple of such."""
    parts = get_args(hint)
    if not parts:
        return isinstance(value, hint)
    if not isinstance(value, tuple):
        return False
    if parts[-1] is Ellipsis:
        return all(_fits(v, parts[0]) for v in value)
    return len(value) == len(parts) and all(map(_fits, value, parts))
