"""``load(path)``: an exported potential as a galpy ``Potential``.

galpy's Galactocentric frame is left-handed: the Sun stands at φ = 0 and φ grows in the direction of Galactic rotation,
so that a position (R, φ, z) is (-R cos φ, R sin φ, z) on astropy's axes, and the pattern turns with +Ω_p:

    from galpy.potential import SolidBodyRotationWrapperPotential
    from core.export.galpy import load

    potential = load("phi.fits")                                # Φ at t = 0
    turning = SolidBodyRotationWrapperPotential(pot=potential, omega=potential.pattern_speed * u.km / u.s / u.kpc)

Of a run in an inertial frame (R, φ, z) is plainly (R cos φ, R sin φ, z), and nothing turns.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.export import local_field
from core.export.local_field import LocalField

_UNIT = 8.0, 220.0
"""galpy's usual units of length [kpc] and velocity [km/s], where there is no Sun to give them."""


def load(path: str | Path) -> Any:
    """The potential in a file of ``deep-potential export --to galpy``, with physical units switched on.

    ``ro`` is R0 and ``vo`` the circular velocity at the Sun, both of the run. ``pattern_speed`` [km/s/kpc] is None in
    an inertial frame. InputError where galpy is missing, and at every position outside the fitted volume.
    """
    potential = _potential_class()
    field = local_field.load(path)
    return potential(field, *(_solar_unit(field) if field.rotates else _UNIT))


def _solar_unit(field: LocalField) -> tuple[float, float]:
    sun = field.sun.galactocentric_position(np.zeros((1, 3)))
    if not field.inside(sun)[0]:
        return field.sun.R0, _UNIT[1]
    inward = field.acceleration(sun)[0, 0]
    return field.sun.R0, float(np.sqrt(field.sun.R0 * inward)) if inward > 0 else _UNIT[1]


@lru_cache(maxsize=1)
def _potential_class() -> Any:
    """The subclass of galpy's Potential, made when it is first needed: galpy is optional."""
    try:
        from galpy.potential import Potential
        from galpy.util.conversion import dens_in_msolpc3
    except ImportError as error:
        raise InputError(
            "a potential for galpy needs the package galpy, which is not installed", remedy="Run: pip install galpy."
        ) from error

    class LocalPotential(Potential):
        """Φ of a fit about the Sun; arguments and values of the methods with an underscore are in units of ro and vo.

        As in galpy, R, z and φ are single numbers or arrays of one shape.
        """

        def __init__(self, field: LocalField, ro: float, vo: float):
            Potential.__init__(self, ro=ro, vo=vo)
            self.field, self.pattern_speed = field, field.pattern_speed
            self.isNonAxi = True
            self._side = -1.0 if field.rotates else 1.0
            self._density_unit = dens_in_msolpc3(vo, ro)

        def _evaluate(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:
            return self._at(R, z, phi, lambda X, c, s: self.field.potential(X)) / self._vo**2

        def _Rforce(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:
            return self._force(R, z, phi, lambda a, c, s: self._side * c * a[:, 0] + s * a[:, 1])

        def _phitorque(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:
            return R * self._force(R, z, phi, lambda a, c, s: -self._side * s * a[:, 0] + c * a[:, 1])

        def _zforce(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:
            return self._force(R, z, phi, lambda a, c, s: a[:, 2])

        def _dens(self, R: Any, z: Any, phi: Any = 0.0, t: Any = 0.0) -> Any:
            return self._at(R, z, phi, lambda X, c, s: self.field.density(X)) / self._density_unit

        def _force(self, R: Any, z: Any, phi: Any, component: Any) -> Any:
            unit = self._vo**2 / self._ro
            return self._at(R, z, phi, lambda X, c, s: component(self.field.acceleration(X), c, s)) / unit

        def _at(self, R: Any, z: Any, phi: Any, value: Any) -> Any:
            R, z, phi = np.broadcast_arrays(*(np.asarray(v, float) for v in (R, z, phi)))
            r, c, s = self._ro * R.ravel(), np.cos(phi.ravel()), np.sin(phi.ravel())
            X = np.stack([self._side * r * c, r * s, self._ro * z.ravel()], 1)
            result = value(X, c, s).reshape(R.shape)
            return result if R.shape else float(result)

    return LocalPotential
