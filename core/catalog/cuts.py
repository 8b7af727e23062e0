"""Cuts are named conditions on a catalogue's columns; the cut-flow counts who survives each of them.

A star whose value is missing fails every comparison (NaN compares false); only ``!=`` and ``~`` let it
through.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.array_types import Mask
from core.errors import ConfigError, RegionError
from core.phase_space.expression import CompiledExpression, compile_expression

NARROW_SPACE = "\u202f"
"""Between thousands; no line breaks at it."""


def grouped(count: int) -> str:
    """5612 as ``5 612``."""
    return f"{count:,}".replace(",", NARROW_SPACE)


def compile_cut(text: str) -> CompiledExpression:
    """The condition ``text`` on columns of any name; ConfigError where it is malformed."""
    try:
        compiled = compile_expression(text, None)
    except RegionError as error:
        raise ConfigError(error.reason, remedy=error.remedy) from error
    if not compiled.names:
        raise ConfigError(f"the cut {text!r} names no column", remedy="For example: parallax / parallax_error > 10.")
    return compiled


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for a column that is not there: the nearest one in any case, or those there are."""
    known = sorted(known)
    lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    if close:
        return f"Did you mean {lower[close[0]]!r}?"
    if len(known) <= 12:
        return f"The file has the columns {', '.join(known)}."
    return f"The file has {len(known)} columns: {', '.join(known[:12])} …"


@dataclass(frozen=True)
class Cut:
    """Keep the stars for which ``keep`` is true; skipped, if ``optional``, where its columns are absent."""

    name: str
    keep: str
    optional: bool = False

    def __post_init__(self) -> None:
        compile_cut(self.keep)

    @property
    def columns(self) -> frozenset[str]:
        """The columns the condition reads."""
        return compile_cut(self.keep).names

    def passed(self, column: Callable[[str], np.ndarray]) -> Mask:
        """Which stars stay, given the values of each named column."""
        try:
            with np.errstate(all="ignore"):
                return np.asarray(compile_cut(self.keep).evaluate(column), bool)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ConfigError(
                f"the cut {self.name!r} ({self.keep}) cannot be evaluated: {error}",
                remedy="Check the number of arguments of its functions and the size of its numbers.",
            ) from error


@dataclass(frozen=True)
class CutStep:
    """One line of the cut-flow; ``survivors`` is None for a cut that was skipped, and ``note`` says why."""

    label: str
    survivors: int | None
    note: str = ""


@dataclass(frozen=True)
class CutFlow:
    """How many stars were read and how many were left after each cut, in order."""

    steps: tuple[CutStep, ...]

    @property
    def survivors(self) -> int:
        """Stars left at the end."""
        return self._counts()[-1] if self.steps else 0

    def _counts(self) -> list[int]:
        return [s.survivors for s in self.steps if s.survivors is not None]

    def last_blow(self) -> CutStep:
        """The step that removed the last stars, or the last step where some are left."""
        return next((s for s in self.steps if s.survivors == 0), self.steps[-1])

    def __str__(self) -> str:
        """``5 612 read → radial velocity present 4 980 → …``."""
        first, *others = self.steps
        parts = [f"{grouped(first.survivors or 0)} {first.label}"]
        for step in others:
            parts.append(f"{step.label} {grouped(step.survivors) if step.survivors is not None else step.note}")
        return " → ".join(parts)

    def table(self) -> str:
        """One line per step: label, survivors, how many it removed."""
        width = max(len(s.label) for s in self.steps)
        digits = max(len(grouped(count)) for count in self._counts())
        lines, before = [], None
        for step in self.steps:
            if step.survivors is None:
                lines.append(f"{step.label:<{width}}  {'–':>{digits}}  {step.note}")
                continue
            removed = before - step.survivors if before is not None else 0
            lost = f"  −{grouped(removed)}" if removed else ""
            lines.append(f"{step.label:<{width}}  {grouped(step.survivors):>{digits}}{lost}")
            before = step.survivors
        return "\n".join(lines)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values, ready for JSON."""
        return [{"label": s.label, "survivors": s.survivors, "note": s.note} for s in self.steps]

    @classmethod
    def from_json(cls, values: Sequence[dict[str, Any]]) -> "CutFlow":
        """The inverse of :meth:`to_json`."""
        return cls(tuple(CutStep(**v) for v in values))
