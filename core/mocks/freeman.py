"""The rotating harmonic system of Freeman (1966): exact, non-axisymmetric, its stars' rotation not the pattern's.

In Φ = ½ XᵀKX the motion on axes that turn with Ω is linear, q̇ = A q with A = [[W, 1], [−K, W]] and W the rotation by
Ω, so every Gaussian whose covariance solves A C + C Aᵀ = 0 is stationary. f is a mixture of them: the acceptance test
for the pattern speed (PHYSICS 6.2).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Labels, Positions
from core.errors import ConfigError
from core.mocks.disc import ExactDisc, mixture
from core.potential import analytic
from core.settings import setting

PLANE = [0, 1, 3, 4]
"""The planar part (X, Y, VX, VY) of q; the vertical motion is separate."""


@dataclass(frozen=True)
class FreemanSystem(ExactDisc):
    """Stars in a homogeneous rotating bar; ``components`` are [weight, s1, s2, sigma_z].

    s1 and s2 [kpc] are the amplitudes of the slow and the fast planar mode, the root mean square of X and Y.
    """

    name: ClassVar[str] = "freeman"
    potential_name: ClassVar[str] = "harmonic"

    pattern_speed: float = setting(20.0, "pattern speed", unit="km/s/kpc", low=0.0)
    a: float = setting(27.5, "frequency along the bar", unit="km/s/kpc", low=1e-3)
    b: float = setting(31.0, "frequency across the bar, in the plane", unit="km/s/kpc", low=1e-3)
    c: float = setting(70.0, "vertical frequency", unit="km/s/kpc", low=1e-3)
    bar_angle: float = setting(25.0, "azimuth of the bar from the Sun, with the rotation", unit="deg")
    components: str = setting(
        "[[0.9, 4.5, 0.62, 18], [0.1, 5, 0.95, 40]]", "mixture of [weight, s1, s2, sigma_z]", unit="kpc, km/s"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        mixture(self.components, ("s1", "s2", "sigma_z"))
        slow, fast = sorted((self.a, self.b))
        if slow == fast:
            raise ConfigError("a and b are equal: without a bar there is no pattern speed", remedy="Make them differ.")
        if slow <= self.pattern_speed <= fast:
            raise ConfigError(
                f"pattern_speed = {self.pattern_speed:g} lies between the axis frequencies {slow:g} and {fast:g}, "
                "where orbits are unstable",
                remedy=f"Choose it below {slow:g} or above {fast:g} km/s/kpc.",
            )

    @cached_property
    def frequencies(self) -> Float[np.ndarray, "3 3"]:
        """K [(km/s/kpc)²] on Galactocentric axes."""
        angle = np.deg2rad(self.bar_angle)
        along, across = (
            np.array([-np.cos(angle), np.sin(angle), 0]),
            np.array([np.sin(angle), np.cos(angle), 0]),
        )
        north = np.array([0.0, 0.0, 1.0])
        squares = ((self.a, along), (self.b, across), (self.c, north))
        return np.sum([f**2 * np.outer(axis, axis) for f, axis in squares], 0)

    @cached_property
    def covariances(self) -> Float[np.ndarray, "c 6 6"]:
        """Of (X, V) on Galactocentric axes, per component [kpc, km/s]."""
        W = self.pattern_speed * np.array([[0.0, -1.0], [1.0, 0.0]])
        A = np.block([[W, np.eye(2)], [-self.frequencies[:2, :2], W]])
        eigenvalues, vectors = np.linalg.eig(A)
        slow, fast = sorted(np.flatnonzero(eigenvalues.imag > 0), key=lambda k: eigenvalues[k].imag)
        modes = [vectors[:, k] / np.sqrt(np.mean(np.abs(vectors[:2, k]) ** 2)) for k in (slow, fast)]
        result = []
        for _, s1, s2, sigma_z in self._mixture:
            C = np.zeros((6, 6))
            C[np.ix_(PLANE, PLANE)] = sum(
                s**2 * np.outer(u, u.conj()).real for s, u in zip((s1, s2), modes, strict=True)
            )
            C[2, 2], C[5, 5] = (sigma_z / self.c) ** 2, sigma_z**2
            result.append(C)
        return np.stack(result)

    @cached_property
    def _mixture(self) -> Float[np.ndarray, "c 4"]:
        return mixture(self.components, ("s1", "s2", "sigma_z"))

    def _ln_gaussians(self, point: Float[Array, " d"], C: Float[np.ndarray, "c d d"]) -> Float[Array, " c"]:
        peak = np.log(self._mixture[:, 0]) - 0.5 * np.linalg.slogdet(2 * np.pi * C)[1]
        inverse = jnp.asarray(np.linalg.inv(C))
        return jnp.asarray(peak) - 0.5 * jax.vmap(lambda P: point @ P @ point)(inverse)

    def _ln_components_f(self, q: Float[Array, "6"]) -> Float[Array, " c"]:
        return self._ln_gaussians(q, self.covariances)

    def _ln_components_n(self, X: Float[Array, "3"]) -> Float[Array, " c"]:
        return self._ln_gaussians(X, self.covariances[:, :3, :3])

    def _draw_velocities(self, rng: np.random.Generator, X: Positions, component: Labels) -> Positions:
        C = self.covariances
        slope = C[:, 3:, :3] @ np.linalg.inv(C[:, :3, :3])
        spread = np.linalg.cholesky(C[:, 3:, 3:] - slope @ C[:, :3, 3:])[component]
        mean = np.einsum("nij,nj->ni", slope[component], X)
        return mean + np.einsum("nij,nj->ni", spread, rng.normal(size=X.shape))

    def _galactic_potential(self, X: Float[Array, "3"]) -> Float[Array, ""]:
        return analytic.harmonic(X, frequencies=jnp.asarray(self.frequencies))

    def potential_parameters(self) -> dict[str, Any]:
        return {"frequencies": self.frequencies.tolist()}
