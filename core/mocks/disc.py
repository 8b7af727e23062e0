"""Discs seen from the Sun: the heliocentric view of a Galactic model, and exact ones drawn in a ball about the Sun.

An exact f is a mixture over components whose velocities can be drawn at a given place; its positions follow by
rejection, its normalisation over the ball by quadrature.
"""

import json
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Labels, PerStar, Positions
from core.errors import ConfigError
from core.mocks import ball
from core.mocks.system import StationarySystem, evaluate
from core.phase_space.region import Region, Shell
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.settings import setting


def numbers(text: str, key: str, columns: tuple[str, ...]) -> Float[np.ndarray, "rows cols"]:
    """The rows of a list of lists of numbers, written as JSON in a setting; ConfigError names what is wrong."""
    try:
        table = np.asarray(json.loads(text), np.float64)
    except (ValueError, TypeError):
        table = np.zeros(0)
    if table.ndim != 2 or len(table) == 0 or table.shape[1] != len(columns) or not np.all(np.isfinite(table)):
        raise ConfigError(f"{key} must be a list of [{', '.join(columns)}]; got {text!r}")
    return table


def mixture(text: str, columns: tuple[str, ...]) -> Float[np.ndarray, "rows cols"]:
    """Components of a mixture: ``weight`` first, every number positive."""
    table = numbers(text, "components", ("weight", *columns))
    if not np.all(table > 0):
        raise ConfigError(f"every number of components must be positive; got {text!r}")
    return table


@dataclass(frozen=True)
class GalacticSystem(StationarySystem):
    """A model on Galactocentric axes, seen from the Sun in a ball of ``radius`` about it."""

    frame: ClassVar[str] = "rotating"

    radius: float = setting(1.0, "radius of the ball about the Sun that the stars fill", unit="kpc", low=1e-3, high=4.0)
    R0: float = setting(8.277, "distance of the Galactic centre", unit="kpc", low=5.0, high=20.0)
    z0: float = setting(0.0208, "height of the Sun above the plane", unit="kpc", low=-0.5, high=0.5)
    v_sun: str = setting("[9.3, 251.5, 8.59]", "Galactocentric velocity of the Sun", unit="km/s")

    def __post_init__(self) -> None:
        numbers(f"[{self.v_sun}]", "v_sun", ("U", "V", "W"))

    @cached_property
    def sun(self) -> SolarPosition:
        """Where the observer is and how it moves."""
        u, v, w = (float(component) for component in json.loads(self.v_sun))
        return SolarPosition(R0=self.R0, z0=self.z0, u=u, v=v, w=w)

    @property
    def region(self) -> Region:
        return Shell(self.radius)

    @property
    def centre(self) -> Float[np.ndarray, "3"]:
        return self.sun.centre

    @property
    def drift(self) -> Float[np.ndarray, "3"]:
        return self.sun.velocity @ self.sun.axes

    @property
    def rotation(self) -> Float[np.ndarray, "3"]:
        # The Galaxy turns clockwise seen from the north pole.
        return -(self.pattern_speed or 0.0) * self.sun.axes[2]

    @abstractmethod
    def _galactic_potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ on Galactocentric axes."""

    def _potential(self, x: Float[Array, "3"]) -> Float[Array, ""]:
        return self._galactic_potential(self.sun.galactocentric_position(x))


@dataclass(frozen=True)
class ExactDisc(GalacticSystem):
    """A disc whose f is a mixture of closed forms.

    A subclass defines, on Galactocentric axes and up to one common constant, ``_ln_components_f(q)`` of every
    component, their integrals over velocity ``_ln_components_n(X)``, and how velocities are drawn.
    """

    @abstractmethod
    def _ln_components_f(self, q: Float[Array, "6"]) -> Float[Array, " c"]: ...

    @abstractmethod
    def _ln_components_n(self, X: Float[Array, "3"]) -> Float[Array, " c"]: ...

    @abstractmethod
    def _draw_velocities(self, rng: np.random.Generator, X: Positions, component: Labels) -> Positions:
        """Inertial velocities on Galactocentric axes of stars at ``X`` that belong to ``component``."""

    def _ln_f(self, w: Float[Array, "6"]) -> Float[Array, ""]:
        position = self.sun.galactocentric_position(w[:3])
        velocity = self.sun.galactocentric_velocity(w[3:])
        return jax.nn.logsumexp(self._ln_components_f(jnp.concatenate([position, velocity])))

    def _ln_density(self, x: Positions) -> PerStar:
        """ln of the number density at heliocentric x, with the constant of ``_ln_f``."""
        return np.logaddexp.reduce(self._ln_densities(x), axis=1)

    def _ln_densities(self, x: Positions) -> Float[np.ndarray, "n c"]:
        return evaluate(_ln_components_n, self, x)

    @cached_property
    def ln_norm(self) -> float:
        points, weights = ball.quadrature(self.radius)
        return float(np.log(np.sum(weights * np.exp(self._ln_density(points)))))

    def number_density(self, x: Positions) -> PerStar:
        """The stars' density [kpc⁻³], normalised over the region."""
        return np.exp(self._ln_density(x) - self.ln_norm)

    def sample(self, rng: np.random.Generator, n: int) -> PhaseSpaceSample:
        """``n`` stars: positions by rejection in the ball, then the component, then its velocity; all exact."""
        x = ball.draw(rng, n, self.radius, self._ln_density)
        ln_n = self._ln_densities(x)
        # The largest of Gumbel variates shifted by ln n is a draw from n.
        component = np.argmax(ln_n + rng.gumbel(size=ln_n.shape), axis=1)
        X = self.sun.galactocentric_position(x)
        V = self._draw_velocities(rng, X, component)
        return PhaseSpaceSample(self.sun.to_heliocentric(np.concatenate([X, V], 1)), self.region)


def _ln_components_n(system: ExactDisc, x: Float[Array, "3"]) -> Float[Array, " c"]:
    return system._ln_components_n(system.sun.galactocentric_position(x))
