"""Draws every star anew within its errors: the observational-noise pipeline (PHYSICS 4, number 1).

The five astrometric parameters are a Gaussian with Gaia's covariance matrix, the radial velocity (and a
distance from a column) an independent Gaussian. What the catalogue does not give is taken as follows: a
missing correlation is 0; a missing error of one star leaves that value of that star as measured; a
correlation matrix that is not positive definite is replaced by the one with its negative eigenvalues set to
zero, errors unchanged.
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np
from jaxtyping import Bool, Float

from core.array_types import PerStar, PhaseSpace
from core.catalog.astrometry import phase_space_of
from core.catalog.quantities import ASTROMETRY
from core.errors import CatalogError

Correlation = Float[np.ndarray, "n 5 5"]

_BLOCK = 1 << 17
_MAS_PER_DEG = 3.6e6
_SMALLEST_PIVOT = 1e-10
_BISECTIONS = 20


def resample(rng: np.random.Generator, columns: Mapping[str, np.ndarray]) -> PhaseSpace:
    """One draw of every star within its errors: float32 w [kpc, km/s].

    ``columns`` are those of a catalogue (units of :mod:`core.catalog.quantities`; the parallax free of its
    zero-point). With a column ``distance`` the distance is drawn from it, else from the parallax, which
    stays positive: a draw at or below zero is repeated. Raises CatalogError naming the first column that is
    needed and absent.
    """
    uses_distance = "distance" in columns
    _check(columns, "distance" if uses_distance else "parallax")
    w = np.empty((len(columns["ra"]), 6), np.float32)
    for start in range(0, len(w), _BLOCK):
        rows = slice(start, start + _BLOCK)
        w[rows] = _resample_block(rng, {k: np.asarray(v[rows], float) for k, v in columns.items()}, uses_distance)
    return w


def mirrored_inside(
    measured: PhaseSpace, drawn: PhaseSpace, inside: Callable[[PhaseSpace], Bool[np.ndarray, "n"]]
) -> PhaseSpace:
    """Draws with those that leave the volume mirrored at the point where their way from ``measured`` leaves it.

    Stars beyond the volume are not known, so that none can come in. Without what they bring the density falls to a
    half at the edge, over the length of an error, and a smooth n(x) bends everywhere. A mirrored star stands for one
    that comes in, as many as go out where the density hardly changes over an error. One that is outside still is
    left as measured.
    """
    left = np.flatnonzero(~inside(drawn))
    left = left[inside(measured[left])]
    start, step = measured[left].astype(float), drawn[left].astype(float) - measured[left]
    crossing, width = np.zeros((len(left), 1)), 1.0
    for _ in range(_BISECTIONS):
        width /= 2
        crossing += width * inside(start + (crossing + width) * step)[:, None]
    found = np.array(drawn)
    found[left] = start + (2 * crossing - 1) * step
    lost = left[~inside(found[left])]
    found[lost] = measured[lost]
    return found


def lacking_errors(columns: Collection[str]) -> str | None:
    """The first column without which stars cannot be drawn within their errors; None where all are there."""
    return next((name for name in _needed(columns) if name not in columns), None)


def _needed(columns: Collection[str]) -> list[str]:
    measured = ["pmra", "pmdec", "radial_velocity", "distance" if "distance" in columns else "parallax"]
    return ["ra", "dec", *measured, *(f"{name}_error" for name in measured)]


def _check(columns: Mapping[str, np.ndarray], depth: str) -> None:
    """CatalogError unless there are coordinates, errors and a positive ``depth`` (parallax or distance)."""
    for name in _needed(columns):
        if name not in columns or not np.isfinite(columns[name]).any():
            raise CatalogError(
                "the stars cannot be drawn within their errors without it",
                column=name,
                remedy="Ingest a table that has it, or leave out the observational-noise pipeline.",
            )
    if not np.all(columns[depth] > 0):
        raise CatalogError("not every value is above 0", column=depth, remedy="Ingest the table, which removes them.")


def _resample_block(rng: np.random.Generator, columns: Mapping[str, np.ndarray], uses_distance: bool) -> PhaseSpace:
    factor = cholesky_factor(correlation_matrix(columns))
    errors = np.stack([_error(columns, name) for name in ASTROMETRY], 1)
    offsets = _offsets(rng, factor, errors)
    if uses_distance:
        distance = _positive_normal(rng, columns["distance"], _error(columns, "distance"))
    else:
        below = columns["parallax"] + offsets[:, 2] <= 0
        while below.any():  # ends: the measured parallax is positive, so every draw is with a chance above one half
            offsets[below] = _offsets(rng, factor[below], errors[below])
            below[below] = columns["parallax"][below] + offsets[below, 2] <= 0
        distance = 1 / (columns["parallax"] + offsets[:, 2])
    # Gaia's error of ra is that of ra cos dec; a milliarcsecond from a pole the direction does not matter.
    cos_dec = np.maximum(np.cos(np.radians(columns["dec"])), 1e-9)
    return phase_space_of(
        columns["ra"] + offsets[:, 0] / (_MAS_PER_DEG * cos_dec),
        columns["dec"] + offsets[:, 1] / _MAS_PER_DEG,
        distance,
        columns["pmra"] + offsets[:, 3],
        columns["pmdec"] + offsets[:, 4],
        columns["radial_velocity"] + _error(columns, "radial_velocity") * rng.standard_normal(len(distance)),
    )


def _error(columns: Mapping[str, np.ndarray], name: str) -> PerStar:
    error = columns.get(f"{name}_error")
    return np.zeros(len(columns["ra"])) if error is None else np.nan_to_num(error, nan=0.0)


def _offsets(
    rng: np.random.Generator, factor: Correlation, errors: Float[np.ndarray, "n 5"]
) -> Float[np.ndarray, "n 5"]:
    return errors * np.einsum("nij,nj->ni", factor, rng.standard_normal(errors.shape))


def _positive_normal(rng: np.random.Generator, mean: PerStar, error: PerStar) -> PerStar:
    drawn = mean + error * rng.standard_normal(len(mean))
    while (below := drawn <= 0).any():
        drawn[below] = mean[below] + error[below] * rng.standard_normal(int(below.sum()))
    return drawn


def correlation_matrix(columns: Mapping[str, np.ndarray]) -> Correlation:
    """The correlations of (ra, dec, parallax, pmra, pmdec) of every star; those that are missing are 0."""
    matrix = np.tile(np.eye(5), (len(columns["ra"]), 1, 1))
    for i, a in enumerate(ASTROMETRY):
        for j, b in enumerate(ASTROMETRY[:i]):
            values = columns.get(f"{b}_{a}_corr")
            if values is not None:
                matrix[:, i, j] = matrix[:, j, i] = np.nan_to_num(np.asarray(values, float), nan=0.0)
    return matrix


def cholesky_factor(matrix: Correlation) -> Correlation:
    """L with L Lᵀ the matrix, which loses its negative part where it is not positive definite."""
    factor = np.zeros_like(matrix)
    regular = np.ones(len(matrix), bool)
    for j in range(5):
        pivot = matrix[:, j, j] - np.sum(factor[:, j, :j] ** 2, 1)
        regular &= pivot > _SMALLEST_PIVOT
        factor[:, j, j] = np.sqrt(np.maximum(pivot, _SMALLEST_PIVOT))
        for i in range(j + 1, 5):
            rest = matrix[:, i, j] - np.sum(factor[:, i, :j] * factor[:, j, :j], 1)
            factor[:, i, j] = rest / factor[:, j, j]
    if not regular.all():
        values, vectors = np.linalg.eigh(matrix[~regular])
        root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        # rows of unit length keep the errors themselves
        factor[~regular] = root / np.linalg.norm(root, axis=2, keepdims=True)
    return factor
