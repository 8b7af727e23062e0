"""The axisymmetrised sample: every star turned to a random azimuth, for the null test of the pattern speed.

It keeps the stars' own rotation, velocities and heights and has no pattern at all. A method that still returns a
confident Ω_p on it returns the stars' mean angular speed (PHYSICS 3).
"""

from dataclasses import replace

import numpy as np

from core.array_types import PerStar, PhaseSpace
from core.phase_space.region import BoundingBall
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition

_TRIALS = 60


def axisymmetrised(rng: np.random.Generator, sample: PhaseSpaceSample, sun: SolarPosition) -> PhaseSpaceSample:
    """Every star turned about the Galactic axis to a random azimuth among those that keep it in the volume.

    Azimuths are drawn until the star is inside; the few that never are keep their own.
    """
    w = np.array(sample.w, float)
    ball = sample.region.spatial_part().bounding_ball()
    waiting = np.arange(len(w))
    for _ in range(_TRIALS):
        if not len(waiting):
            break
        middle, reach = _azimuths(w[waiting], ball, sun)
        trial = _turned(w[waiting], middle + reach * rng.uniform(-1, 1, len(waiting)), sun)
        inside = sample.region.contains_positions(trial[:, :3], sun)
        w[waiting[inside]] = trial[inside]
        waiting = waiting[~inside]
    return replace(sample, w=w.astype(sample.w.dtype))


def _azimuths(w: PhaseSpace, ball: BoundingBall | None, sun: SolarPosition) -> tuple[float, PerStar]:
    """Middle and half width [rad] of the azimuths at which a star can be inside the bounding ball."""
    if ball is None:
        return 0.0, np.full(len(w), np.pi)
    X = sun.galactocentric_position(w[:, :3])
    centre = sun.galactocentric_position(np.asarray(ball[0], float))
    R, R_centre = np.hypot(X[:, 0], X[:, 1]), np.hypot(centre[0], centre[1])
    squared = R**2 + R_centre**2 + (X[:, 2] - centre[2]) ** 2 - ball[1] ** 2
    cosine = squared / np.maximum(2 * R * R_centre, 1e-12)
    return float(np.arctan2(centre[1], -centre[0])), np.arccos(np.clip(cosine, -1, 1))


def _turned(w: PhaseSpace, azimuth: PerStar, sun: SolarPosition) -> PhaseSpace:
    """Stars brought to ``azimuth`` [rad] from the Sun's direction."""
    q = sun.to_galactocentric(w)
    angle = np.arctan2(q[:, 1], -q[:, 0])
    # Galactic rotation is clockwise on these axes: a larger azimuth is a negative turn.
    turn = angle - azimuth
    cosine, sine = np.cos(turn), np.sin(turn)
    for x, y in ((0, 1), (3, 4)):
        q[:, x], q[:, y] = cosine * q[:, x] - sine * q[:, y], sine * q[:, x] + cosine * q[:, y]
    return sun.to_heliocentric(q)
