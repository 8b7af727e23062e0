"""``load(path)``: an exported potential as an agama ``Potential`` with the angular speed of its frame.

agama's axes are taken to be astropy's Galactocentric ones, so that the Galaxy turns with a negative speed about z;
units are set to kpc, km/s and Msun. agama calls back for Φ and differentiates it by itself. Its own expansions are no
help: beyond their last node they go on smoothly, where this fit knows nothing.

    import agama
    from core.export.agama import load

    potential, omega = load("phi.fits")
    orbit = agama.orbit(potential=potential, Omega=omega, ic=[X, Y, Z, VX, VY, VZ], time=0.008, trajsize=101)

Tested are the function that agama is given, its axes, units and the sign of Omega, with a stand-in that has the
documented constructor; agama itself is not. If a version of it wants another constructor,
``core.export.local_field.load(path).potential`` is the function, and ``.spin`` the speed.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from core.array_types import PerStar
from core.errors import InputError
from core.export import local_field


def load(path: str | Path) -> tuple[Any, float]:
    """The potential in a file of ``deep-potential export --to agama``, and ``Omega`` [km/s/kpc] about +z of its frame.

    Outside the fitted volume Φ is not a number, with a warning, because an error cannot cross agama's compiled code.
    InputError where agama is missing.
    """
    try:
        import agama
    except ImportError as error:
        raise InputError(
            "a potential for agama needs the package agama, which is not installed", remedy="Run: pip install agama."
        ) from error
    field = local_field.load(path)

    def potential(X: np.ndarray) -> PerStar:
        X = np.reshape(X, (-1, 3))
        inside = field.inside(X)
        if not inside.all():
            warnings.warn(f"outside the fitted volume, {field.region}, the potential is not a number", stacklevel=2)
        values = np.full(len(X), np.nan)
        values[inside] = field.potential(X[inside])
        return values

    agama.setUnits(mass=1, length=1, velocity=1)
    return agama.Potential(potential=potential, symmetry="none"), field.spin
