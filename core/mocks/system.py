"""What every mock is: a stationary stellar system whose f, forces and densities are known (PHYSICS 3 and 6).

A system is a frozen value; its fields are its parameters. It is written for one point in JAX and evaluated for many, in
double precision whatever the process runs in, so that truth is exact to rounding.
"""

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Array, Float

from core.array_types import PerStar, PhaseSpace, Positions
from core.errors import InputError
from core.phase_space.region import Region
from core.phase_space.sample import PhaseSpaceSample
from core.potential.fields import laplacian_density

Progress = Callable[[float], None]
"""Told the fraction that is done."""

SMALLEST_BLOCK, LARGEST_BLOCK = 2**9, 2**16
"""Points evaluated together: few enough for bounded memory, and few different shapes to compile."""


class NoExactDFError(InputError):
    """The distribution function of a mock is known only through its stars."""


@dataclass(frozen=True)
class Mock:
    """Stars of a system and what is known about them: ``truth`` goes into ``truth.json``."""

    sample: PhaseSpaceSample
    truth: dict[str, Any]


@dataclass(frozen=True)
class StationarySystem(ABC):
    """A system in a steady state, in the heliocentric frame: x [kpc], v [km/s].

    A subclass defines the kernels ``_ln_f(w)`` (up to a constant) and ``_potential(x)`` of one point, ``ln_norm``,
    ``region``, ``sample`` and ``pattern_speed``.
    """

    name: ClassVar[str]
    frame: ClassVar[str]
    potential_name: ClassVar[str]
    has_exact_df: ClassVar[bool] = True

    @property
    def pattern_speed(self) -> float | None:
        """True pattern speed [km/s/kpc]; None where it is not defined: an axisymmetric system, an inertial frame."""
        return None

    @property
    @abstractmethod
    def region(self) -> Region:
        """The volume that the stars fill."""

    @property
    def centre(self) -> Float[np.ndarray, "3"]:
        """Origin of the inertial frame [kpc, heliocentric]."""
        return np.zeros(3)

    @property
    def drift(self) -> Float[np.ndarray, "3"]:
        """Velocity of the Sun in the inertial frame, heliocentric components [km/s]."""
        return np.zeros(3)

    @property
    def rotation(self) -> Float[np.ndarray, "3"]:
        """Rotation vector Ω of the pattern, heliocentric components [km/s/kpc]."""
        return np.zeros(3)

    @property
    def ln_norm(self) -> float:
        """ln ∫ exp(_ln_f) d⁶w over the region."""
        raise self._no_exact_df

    def _ln_f(self, w: Float[Array, "6"]) -> Float[Array, ""]:
        raise self._no_exact_df

    @property
    def _no_exact_df(self) -> NoExactDFError:
        return NoExactDFError(
            f"{self.name} has no closed form of f: it is known through its stars",
            remedy="Systems with has_exact_df give ln f and its score.",
        )

    @abstractmethod
    def _potential(self, x: Float[Array, "3"]) -> Float[Array, ""]: ...

    def ln_f(self, w: PhaseSpace) -> PerStar:
        """ln f [kpc⁻³ (km/s)⁻³], normalised over the region; −inf where no orbit of the system passes.

        The formula is continued beyond the region's edge, where f describes no stars of the mock.
        """
        return evaluate(_ln_f, self, w) - self.ln_norm

    def score(self, w: PhaseSpace) -> PhaseSpace:
        """∂ ln f/∂w [per kpc, per km/s]; zero where f vanishes."""
        return evaluate(_score, self, w)

    def potential(self, x: Positions) -> PerStar:
        """Φ [(km/s)²]."""
        return evaluate(_potential, self, x)

    def acceleration(self, x: Positions) -> Positions:
        """−∇Φ [(km/s)²/kpc]."""
        return evaluate(_acceleration, self, x)

    def density(self, x: Positions) -> PerStar:
        """Total mass density ∇²Φ/4πG [Msun/pc³]."""
        return evaluate(_density, self, x)

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> PhaseSpaceSample:
        """``n`` stars drawn from f in the region."""

    def mock(self, rng: np.random.Generator, n: int, *, progress: Progress | None = None) -> Mock:
        """``n`` stars with the truth about them."""
        sample = self.sample(rng, n)
        if progress:
            progress(1.0)
        return Mock(sample, self.truth())

    @property
    def parameters(self) -> dict[str, Any]:
        """The fields as JSON values; lists, which a setting holds as text, as lists."""
        values = dataclasses.asdict(self)
        return {k: json.loads(v) if isinstance(v, str) else v for k, v in values.items()}

    def truth(self) -> dict[str, Any]:
        """What ``truth.json`` holds of the system (INTERFACES 3); ``scalars`` are added by who computes them."""
        return {
            "system": self.name,
            "frame": self.frame,
            "pattern_speed": self.pattern_speed,
            "parameters": self.parameters,
            "potential": {"name": self.potential_name, "parameters": self.potential_parameters()},
        }

    @abstractmethod
    def potential_parameters(self) -> dict[str, Any]:
        """The parameters that decide the potential, as JSON values."""

    def scaled_region(self, factor: float) -> "StationarySystem":
        """The same system in a volume ``factor`` times as large in radius."""
        return dataclasses.replace(self, radius=factor * self.parameters["radius"])  # type: ignore[call-arg]


def _ln_f(system: StationarySystem, w: Float[Array, "6"]) -> Float[Array, ""]:
    return system._ln_f(w)


def _score(system: StationarySystem, w: Float[Array, "6"]) -> Float[Array, "6"]:
    return jax.grad(system._ln_f)(w)


def _potential(system: StationarySystem, x: Float[Array, "3"]) -> Float[Array, ""]:
    return system._potential(x)


def _acceleration(system: StationarySystem, x: Float[Array, "3"]) -> Float[Array, "3"]:
    return -jax.grad(system._potential)(x)


def _density(system: StationarySystem, x: Float[Array, "3"]) -> Float[Array, ""]:
    return laplacian_density(system._potential, x)


@partial(jax.jit, static_argnums=(0, 1))
def _at_each(kernel: Callable[..., Array], system: Any, *arguments: Float[Array, "n ..."]) -> Array:
    return jax.vmap(partial(kernel, system))(*arguments)


def evaluate(kernel: Callable[..., Array], system: Any, *arguments: Float[np.ndarray, "n ..."]) -> Any:
    """``kernel(system, *point)`` at every row of ``arguments``, in double precision.

    Blocks are padded to powers of two.
    """
    n = len(arguments[0])
    block = min(LARGEST_BLOCK, 1 << max(n - 1, SMALLEST_BLOCK - 1).bit_length())
    results = []
    with jax.enable_x64(True):
        for start in range(0, max(n, 1), block):
            rows = [np.asarray(a[start : start + block], np.float64) for a in arguments]
            rows = [np.pad(a, [(0, block - len(a)), *[(0, 0)] * (a.ndim - 1)]) for a in rows]
            results.append(np.asarray(_at_each(kernel, system, *rows)))
    return np.concatenate(results)[:n]


def cbe_residual(system: StationarySystem, w: PhaseSpace) -> tuple[PerStar, PerStar]:
    """R(w) of the collisionless Boltzmann equation [km/s/kpc] and the root sum of squares of its terms (PHYSICS 3).

    R = (V − Ω×X)·∂ln f/∂x − (∇Φ + Ω×V)·∂ln f/∂v from the exact score and acceleration: zero to rounding for a system
    that is stationary in its frame.
    """
    score, force = system.score(w), system.acceleration(w[:, :3])
    X, V = w[:, :3] - system.centre, w[:, 3:] + system.drift
    streaming = (V - np.cross(system.rotation, X)) * score[:, :3]
    acceleration = (force - np.cross(system.rotation, V)) * score[:, 3:]
    terms = np.concatenate([streaming, acceleration], 1)
    return terms.sum(1), np.sqrt((terms**2).sum(1))
