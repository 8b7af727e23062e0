"""Is a recording of test particles in a steady state? Its first half against its second.

Stacking f over a time T leaves the residual [f(t1) − f(t0)]/T in the Boltzmann equation, so a drift between the halves
is what would spoil the truth of a mock.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.array_types import Labels, Mask, PerStar, PhaseSpace

TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Stationarity:
    """χ² per degree of freedom of early minus late, about 1 for a steady state, and the worst single deviation in σ.

    ``chi2_per_dof`` is None where there are too few orbits to say.
    """

    chi2_per_dof: float | None
    dof: int
    worst: float
    orbits: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``truth.json``."""
        return asdict(self)


def early_against_late(w: PhaseSpace, orbit: Labels, late: Mask) -> Stationarity:
    """Moments of heliocentric ``w`` in four quadrants, compared between stars recorded early and ``late``.

    Both halves last equally long. Errors come from orbit to orbit: records of one orbit are not independent.
    """
    _, index = np.unique(orbit, return_inverse=True)
    sign = np.where(late, 1.0, -1.0)
    differences = np.stack([np.bincount(index, sign * moment) for moment in _moments(w)], 1)
    total, covariance = differences.sum(0), differences.T @ differences
    dof = int(np.linalg.matrix_rank(covariance, hermitian=True))
    orbits = len(differences)
    # Hotelling's factor: the covariance is estimated from the same orbits.
    chi2 = total @ np.linalg.pinv(covariance, hermitian=True) @ total * (orbits - dof) / orbits
    deviations = total / np.sqrt(np.maximum(np.diag(covariance), TINY))
    return Stationarity(
        chi2_per_dof=float(chi2 / dof) if orbits > 2 * dof else None,
        dof=dof,
        worst=float(np.abs(deviations).max()),
        orbits=orbits,
    )


def _moments(w: PhaseSpace) -> Iterator[PerStar]:
    """Per quadrant of x and y: number, mean motion, dispersions and tilt of the velocities, |z|."""
    x, y, z = w[:, :3].T
    v = (w[:, 3:] - w[:, 3:].mean(0)) / np.maximum(w[:, 3:].std(0), TINY)
    per_star = [np.ones(len(w)), *v.T, *(v**2).T, v[:, 0] * v[:, 1], np.abs(z) / np.abs(z).mean()]
    quadrants = [(x > 0) & (y > 0), (x > 0) & (y <= 0), (x <= 0) & (y > 0), (x <= 0) & (y <= 0)]
    return (np.where(quadrant, moment, 0.0) for quadrant in quadrants for moment in per_star)
