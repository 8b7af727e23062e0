"""A spiral in a slab with f a function of the Jacobi integral and of the vertical energy (PHYSICS 6.3).

f = Σ w exp(−E_J/σ² − E_z/σ_z²) / (σ² σ_z) with E_J = ½(V − Ω×X)² + Φ_plane − ½Ω²R². Such stars stream with the
pattern, so this tests forces and densities; for the pattern speed take the Freeman system or test particles.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Labels, Positions
from core.mocks.disc import mixture
from core.mocks.slab import SlabDisc
from core.potential import analytic
from core.settings import setting

COLUMNS = ("sigma", "sigma_z")


@dataclass(frozen=True)
class SlabSpiral(SlabDisc):
    """Stars that stream with a spiral; ``components`` are [weight, sigma, sigma_z] [km/s]."""

    name: ClassVar[str] = "slab-spiral"
    potential_name: ClassVar[str] = "slab with spiral"

    v0: float = setting(240.0, "circular velocity", unit="km/s", low=1.0)
    omega_p: float = setting(28.2, "pattern speed of the spiral", unit="km/s/kpc", low=0.0)
    amplitude: float = setting(200.0, "amplitude of the spiral; 0 for none", unit="(km/s)²", low=0.0)
    arms: int = setting(2, "number of arms", low=1.0, high=8.0)
    pitch: float = setting(12.0, "pitch angle of the arms", unit="deg", low=1.0, high=89.0)
    phase: float = setting(45.0, "azimuth of a potential crest at R0", unit="deg")
    components: str = setting("[[0.92, 32, 17], [0.08, 50, 40]]", "mixture of [weight, sigma, sigma_z]", unit="km/s")

    def __post_init__(self) -> None:
        super().__post_init__()
        mixture(self.components, COLUMNS)

    @property
    def pattern_speed(self) -> float | None:
        return self.omega_p if self.amplitude else None

    def _planar_energy(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        """Effective potential in the plane, near zero at the Sun."""
        centrifugal = 0.5 * self.omega_p**2 * (X[0] ** 2 + X[1] ** 2 - self.R0**2)
        return self._planar_potential(X) + self._spiral(X) - centrifugal

    def _spiral(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        return analytic.spiral(
            X, amplitude=self.amplitude, arms=self.arms, pitch=self.pitch, phase=self.phase, R0=self.R0
        )

    def _ln_components_n(self, X: Float[Array, "3"]) -> Float[Array, " c"]:
        weight, sigma, sigma_z = jnp.asarray(mixture(self.components, COLUMNS).T)
        return jnp.log(weight) - self._planar_energy(X) / sigma**2 - self._vertical_potential(X) / sigma_z**2

    def _ln_components_f(self, q: Float[Array, "6"]) -> Float[Array, " c"]:
        _, sigma, sigma_z = jnp.asarray(mixture(self.components, COLUMNS).T)
        X, V = q[:3], q[3:]
        peculiar = (V[0] - self.omega_p * X[1]) ** 2 + (V[1] + self.omega_p * X[0]) ** 2
        maxwell = -0.5 * peculiar / sigma**2 - 0.5 * V[2] ** 2 / sigma_z**2
        return self._ln_components_n(X) + maxwell - 1.5 * np.log(2 * np.pi) - 2 * jnp.log(sigma) - jnp.log(sigma_z)

    def _draw_velocities(self, rng: np.random.Generator, X: Positions, component: Labels) -> Positions:
        _, sigma, sigma_z = mixture(self.components, COLUMNS)[component].T
        V = rng.normal(size=X.shape) * np.stack([sigma, sigma, sigma_z], 1)
        V[:, :2] += self.omega_p * np.stack([X[:, 1], -X[:, 0]], 1)
        return V

    def _galactic_potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        return super()._galactic_potential(X) + self._spiral(X)

    def potential_parameters(self) -> dict[str, Any]:
        spiral = {k: self.parameters[k] for k in ("amplitude", "arms", "pitch", "phase")}
        return super().potential_parameters() | spiral
