"""Where the Sun is and how it moves: the only link between the heliocentric frame and the Galaxy (PHYSICS 1).

Heliocentric w = (x, y, z, vx, vy, vz) is astropy's ``Galactic`` frame in Cartesian form; the Galactocentric view uses
astropy's ``Galactocentric`` axes (Sun at negative X, rotation towards +Y, Z to the north Galactic pole), tilted by
asin(z0/R0) so that the Sun stands z0 above the plane.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from core.settings import setting


@dataclass(frozen=True)
class SolarPosition:
    """Position and velocity of the Sun in the Galaxy, with one-sigma errors.

    Defaults: R0 and z0 of GRAVITY Collaboration 2021 and Bennett & Bovy 2019, the velocity as in Kalda & Green 2025.
    """

    R0: float = setting(8.277, "distance of the Galactic centre", unit="kpc", low=1.0, high=20.0)
    z0: float = setting(0.0208, "height of the Sun above the plane", unit="kpc", low=-0.5, high=0.5)
    u: float = setting(9.3, "Galactocentric velocity of the Sun, towards the centre", unit="km/s")
    v: float = setting(251.5, "Galactocentric velocity of the Sun, with the rotation", unit="km/s")
    w: float = setting(8.59, "Galactocentric velocity of the Sun, to the north", unit="km/s")
    R0_error: float = setting(0.03, "error of R0", unit="kpc", low=0.0)
    z0_error: float = setting(0.0003, "error of z0", unit="kpc", low=0.0)
    u_error: float = setting(1.3, "error of u", unit="km/s", low=0.0)
    v_error: float = setting(1.0, "error of v", unit="km/s", low=0.0)
    w_error: float = setting(0.28, "error of w", unit="km/s", low=0.0)

    def drawn(self, rng: np.random.Generator) -> "SolarPosition":
        """A position and velocity drawn within the errors (PHYSICS 4, number 5); the errors stay."""
        names = ("R0", "z0", "u", "v", "w")
        return replace(self, **{n: float(rng.normal(getattr(self, n), getattr(self, f"{n}_error"))) for n in names})

    @property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Rows are the Galactocentric unit vectors in heliocentric components."""
        sine = self.z0 / self.R0
        cosine = np.sqrt(1 - sine**2)
        return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])

    @property
    def centre(self) -> Float[np.ndarray, "3"]:
        """The Galactic centre in heliocentric coordinates [kpc]."""
        return np.array([self.R0, 0.0, 0.0])

    @property
    def velocity(self) -> Float[np.ndarray, "3"]:
        """Galactocentric velocity of the Sun on Galactocentric axes [km/s]."""
        return np.array([self.u, self.v, self.w])

    def galactocentric_position(self, x: Float[Any, "*n 3"]) -> Float[Any, "*n 3"]:
        """Position on Galactocentric axes [kpc] of a heliocentric position; numpy and JAX alike."""
        return (x - self.centre) @ self.axes.T

    def galactocentric_velocity(self, v: Float[Any, "*n 3"]) -> Float[Any, "*n 3"]:
        """Inertial velocity on Galactocentric axes [km/s] of a heliocentric velocity; numpy and JAX alike."""
        return v @ self.axes.T + self.velocity

    def to_galactocentric(self, w: Float[np.ndarray, "*n 6"]) -> Float[np.ndarray, "*n 6"]:
        """Position [kpc] and inertial velocity [km/s] on Galactocentric axes."""
        return np.concatenate([self.galactocentric_position(w[..., :3]), self.galactocentric_velocity(w[..., 3:])], -1)

    def to_heliocentric(self, w: Float[np.ndarray, "*n 6"]) -> Float[np.ndarray, "*n 6"]:
        """Inverse of :meth:`to_galactocentric`."""
        return np.concatenate([w[..., :3] @ self.axes + self.centre, (w[..., 3:] - self.velocity) @ self.axes], -1)
