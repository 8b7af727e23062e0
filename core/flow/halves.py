"""How the stars are dealt: to two disjoint halves, which members train on, and a held-out part, common to all members.

Members on disjoint halves are what the cross-half instruments of the potential need (README, Decisions). How many stars
each part gets depends on the stars alone, never on the seed: so a fit that is accepted can be trained with any.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from core.array_types import Labels
from core.config import FEWEST_STARS, FlowConfig
from core.errors import TrainingError
from core.phase_space.sample import PhaseSpaceSample

FEWEST_HELD_OUT = 16
"""Held-out stars below which nothing could say when to stop."""
_MOST_HELD_OUT = 16_384


@dataclass(frozen=True)
class Split:
    """Row numbers of the stars: two disjoint halves of equal length and the held-out ones, all in random order."""

    halves: tuple[Int[np.ndarray, "half"], Int[np.ndarray, "half"]]
    held_out: Int[np.ndarray, "held"]

    def rows(self, half: int | None) -> Labels:
        """Training rows of a member: of one half, or of both."""
        return self.halves[half] if half is not None else np.concatenate(self.halves)


def split(sample: PhaseSpaceSample, held_out: float, seed: int, *, halves: bool = True) -> Split:
    """Stars dealt at random to two halves and a held-out part; stars of one group stay together.

    Raises TrainingError where a part is too small for members that train on one half, or without ``halves`` on both.
    """
    rng = np.random.default_rng(seed)
    group = np.arange(len(sample)) if sample.group is None else np.unique(sample.group, return_inverse=True)[1]
    length_of = np.bincount(group)
    lengths = _counted(length_of)
    lacking = _lacking(lengths, held_out=held_out, halves=halves)
    if lacking:
        raise TrainingError(f"{len(sample):,} stars are too few: {lacking}")
    part = np.zeros(len(length_of), np.int8)
    for share in _shares(lengths, held_out):
        dealt = rng.permutation(np.flatnonzero(length_of == share.length))
        part[dealt[: share.held_out]] = 2
        part[dealt[share.held_out + share.first :]] = 1
    order = rng.permutation(len(sample))
    lot = part[group[order]]
    first, second, kept = (order[lot == i] for i in range(3))
    length = min(len(first), len(second))
    return Split((first[:length], second[:length]), kept[:_MOST_HELD_OUT])


class Shortage(NamedTuple):
    """Why stars are too few to train on, and what would help."""

    reason: str
    remedy: str


def shortage(stars: int, group: Labels | None, config: FlowConfig) -> Shortage | None:
    """Why :func:`split` would refuse so many stars in such groups; None where it would not, whatever the seed."""
    # Without groups each star is one.
    lengths = {1: stars} if group is None else _counted(np.unique(group, return_counts=True)[1])
    reason = _lacking(lengths, held_out=config.held_out, halves=config.halves)
    if reason is None:
        return None
    enough = max(config.held_out, math.ceil(100 * FEWEST_HELD_OUT / max(stars, 1)) / 100)
    changes = {
        "train all flows on all stars with flow.halves=false": (config.held_out, False),
        f"keep more stars from training with flow.held_out={enough:g}": (enough, config.halves),
    }
    helps = [words for words, (h, two) in changes.items() if _lacking(lengths, held_out=h, halves=two) is None]
    return Shortage(reason, f"{', or '.join(['Choose a larger region', *helps])}.")


def fewest_stars(config: FlowConfig) -> int:
    """The number of stars from which on :func:`shortage` accepts any, each of them a group of its own."""
    enough = 1
    while shortage(enough, None, config):
        enough *= 2
    # Rounding makes a few numbers below the limit enough too: step down to the last that is not.
    return next(n for n in range(enough, 0, -1) if shortage(n - 1, None, config))


def _counted(length_of: Labels) -> Mapping[int, int]:
    """How many groups there are of each length."""
    counts = np.bincount(length_of)
    return {int(length): int(counts[length]) for length in np.flatnonzero(counts)}


class _Share(NamedTuple):
    """How many of the groups of one length go to the held-out part and to either half."""

    length: int
    held_out: int
    first: int
    second: int


def _shares(lengths: Mapping[int, int], held_out: float) -> Iterator[_Share]:
    """Longest groups first, so that the short ones even out what the long ones leave uneven."""
    dealt = kept = lead = 0
    for length in sorted(lengths, reverse=True):
        count = lengths[length]
        dealt += count * length
        held = min(max(round((held_out * dealt - kept) / length), 0), count)
        first = min(max(round((count - held - lead / length) / 2), 0), count - held)
        share = _Share(length, held, first, count - held - first)
        kept += held * length
        lead += (share.first - share.second) * length
        yield share


def _lacking(lengths: Mapping[int, int], *, held_out: float, halves: bool) -> str | None:
    """Which part of the stars is too small, and how small it is."""
    shares = list(_shares(lengths, held_out))
    half = min(sum(s.first * s.length for s in shares), sum(s.second * s.length for s in shares))
    kept = sum(s.held_out * s.length for s in shares)
    if halves and half < FEWEST_STARS:
        return f"each half needs {FEWEST_STARS} to train on and gets {half}"
    if 2 * half < FEWEST_STARS:
        return f"the flows need {FEWEST_STARS} to train on and get {2 * half}"
    if kept < FEWEST_HELD_OUT:
        return f"the held-out part needs {FEWEST_HELD_OUT} and gets {kept}"
    return None
