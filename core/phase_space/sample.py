"""Samples of phase space: stars, and points with the distribution function's values on them.

``ScoredSample`` is the whole contract between the flow and the potential: fitting a potential needs no flow.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int

from core.array_types import Labels, Mask, MemberLogDF, MemberScore, PerStar, PhaseSpace
from core.phase_space.region import Everything, Region


@dataclass(frozen=True)
class PhaseSpaceSample:
    """Stars at ``w`` [kpc, km/s, heliocentric].

    ``region`` is the volume they fill, ``group`` labels stars that belong together (records of one orbit) and must not
    be split between training and validation. ``weight`` says for how many stars each stands: the inverse of its
    probability to be selected.
    """

    w: PhaseSpace
    region: Region = field(default_factory=Everything)
    group: Labels | None = None
    weight: PerStar | None = None

    def __len__(self) -> int:
        return len(self.w)

    def take(self, rows: Labels | Mask) -> "PhaseSpaceSample":
        """The stars of ``rows`` (indices or a mask); the region stays."""
        return replace(
            self,
            w=self.w[rows],
            group=None if self.group is None else self.group[rows],
            weight=None if self.weight is None else self.weight[rows],
        )


@dataclass(frozen=True)
class ScoredSample:
    """Points ``w`` drawn from f, with ln f and ∂ln f/∂w of every member of the ensemble.

    ``log_df`` is per kpc³ (km/s)³, ``score`` per kpc and per km/s. ``half`` says on which half of the stars a member
    was trained: scores of members on different halves have independent errors. Where it is ``conditional`` they are of
    ln p(v | x) [per (km/s)³] instead: the density of stars in space is not known (PHYSICS 2).
    """

    w: PhaseSpace
    log_df: MemberLogDF
    score: MemberScore
    half: Int[np.ndarray, "m"]
    conditional: bool = False

    def __len__(self) -> int:
        return len(self.w)

    @property
    def members(self) -> int:
        return len(self.log_df)

    def take(self, rows: Labels) -> "ScoredSample":
        """The points of ``rows``, with all members."""
        return replace(self, w=self.w[rows], log_df=self.log_df[:, rows], score=self.score[:, rows])

    def member(self, index: int) -> "ScoredSample":
        """All points with the values of one member alone."""
        one = slice(index, index + 1)
        return replace(self, log_df=self.log_df[one], score=self.score[one], half=self.half[one])
