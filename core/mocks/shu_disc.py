"""An axisymmetric disc in a slab: f of energy, angular momentum and vertical energy (Shu 1969; PHYSICS 6.4).

f = Σ w exp(−(Rg − R0)/h_R − (E − E_c)/σ(Rg)² − E_z/σ_z²) / (σ(Rg)² σ_z) with Rg = L_z/v0,
σ(Rg) = σ_R exp(−(Rg − R0)/R_σ) and, for a flat curve, E − E_c = ½(V_R² + V_φ² − v0²) − v0² ln(V_φ/v0). Nothing rotates
as a pattern: a fit must say that its pattern speed is not constrained.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Labels, PerStar, Positions
from core.mocks.disc import mixture
from core.mocks.slab import SlabDisc
from core.settings import setting

COLUMNS = ("sigma_R", "sigma_z", "h_R", "R_sigma")
DEGREE = 24
"""Degree of the Chebyshev series of ln n(R): rounding error for discs whose scale lengths exceed the ball."""
SPEEDS = 512
"""Nodes of the Gauss rule over V_φ."""
FASTEST = 3.0
"""Largest V_φ considered, in units of v0: f is below e^{-100} of its peak there."""


@dataclass(frozen=True)
class ShuDisc(SlabDisc):
    """A warm axisymmetric disc; ``components`` are [weight, sigma_R, sigma_z, h_R, R_sigma] [km/s, kpc]."""

    name: ClassVar[str] = "shu-disc"
    potential_name: ClassVar[str] = "slab"

    components: str = setting(
        "[[0.9, 35, 17, 2.6, 8], [0.1, 55, 40, 2.2, 20]]",
        "mixture of [weight, sigma_R, sigma_z, h_R, R_sigma]",
        unit="km/s, kpc",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        mixture(self.components, COLUMNS)

    @cached_property
    def _mixture(self) -> Float[np.ndarray, "c 5"]:
        return mixture(self.components, COLUMNS)

    def _ln_planar(self, R: Any, V_phi: Any, row: Any) -> tuple[Any, Any]:
        """ln of the planar part at V_R = 0 of the component with the parameters ``row``, and its σ(Rg).

        Numpy and JAX alike; −inf for V_φ = 0, which f never reaches.
        """
        weight, sigma_R, _, h_R, R_sigma = row
        xp = np if isinstance(V_phi, np.ndarray) else jnp
        offset = R * V_phi / self.v0 - self.R0
        sigma = sigma_R * xp.exp(-offset / R_sigma)
        excess = 0.5 * (V_phi**2 - self.v0**2) - self.v0**2 * xp.log(V_phi / self.v0)
        return np.log(weight) - offset / h_R - excess / sigma**2 - 2 * xp.log(sigma), sigma

    def _ln_components_f(self, q: Float[Array, "6"]) -> Float[Array, " c"]:
        X, V = q[:3], q[3:]
        R = jnp.sqrt(X[0] ** 2 + X[1] ** 2)
        V_R, V_phi = (X[0] * V[0] + X[1] * V[1]) / R, (X[1] * V[0] - X[0] * V[1]) / R
        # The inner where keeps the gradient finite for stars that turn backwards, where f = 0.
        forward = jnp.where(V_phi > 0, V_phi, self.v0)
        E_z = 0.5 * V[2] ** 2 + self._vertical_potential(X)

        def component(row: Float[np.ndarray, "5"]) -> Float[Array, ""]:
            ln_planar, sigma = self._ln_planar(R, forward, row)
            return ln_planar - 0.5 * (V_R / sigma) ** 2 - E_z / row[2] ** 2 - np.log(row[2])

        values = jnp.stack([component(row) for row in self._mixture])
        return jnp.where(V_phi > 0, values, -jnp.inf)

    def _ln_components_n(self, X: Float[Array, "3"]) -> Float[Array, " c"]:
        R = jnp.sqrt(X[0] ** 2 + X[1] ** 2)
        u = (R - self.R0) / self._reach
        planar = jnp.stack([_clenshaw(series, u) for series in self._ln_surface_series])
        return planar - self._vertical_potential(X) / self._mixture[:, 2] ** 2

    @property
    def _reach(self) -> float:
        """Half width in R [kpc] of the range of the series: the ball with some room."""
        return 1.02 * self.radius

    @cached_property
    def _ln_surface_series(self) -> Float[np.ndarray, "c d"]:
        """Chebyshev series of ln ∫ f d³V exp(Φ_z/σ_z²) in (R − R0)/reach, per component."""
        u = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
        node, weight = np.polynomial.legendre.leggauss(SPEEDS)
        V_phi = FASTEST * self.v0 * (node + 1) / 2
        series = []
        for row in self._mixture:
            ln_planar, sigma = self._ln_planar((self.R0 + self._reach * u)[:, None], V_phi, row)
            # The Gaussians in V_R and V_z give 2π σ σ_z; f carries 1/σ_z.
            surface = np.sum(weight * np.exp(ln_planar) * sigma, 1) * FASTEST * self.v0 / 2 * 2 * np.pi
            series.append(np.polynomial.chebyshev.chebfit(u, np.log(surface), DEGREE))
        return np.stack(series)

    def _draw_velocities(self, rng: np.random.Generator, X: Positions, component: Labels) -> Positions:
        R = np.hypot(X[:, 0], X[:, 1])
        V_R, V_phi = np.empty(len(X)), np.empty(len(X))
        for k, row in enumerate(self._mixture):
            mine = component == k
            V_phi[mine] = self._draw_rotation(rng, R[mine], row)
            _, sigma = self._ln_planar(R[mine], V_phi[mine], row)
            V_R[mine] = sigma * rng.normal(size=len(sigma))
        V_z = self._mixture[component, 2] * rng.normal(size=len(X))
        cosine, sine = X[:, 0] / R, X[:, 1] / R
        return np.stack([V_R * cosine + V_phi * sine, V_R * sine - V_phi * cosine, V_z], 1)

    def _draw_rotation(self, rng: np.random.Generator, R: PerStar, row: Float[np.ndarray, "5"]) -> PerStar:
        """V_φ at ``R`` of stars of one component, by rejection under a level that follows the peak: exact."""

        def ln_density(R: Any, V_phi: Any) -> Any:
            ln_planar, sigma = self._ln_planar(R, V_phi, row)
            return ln_planar + np.log(sigma)

        grid = self.R0 + self._reach * np.linspace(-1, 1, 201)
        speeds = np.linspace(0, FASTEST * self.v0, 2001)[1:]
        # Peaks between the nodes of so fine a table rise above it by less than the margin.
        level = np.interp(R, grid, ln_density(grid[:, None], speeds).max(1)) + 0.02
        V_phi = np.empty(len(R))
        waiting = np.arange(len(R))
        while len(waiting):
            V_phi[waiting] = FASTEST * self.v0 * (1 - rng.random(len(waiting)))
            height = ln_density(R[waiting], V_phi[waiting]) - level[waiting]
            waiting = waiting[np.log(rng.random(len(waiting))) >= height]
        return V_phi


def _clenshaw(series: Float[np.ndarray, " d"], u: Float[Array, ""]) -> Float[Array, ""]:
    """Value at ``u`` of a Chebyshev series."""
    later, latest = jnp.zeros_like(u), jnp.zeros_like(u)
    for coefficient in series[:0:-1]:
        later, latest = coefficient + 2 * u * later - latest, later
    return series[0] + u * later - latest
