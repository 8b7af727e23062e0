"""Stars mirrored at the edges of a shell, for flows that know no edge.

A flow over all of space bends down smoothly where the volume ends sharply, and its scores are wrong for some way inside
(README, Decisions). Stars near the edge are therefore repeated behind it: each is moved along its radius so that volume
is kept, r³ → 2 edge³ − r³, and the density goes on evenly. A hole about the centre is filled in the same way. The flow
is normalised over the true volume afterwards.
"""

import numpy as np

from core.array_types import Labels
from core.flow.family import TrainingStars
from core.flow.halves import Split
from core.phase_space.region import And, Region, Shell


def with_mirrored(stars: TrainingStars, parts: Split, fraction: float, seed: int) -> tuple[TrainingStars, Split]:
    """The stars followed by the copies behind the edges, and the halves with the copies of their own stars.

    Copied are the stars in the outer ``fraction`` of the volume of a shell, and those about its hole. In a region of
    another shape there are none: there the flow is only cut off.
    """
    shell = _shell(stars.region)
    if shell is None or fraction == 0:
        return stars, parts
    centre = np.asarray(shell.centre)
    cubed = np.linalg.norm(stars.w[:, :3] - centre, axis=1).astype(float) ** 3
    outer, inner = shell.outer**3, shell.inner**3
    beyond = np.flatnonzero(cubed > (1 - fraction) * outer)
    within = np.flatnonzero(cubed < 2 * inner)
    rows = np.concatenate([beyond, within])
    mirrored = 2 * np.repeat([outer, inner], [len(beyond), len(within)]) - cubed[rows]
    copies = np.array(stars.w[rows])
    copies[:, :3] = centre + (copies[:, :3] - centre) * np.cbrt(np.maximum(mirrored, 0) / cubed[rows])[:, None]
    more = TrainingStars(
        np.concatenate([stars.w, copies]),
        np.concatenate([stars.weight, stars.weight[rows]]),
        stars.region,
        stars.proposal,
    )
    return more, _dealt(parts, rows, len(stars.w), seed)


def _dealt(parts: Split, rows: Labels, first: int, seed: int) -> Split:
    """Both halves with the copies, numbered from ``first``, of their stars: in random order and of equal length."""
    rng = np.random.default_rng(seed)
    halves = []
    for half in parts.halves:
        mine = first + np.flatnonzero(np.isin(rows, half))
        halves.append(rng.permutation(np.concatenate([half, mine])))
    length = min(map(len, halves))
    return Split((halves[0][:length], halves[1][:length]), parts.held_out)


def _shell(region: Region) -> Shell | None:
    spatial = region.spatial_part()
    parts = spatial.parts if isinstance(spatial, And) else (spatial,)
    shells = [part for part in parts if isinstance(part, Shell)]
    return shells[0] if len(parts) == len(shells) == 1 else None
