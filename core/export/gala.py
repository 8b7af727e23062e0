"""``load(path)``: an exported potential as a gala ``Hamiltonian``, in the frame that turns with its pattern.

gala's axes are astropy's Galactocentric ones, where the Galaxy turns clockwise: the frame has Ω = (0, 0, -Ω_p). As in
any rotating frame of gala, velocities are inertial ones on the turning axes.

    from core.export.gala import load

    hamiltonian = load("phi.fits")                              # .potential, .frame
    orbit = hamiltonian.integrate_orbit(w0, dt=0.1 * u.Myr, n_steps=200)

Of a run in an inertial frame the axes are the catalogue's, and the frame is static.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.export import local_field
from core.units import GYR_PER_KPC_KM_S, PC3_PER_KPC3

_PER_MYR = 1e-3 / GYR_PER_KPC_KM_S
"""1 km/s/kpc in rad/Myr, and 1 km/s in kpc/Myr."""


def load(path: str | Path) -> Any:
    """The potential in a file of ``deep-potential export --to gala`` and its frame, in gala's ``galactic`` units.

    InputError where gala is missing, and at every position outside the fitted volume.
    """
    LocalPotential = _potential_class()
    import astropy.units as u
    import gala.potential as gp
    from gala.units import galactic

    field = local_field.load(path)
    potential = LocalPotential(field, units=galactic)
    if not field.rotates:
        return gp.Hamiltonian(potential, gp.StaticFrame(units=galactic))
    spin = np.array([0.0, 0.0, field.spin]) * u.km / u.s / u.kpc
    # Frames take angular speeds as rad per time, which a bare km/s/kpc is not.
    return gp.Hamiltonian(potential, gp.ConstantRotatingFrame(spin.to(1 / u.Myr) * u.rad, units=galactic))


@lru_cache(maxsize=1)
def _potential_class() -> Any:
    """The subclass of gala's PotentialBase, made when it is first needed: gala is optional."""
    try:
        from gala.potential import PotentialBase
    except ImportError as error:
        raise InputError(
            "a potential for gala needs the package gala, which is not installed", remedy="Run: pip install gala."
        ) from error

    class LocalPotential(PotentialBase):
        """Φ of a fit about the Sun; gala asks for its gradient with positions (3, n), for all else with (n, 3)."""

        ndim = 3

        def __init__(self, field: local_field.LocalField, units: Any):
            super().__init__(units=units)
            self.field = field

        def _energy(self, q: np.ndarray, t: Any = 0.0) -> np.ndarray:
            return self.field.potential(q) * _PER_MYR**2

        def _gradient(self, q: np.ndarray, t: Any = 0.0) -> np.ndarray:
            return -self.field.acceleration(q.T).T * _PER_MYR**2

        def _density(self, q: np.ndarray, t: Any = 0.0) -> np.ndarray:
            return self.field.density(q) * PC3_PER_KPC3

    return LocalPotential
