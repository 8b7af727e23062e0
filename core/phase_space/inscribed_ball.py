"""A ball inside a region: where a weight can be given to stars that vanishes before the edge, whatever its shape."""

import numpy as np
from scipy.spatial import cKDTree

from core.array_types import Positions
from core.phase_space.region_algebra import BoundingBall, Region
from core.phase_space.shapes import Shell
from core.phase_space.solar_position import SolarPosition

_PROBES = 1 << 16
"""Places that are asked whether they are inside: a ball of 40 probes across."""

_CENTRES = 2048


def inscribed_ball(region: Region, sun: SolarPosition) -> BoundingBall | None:
    """About the largest ball in a region of space; None where velocities decide too, or it is unbounded or empty.

    Exact for a ball; else no probe inside it is outside the region, so that what it holds of the outside is small.
    """
    ball = region.bounding_ball()
    if ball is None or not region.is_spatial:
        return None
    if isinstance(region, Shell) and region.inner == 0:
        return ball
    middle, radius = np.array(ball[0]), ball[1]
    rng = np.random.default_rng(0)
    probes = middle + 1.1 * radius * _uniform(rng, _PROBES)
    inside = np.array(region.contains_positions(probes, sun))
    if not inside.any():
        return None
    # The middle first: of balls that are equally large to the eye, the one that a person would draw.
    centres = np.concatenate([middle[None], probes[inside][:_CENTRES]])
    room, _ = cKDTree(probes[~inside]).query(centres)
    room *= np.concatenate([[1.0], np.full(len(centres) - 1, 0.97)])
    best = int(np.argmax(room))
    centre, found = centres[best], float(room[best])
    # The nearest probe outside is some way behind the edge: a closer look at the ball's own outskirts.
    closer = found * _uniform(rng, _PROBES)
    outside = closer[~region.contains_positions(centre + closer, sun)]
    found = min(found, float(np.linalg.norm(outside, axis=1).min(initial=np.inf)))
    return ((float(centre[0]), float(centre[1]), float(centre[2])), found) if found > 0 else None


def _uniform(rng: np.random.Generator, n: int) -> Positions:
    """Points in the unit ball."""
    direction = rng.normal(size=(n, 3))
    return direction * (rng.random(n) ** (1 / 3) / np.linalg.norm(direction, axis=1))[:, None]
