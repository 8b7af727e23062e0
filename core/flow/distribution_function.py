"""f(x, v) of an ensemble of flows: ln f, its score, and samples, per member and combined.

The best estimate at a point is the median over members of f and of each derivative (PHYSICS 2); their mean and their
mixture are offered beside it. Samples are drawn from the mixture. Beyond the fitted volume ln f is continued smoothly:
ask ``inside`` where it counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from core import ensemble
from core.array_types import Mask, MemberLogDF, MemberScore, PerStar, PhaseSpace, Positions
from core.errors import InputError
from core.flow.chunks import in_chunks
from core.flow.factored import FactoredFlow
from core.flow.family import Family, FlowState, seed_words
from core.flow.spatial_density import BallProposal
from core.phase_space.region import Region


class _Compiled(NamedTuple):
    log_df: Callable[..., Array]
    log_df_and_score: Callable[..., Array]


@lru_cache(maxsize=64)
def _compiled(family: Family) -> _Compiled:
    def log_df(state: FlowState, w: Float[Array, "n 6"]) -> Array:
        return jax.vmap(lambda point: family.log_df(state, point))(w)

    def log_df_and_score(state: FlowState, w: Float[Array, "n 6"]) -> Float[Array, "n 7"]:
        both = jax.vmap(jax.value_and_grad(lambda point: family.log_df(state, point)))(w)
        return jnp.column_stack(both)

    return _Compiled(jax.jit(log_df), jax.jit(log_df_and_score))


@dataclass(frozen=True)
class FlowEnsemble:
    """M independent flows of one family: array in, array out (numpy).

    ``states`` is a stacked FlowState, ``half`` tells on which half of the stars a member was trained.
    """

    family: Family
    region: Region
    proposal: BallProposal
    states: FlowState
    half: Int[np.ndarray, "m"]

    @property
    def members(self) -> int:
        return ensemble.size(self.states)

    def log_df(self, w: PhaseSpace) -> MemberLogDF:
        """ln f [kpc⁻³ (km/s)⁻³] of every member at heliocentric w [kpc, km/s]."""
        f = _compiled(self.family).log_df
        return np.stack([in_chunks(partial(f, state), w) for state in self._each()])

    def log_df_and_score(self, w: PhaseSpace) -> tuple[MemberLogDF, MemberScore]:
        """ln f and ∂ln f/∂w [per kpc, per km/s] of every member."""
        f = _compiled(self.family).log_df_and_score
        both = [in_chunks(partial(f, state), w) for state in self._each()]
        return np.stack([b[:, 0] for b in both]), np.stack([b[:, 1:] for b in both])

    def score(self, w: PhaseSpace) -> MemberScore:
        """∂ln f/∂w [per kpc, per km/s] of every member."""
        return self.log_df_and_score(w)[1]

    def inside(self, w: PhaseSpace) -> Mask:
        """True where the position lies in the fitted volume."""
        return self.region.contains_positions(np.asarray(w[:, :3], float), self.family.coordinates.sun)

    def sample(self, key: jax.Array, n: int) -> PhaseSpace:
        """``n`` stars drawn from the mixture of the members, in random order."""
        keys = jax.random.split(key, self.members + 1)
        counts = np.diff(np.linspace(0, n, self.members + 1).astype(int))
        drawn = [
            self.family.draw(state, key, int(count), region=self.region, proposal=self.proposal)
            for key, state, count in zip(keys, self._each(), counts, strict=False)
        ]
        order = np.random.default_rng(seed_words(keys[-1])).permutation(n)
        return np.concatenate(drawn)[order]

    def sample_velocities(self, key: jax.Array, x: Positions) -> Float[np.ndarray, "n 3"]:
        """A velocity [km/s] at each heliocentric position [kpc], from p(v | x) of the mixture of the members.

        Raises InputError for families that have no p(v | x) of their own.
        """
        family = self.family
        if not isinstance(family, FactoredFlow):
            raise InputError(
                f"flows of the family {family.name!r} do not give velocities at chosen positions",
                remedy="Fit with flow.family=factored.",
            )
        keys = jax.random.split(key, self.members + 1)
        member = np.random.default_rng(seed_words(keys[-1])).integers(0, self.members, len(x))
        v = np.empty((len(x), 3))
        for i, (each, state) in enumerate(zip(keys, self._each(), strict=False)):
            rows = member == i
            if rows.any():
                v[rows] = family.draw_velocities(state, each, x[rows])
        return v

    def _each(self) -> list[FlowState]:
        return [ensemble.member(self.states, i) for i in range(self.members)]


class BestEstimate(NamedTuple):
    """One ln f and one score per point, of all members."""

    log_df: PerStar
    score: PhaseSpace


def combined(log_df: MemberLogDF, score: MemberScore, how: str) -> BestEstimate:
    """The best estimate from those of the members.

    ``median`` of f and of each derivative, as published; ``mean`` of ln f and of the scores; or ``mixture``, the mean
    of f with the score that belongs to it. Members whose values are not finite at a point do not count there.
    """
    finite = np.isfinite(log_df) & np.all(np.isfinite(score), -1)
    # Far out members differ by more than the exponents that single precision holds.
    log_df = np.where(finite, log_df, np.nan).astype(float)
    score = np.where(finite[..., None], score, np.nan)
    peak = np.nanmax(log_df, 0)
    relative = np.exp(log_df - peak)
    if how == "median":
        return BestEstimate(np.log(ensemble.median(relative)) + peak, ensemble.median(score))
    if how == "mean":
        return BestEstimate(np.nanmean(log_df, 0), np.nanmean(score, 0))
    weighted = np.nansum(relative[..., None] * score, 0) / np.nansum(relative, 0)[:, None]
    return BestEstimate(np.log(np.nanmean(relative, 0)) + peak, weighted)
