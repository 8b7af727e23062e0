"""Sky to phase space and back (PHYSICS 1): heliocentric Galactic Cartesian w, astropy's ``Galactic`` frame.

With the unit vectors r̂ (to the star), p̂ (east) and q̂ (north) in ICRS and M the rotation to Galactic
axes, x = M d r̂ and v = M (v_r r̂ + k d (μ_α* p̂ + μ_δ q̂)), k = 4.74047 km/s per mas/yr kpc. No solar
parameter enters.
"""

from functools import cache

import astropy.units as u
import numpy as np
from astropy.coordinates import ICRS, CartesianRepresentation, Galactic
from jaxtyping import Float

from core.array_types import PerStar, PhaseSpace
from core.units import KM_S_PER_MAS_YR_KPC


@cache
def galactic_axes() -> Float[np.ndarray, "3 3"]:
    """The rotation M from ICRS to Galactic axes, as astropy does it."""
    basis = ICRS(CartesianRepresentation(np.eye(3) * u.dimensionless_unscaled))
    return np.asarray(basis.transform_to(Galactic()).cartesian.xyz.value)


def _unit_vectors(ra: PerStar, dec: PerStar) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """r̂, p̂ and q̂ in Galactic components, each (n, 3)."""
    a, d = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    sin_a, cos_a, sin_d, cos_d = np.sin(a), np.cos(a), np.sin(d), np.cos(d)
    radial = np.stack([cos_d * cos_a, cos_d * sin_a, sin_d], 1)
    east = np.stack([-sin_a, cos_a, np.zeros_like(a)], 1)
    north = np.stack([-sin_d * cos_a, -sin_d * sin_a, cos_d], 1)
    to_galactic = galactic_axes().T
    return radial @ to_galactic, east @ to_galactic, north @ to_galactic


def phase_space_of(
    ra: PerStar, dec: PerStar, distance: PerStar, pmra: PerStar, pmdec: PerStar, radial_velocity: PerStar
) -> PhaseSpace:
    """Heliocentric w [kpc, km/s] of stars at ``ra``, ``dec`` [deg] and ``distance`` [kpc].

    Proper motions in mas/yr (``pmra`` includes cos dec), radial velocity in km/s.
    """
    radial, east, north = _unit_vectors(ra, dec)
    transverse = KM_S_PER_MAS_YR_KPC * np.asarray(distance, float)
    velocity = (
        radial * np.asarray(radial_velocity, float)[:, None]
        + east * (transverse * pmra)[:, None]
        + north * (transverse * pmdec)[:, None]
    )
    return np.concatenate([radial * np.asarray(distance, float)[:, None], velocity], 1)


def observables_of(w: PhaseSpace) -> dict[str, PerStar]:
    """What would be observed of stars at heliocentric ``w``: the inverse of :func:`phase_space_of`.

    Keys: ra in [0, 360) and dec [deg], distance [kpc], parallax [mas], pmra (with cos dec) and pmdec
    [mas/yr], radial_velocity [km/s]. A star at the Sun itself has no direction.
    """
    w = np.asarray(w, float)
    distance = np.linalg.norm(w[:, :3], axis=1)
    icrs = w[:, :3] @ galactic_axes()
    ra = np.mod(np.degrees(np.arctan2(icrs[:, 1], icrs[:, 0])), 360.0)
    ra[ra == 360.0] = 0.0  # what mod makes of an angle just below zero
    dec = np.degrees(np.arctan2(icrs[:, 2], np.hypot(icrs[:, 0], icrs[:, 1])))
    radial, east, north = _unit_vectors(ra, dec)
    transverse = KM_S_PER_MAS_YR_KPC * distance
    return {
        "ra": ra,
        "dec": dec,
        "distance": distance,
        "parallax": 1 / distance,
        "pmra": np.sum(w[:, 3:] * east, 1) / transverse,
        "pmdec": np.sum(w[:, 3:] * north, 1) / transverse,
        "radial_velocity": np.sum(w[:, 3:] * radial, 1),
    }
