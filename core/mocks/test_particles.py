"""Test particles phase-mixed in a disc with a spiral or a bar: the realistic mock (PHYSICS 6.6).

A warm axisymmetric disc mixes, the pattern grows slowly, the disc settles in it, and then every orbit is recorded at
random times, in the frame of the pattern, by each of the Suns that its symmetry makes equivalent. Potential and pattern
speed are exact, f is known only through its stars.
"""

from abc import abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import PerStar, PhaseSpace
from core.mocks.disc import GalacticSystem, mixture
from core.mocks.launch import COLUMNS, LaunchDisc
from core.mocks.milky_way import MilkyWay
from core.mocks.recording import EquivalentSuns, Recording, Schedule, record_stars
from core.mocks.system import Mock, Progress
from core.phase_space.sample import PhaseSpaceSample
from core.potential import analytic
from core.settings import section, setting
from core.units import GYR_PER_KPC_KM_S


@dataclass(frozen=True)
class PhaseMixedDisc(GalacticSystem):
    """Test particles in :class:`MilkyWay` with a pattern; an ``amplitude`` of 0 gives the axisymmetric twin."""

    has_exact_df: ClassVar[bool] = False

    amplitude: float = setting(0.0, "amplitude of the pattern; 0 for the axisymmetric twin", unit="(km/s)²", low=0.0)
    omega_p: float = setting(20.0, "pattern speed", unit="km/s/kpc", low=0.0)
    galaxy: MilkyWay = section(MilkyWay)
    components: str = setting(
        "[[0.92, 32, 17, 2.6, 8], [0.08, 52, 38, 2.2, 8]]",
        "mixture of [weight, sigma_R, sigma_z, h_R, R_sigma] of the disc before the pattern",
        unit="km/s, kpc",
    )
    mix: float = setting(0.5, "time to mix before the pattern grows", unit="Gyr", low=0.0, high=20.0)
    growth: float = setting(1.5, "time in which the pattern grows", unit="Gyr", low=0.01, high=20.0)
    settle: float = setting(8.0, "time to settle in the pattern", unit="Gyr", low=0.0, high=50.0)
    record: float = setting(8.0, "time of recording", unit="Gyr", low=0.1, high=50.0)
    cadence: float = setting(24.0, "time between two records of an orbit", unit="Myr", low=1.0)
    repeats: float = setting(5.0, "stars per orbit, at most on average", low=0.1)
    margin: float = setting(1.0, "how far the pattern may move a guiding centre into the ball", unit="kpc", low=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        mixture(self.components, COLUMNS)

    @property
    def pattern_speed(self) -> float | None:
        return self.omega_p if self.amplitude else None

    @property
    def symmetry(self) -> int:
        """Number of equivalent Suns on the solar circle, as many as the pattern allows and disjoint balls."""
        disjoint = int(np.pi / np.arcsin(self.radius / self.R0))
        if not self.amplitude:
            return disjoint
        return max(n for n in range(1, self._arms + 1) if self._arms % n == 0 and n <= disjoint)

    @property
    @abstractmethod
    def _arms(self) -> int:
        """By 2π over this angle the pattern repeats itself."""

    @abstractmethod
    def _pattern(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ of the full-grown pattern on Galactocentric axes."""

    def _galactic_potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        axisymmetric = self.galaxy.potential(X)
        return axisymmetric + self._pattern(X) if self.amplitude else axisymmetric

    def evolving_potential(self, X: Float[Array, "3"], time: Float[Array, ""]) -> Float[Array, ""]:
        """Φ on the axes of the pattern while it grows; ``time`` [kpc/(km/s)] counts from the start."""
        if not self.amplitude:
            return self.galaxy.potential(X)
        s = jnp.clip((time * GYR_PER_KPC_KM_S - self.mix) / self.growth, 0.0, 1.0)
        # The quintic of Dehnen (2000, eq. 4): its first two derivatives vanish at both ends.
        return self.galaxy.potential(X) + s**3 * (10 - 15 * s + 6 * s**2) * self._pattern(X)

    def sample(self, rng: np.random.Generator, n: int) -> PhaseSpaceSample:
        """``n`` stars; ``group`` is the orbit a star was recorded on."""
        return self.integrate(rng, n).sample

    def mock(self, rng: np.random.Generator, n: int, *, progress: Progress | None = None) -> Mock:
        """``n`` stars with the truth about them, the stationarity of the recording included."""
        recording = self.integrate(rng, n, progress=progress)
        return Mock(recording.sample, self.truth() | {"stationarity": recording.stationarity.to_json()})

    def integrate(self, rng: np.random.Generator, n: int, *, progress: Progress | None = None) -> Recording:
        """Orbits until ``n`` stars are recorded in the ball."""
        return record_stars(
            self,
            rng,
            n,
            launch=LaunchDisc(self.galaxy, self.components, self.R0, self.radius, self.margin),
            suns=EquivalentSuns(self.sun, self.radius, self.symmetry),
            schedule=Schedule(
                settled=(self.mix + self.growth + self.settle) / GYR_PER_KPC_KM_S,
                gap=self.cadence / 1000 / GYR_PER_KPC_KM_S,
                records=2 * max(1, round(500 * self.record / self.cadence)),
                repeats=self.repeats,
            ),
            progress=progress,
        )

    def jacobi_integral(self, q: PhaseSpace) -> PerStar:
        """E_J = ½V² + Φ − Ω·L [(km/s)²] of (X, V) on Galactocentric axes, in the full-grown pattern."""
        spin = q[:, 0] * q[:, 4] - q[:, 1] * q[:, 3]
        potential = self.potential(self.sun.to_heliocentric(q)[:, :3])
        return 0.5 * np.sum(q[:, 3:] ** 2, 1) + potential + self.omega_p * spin


@dataclass(frozen=True)
class DiscSpiral(PhaseMixedDisc):
    """Test particles with a spiral."""

    name: ClassVar[str] = "disc-spiral"
    potential_name: ClassVar[str] = "disc with spiral"

    amplitude: float = setting(450.0, "amplitude of the spiral; 0 for the axisymmetric twin", unit="(km/s)²", low=0.0)
    arms: int = setting(2, "number of arms", low=1.0, high=8.0)
    pitch: float = setting(12.0, "pitch angle of the arms", unit="deg", low=1.0, high=89.0)
    phase: float = setting(45.0, "azimuth of a potential crest at R0", unit="deg")
    height: float = setting(1.0, "height over which the spiral fades", unit="kpc", low=0.05)

    @property
    def _arms(self) -> int:
        return self.arms

    def _pattern(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        return analytic.spiral(
            X,
            amplitude=self.amplitude,
            arms=self.arms,
            pitch=self.pitch,
            phase=self.phase,
            R0=self.R0,
            height=self.height,
        )

    def potential_parameters(self) -> dict[str, Any]:
        pattern = {k: self.parameters[k] for k in ("amplitude", "arms", "pitch", "phase", "R0", "height")}
        return asdict(self.galaxy) | pattern


@dataclass(frozen=True)
class DiscBar(PhaseMixedDisc):
    """Test particles with the quadrupole of a bar."""

    name: ClassVar[str] = "disc-bar"
    potential_name: ClassVar[str] = "disc with bar"

    amplitude: float = setting(3700.0, "amplitude of the bar; 0 for the axisymmetric twin", unit="(km/s)²", low=0.0)
    omega_p: float = setting(39.0, "pattern speed", unit="km/s/kpc", low=0.0)
    bar_angle: float = setting(25.0, "azimuth of the bar from the Sun, with the rotation", unit="deg")
    bar_scale: float = setting(3.5, "scale b of the quadrupole", unit="kpc", low=0.1)

    @property
    def _arms(self) -> int:
        return 2

    def _pattern(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        return analytic.bar(X, amplitude=self.amplitude, angle=self.bar_angle, scale=self.bar_scale)

    def potential_parameters(self) -> dict[str, Any]:
        pattern = {k: self.parameters[k] for k in ("amplitude", "bar_angle", "bar_scale")}
        return asdict(self.galaxy) | pattern
