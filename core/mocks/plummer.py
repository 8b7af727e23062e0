"""The Plummer sphere: isotropic f ∝ (−E)^{7/2}, exact and free of any frame (PHYSICS 6.1)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core import units
from core.mocks.ball import directions
from core.mocks.system import StationarySystem
from core.phase_space.region import Region, Shell
from core.phase_space.sample import PhaseSpaceSample
from core.potential import analytic
from core.settings import setting

LN_NORM_NATURAL = math.log(24 * math.sqrt(2) / (7 * math.pi**3))
"""ln of f/(−E)^{7/2} in units G = M = b = 1 (Plummer's model is the polytrope n = 5)."""


@dataclass(frozen=True)
class PlummerSphere(StationarySystem):
    """A self-consistent Plummer sphere about the origin; stars beyond ``radius`` are left out, their mass is not."""

    name: ClassVar[str] = "plummer"
    frame: ClassVar[str] = "inertial"
    potential_name: ClassVar[str] = "plummer"

    mass: float = setting(1e10, "total mass", unit="Msun", low=1.0)
    scale: float = setting(1.0, "scale radius b", unit="kpc", low=1e-6)
    radius: float = setting(10.0, "stars beyond it are left out", unit="kpc", low=1e-6)

    @property
    def region(self) -> Region:
        return Shell(self.radius)

    @property
    def fraction_inside(self) -> float:
        """The share of all stars within ``radius``."""
        return (1 + (self.scale / self.radius) ** 2) ** -1.5

    @property
    def escape_velocity_squared(self) -> float:
        """2GM/b, from the centre [(km/s)²]."""
        return 2 * float(units.G) * self.mass / self.scale

    @cached_property
    def ln_norm(self) -> float:
        unit_of_f = 3 * math.log(self.scale) + 1.5 * math.log(self.escape_velocity_squared / 2)
        return math.log(self.fraction_inside) + unit_of_f - LN_NORM_NATURAL

    def _ln_f(self, w: Float[Array, "6"]) -> Float[Array, ""]:
        binding = -2 * (self._potential(w[:3]) + 0.5 * jnp.dot(w[3:], w[3:])) / self.escape_velocity_squared
        # The inner where keeps the gradient finite where no star is bound.
        return jnp.where(binding > 0, 3.5 * jnp.log(jnp.where(binding > 0, binding, 1.0)), -jnp.inf)

    def _potential(self, x: Float[Array, "3"]) -> Float[Array, ""]:
        return analytic.plummer(x, mass=self.mass, scale=self.scale)

    def sample(self, rng: np.random.Generator, n: int) -> PhaseSpaceSample:
        """``n`` stars: the radius from the inverse of M(r), (v/v_esc)² from a beta distribution, both exact."""
        r = self.scale / np.sqrt((self.fraction_inside * (1 - rng.random(n))) ** (-2 / 3) - 1)
        escape = np.sqrt(self.escape_velocity_squared) * (1 + (r / self.scale) ** 2) ** -0.25
        # With q = v/v_esc the density q²(1 − q²)^{7/2} dq is that of a beta variate q² of shape (3/2, 9/2).
        speed = escape * np.sqrt(rng.beta(1.5, 4.5, n))
        w = np.concatenate([directions(rng, n) * r[:, None], directions(rng, n) * speed[:, None]], 1)
        return PhaseSpaceSample(w, self.region)

    def potential_parameters(self) -> dict[str, Any]:
        return {"mass": self.mass, "scale": self.scale}
