"""How test particles become stars: orbits settle, then the Suns that a pattern makes equivalent record them.

An orbit is recorded at a fixed cadence from a random time on, so that all together cover the time evenly; f stacked
over a time T is then stationary but for [f(t1) − f(t0)]/T.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from core.array_types import Labels, PerStar, PhaseSpace
from core.errors import ConfigError
from core.mocks.launch import LaunchDisc
from core.mocks.orbits import Galaxy, advance
from core.mocks.stationarity import Stationarity, early_against_late
from core.mocks.system import Progress
from core.phase_space.region import Shell
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.units import GYR_PER_KPC_KM_S

LARGEST_CHUNK, SMALLEST_CHUNK = 16384, 256
"""Orbits integrated together: many for the compiled loops, few enough for bounded memory."""

TOLERANCE = 50.0
"""Largest error of the Jacobi integral [(km/s)²] over the recording that a recorded orbit may have."""


@runtime_checkable
class SteadyGalaxy(Galaxy, Protocol):
    """A galaxy whose pattern is full-grown when recording begins."""

    def jacobi_integral(self, q: PhaseSpace) -> PerStar:
        """E_J [(km/s)²] of (X, V) on Galactocentric axes."""


@dataclass(frozen=True)
class Recording:
    """Stars as the Suns saw them, when [Gyr since recording began], and whether they were in a steady state."""

    sample: PhaseSpaceSample
    times: PerStar
    stationarity: Stationarity


@dataclass(frozen=True)
class Schedule:
    """When orbits are recorded: ``records`` times, ``gap`` apart, after they have ``settled`` [both kpc/(km/s)].

    ``records`` is even, for two equal halves. ``repeats`` is the largest mean number of stars per orbit.
    """

    settled: float
    gap: float
    records: int
    repeats: float


@dataclass(frozen=True)
class EquivalentSuns:
    """The Sun and its images under rotation by 2π/``symmetry``; their balls of ``radius`` [kpc] are disjoint."""

    sun: SolarPosition
    radius: float
    symmetry: int

    def see(self, state: PhaseSpace) -> tuple[Float[np.ndarray, "seen 6"], Int[np.ndarray, "seen"]]:
        """The particles in the ball of any Sun, turned to the Sun's own (X, V); and which rows they are."""
        sector = 2 * np.pi / self.symmetry
        # The balls are disjoint, so the nearest Sun in azimuth is the only one that can see a particle.
        turn = sector * np.rint(np.arctan2(state[:, 1], -state[:, 0]) / sector)
        cosine, sine = np.cos(turn), np.sin(turn)
        q = state.copy()
        for i in (0, 3):
            q[:, i] = cosine * state[:, i] - sine * state[:, i + 1]
            q[:, i + 1] = sine * state[:, i] + cosine * state[:, i + 1]
        position = self.sun.galactocentric_position(np.zeros(3))
        rows = np.flatnonzero(np.sum((q[:, :3] - position) ** 2, 1) < self.radius**2)
        return q[rows], rows


class _Stars(NamedTuple):
    """Stars by column: (X, V) on the Sun's Galactocentric axes, orbit, number of the record, its time [Gyr]."""

    q: PhaseSpace
    orbit: Labels
    number: Labels
    time: PerStar

    def take(self, rows: Labels) -> "_Stars":
        return _Stars(*(column[rows] for column in self))


def record_stars(
    galaxy: SteadyGalaxy,
    rng: np.random.Generator,
    n: int,
    *,
    launch: LaunchDisc,
    suns: EquivalentSuns,
    schedule: Schedule,
    progress: Progress | None = None,
) -> Recording:
    """Orbits until ``n`` stars are recorded in the balls; ``group`` of the sample is the orbit."""
    chunks: list[_Stars] = []
    total = launched = 0

    reached = 0.0
    size = _chunk_size(n, schedule.repeats)

    def tick(fraction: float) -> None:
        nonlocal reached
        expected = total / launched if launched else schedule.repeats
        # Never backwards, where fewer stars are seen than expected.
        reached = max(reached, min(1.0, (total + fraction * size * expected) / n))
        if progress:
            progress(reached)

    while total < n:
        missing = 1.05 * (n - total) * launched / max(total, 1)
        if launched and missing < size / 2:
            # A chunk of another size has to be compiled anew, which only pays where little is missing.
            size = max(SMALLEST_CHUNK, int(missing))
        stars = _record_chunk(galaxy, rng, size, launch, suns, schedule, tick)
        chunks.append(stars._replace(orbit=stars.orbit + launched))
        total, launched = total + len(stars.orbit), launched + size
        if total == 0:
            raise ConfigError("no orbit reaches the ball", remedy="Enlarge its radius or the time of recording.")
    everything = _Stars(*(np.concatenate(column) for column in zip(*chunks, strict=True)))
    # Thinned at random: an order in time or orbit would make the end of the sample special.
    kept = everything.take(rng.permutation(total)[:n])
    sample = PhaseSpaceSample(suns.sun.to_heliocentric(kept.q), Shell(suns.radius), group=kept.orbit)
    late = kept.number >= schedule.records // 2
    return Recording(sample, kept.time, early_against_late(sample.w, kept.orbit, late))


def _chunk_size(n: int, repeats: float) -> int:
    """Orbits of equal chunks that give ``n`` stars if every orbit is seen as often as it may be."""
    orbits = n / repeats
    chunks = max(1, np.ceil(orbits / LARGEST_CHUNK))
    return max(SMALLEST_CHUNK, int(np.ceil(orbits / chunks)))


def _record_chunk(
    galaxy: SteadyGalaxy,
    rng: np.random.Generator,
    size: int,
    launch: LaunchDisc,
    suns: EquivalentSuns,
    schedule: Schedule,
    tick: Progress,
) -> _Stars:
    """What the Suns see of ``size`` new orbits."""
    state, gap = launch.draw(rng, size), np.full(size, schedule.gap)
    offset = rng.random(size)
    settled = schedule.settled + offset * gap
    # Settling in pieces of a Gyr, so that a long run shows its progress and can be stopped.
    pieces = max(1, int(np.ceil(schedule.settled)))
    share = schedule.settled / (schedule.settled + schedule.records * schedule.gap)
    for piece in range(pieces):
        tick(share * piece / pieces)
        state = advance(galaxy, state, settled * (piece / pieces), settled / pieces)
    jacobi = galaxy.jacobi_integral(state)
    seen = []
    for number in range(schedule.records):
        tick(share + (1 - share) * number / schedule.records)
        q, orbit = suns.see(state)
        time = (number + offset[orbit]) * schedule.gap * GYR_PER_KPC_KM_S
        seen.append(_Stars(q, orbit, np.full(len(q), number), time))
        state = advance(galaxy, state, settled + number * gap, gap)
    stars = _Stars(*(np.concatenate(column) for column in zip(*seen, strict=True)))
    # A few orbits plunge to where the arms are wound too tightly for the step. Without them the others, whole orbits,
    # are as steady as before.
    sound = np.abs(galaxy.jacobi_integral(state) - jacobi) < TOLERANCE
    stars = stars.take(np.flatnonzero(sound[stars.orbit]))
    return stars.take(rng.permutation(len(stars.orbit))[: int(schedule.repeats * size)])
