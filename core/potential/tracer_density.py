"""The unknown density of the tracers: a linear basis for ln n(x), found together with Φ (PHYSICS 2 and 3).

Stars that were selected by place in an unknown way say nothing of n(x) by their numbers, but p(v|x) is theirs
unchanged, and stationarity ties n to the forces:

    R_c = (V - Ω×X) · [∂ln p/∂x + ∂ln n/∂x] - (∇Φ + Ω×V) · ∂ln p/∂v,   ln n(x) = Σ c_k b_k(x)

Everything is linear but the product of Ω_p and c_k, which is small: few stars' density changes much with azimuth.
"""

import itertools
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import PerStar, PhaseSpace, Positions
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.analytic import log_cosh
from core.potential.reference_frame import ReferenceFrame

DISC_DEGREE, SPHERE_DEGREE = 4, 3
"""Highest total degree of the polynomials."""

HEIGHTS = (0.2, 0.5, 1.0)
"""Scale heights h [kpc] of the ln cosh(z/h), which a polynomial of low degree cannot follow near the midplane."""

RUNGS = (0.3, 6.0, 6)
"""Smallest and largest scale of the ln(1 + r²/s²) of a sphere over the stars' median radius, and their number."""

_COLLINEAR = 1e-9
"""Directions of the basis with less than this share of the power of the strongest are left out."""

_CHUNK = 4096


class DiscTracers(NamedTuple):
    """Functions of (R - R0, R0 φ, z) about the Galactic axis: polynomials, and ln cosh(z/h) times quadratics."""

    axes: Float[Array, "3 3"]
    centre: Float[Array, "3"]
    R0: Float[Array, ""]


class SphereTracers(NamedTuple):
    """ln(1 + r²/s²) of several scales [kpc], and polynomials in x/√(r² + s²), which stay bounded far out."""

    centre: Float[Array, "3"]
    scale: Float[Array, " s"]


TracerBasis = DiscTracers | SphereTracers


def disc_tracers(sun: SolarPosition) -> DiscTracers:
    """The basis about the Galactic axis."""
    return DiscTracers(jnp.asarray(sun.axes), jnp.asarray(sun.centre), jnp.asarray(sun.R0))


def sphere_tracers(stars: Positions, centre: Float[np.ndarray, "3"]) -> SphereTracers:
    """The basis about ``centre``, as wide as the ``stars``."""
    typical = float(np.median(np.linalg.norm(stars - centre, axis=1)))
    return SphereTracers(jnp.asarray(centre), jnp.asarray(typical * np.geomspace(*RUNGS)))


def kinematic_centre(sample: ScoredSample) -> Float[np.ndarray, "3"]:
    """Where the gradients ∂ln p/∂x point to or from [kpc]: the centre of a sphere, wherever its stars in sight lie.

    (x - c) × ∂ln p/∂x = 0 in least squares, with products of the two halves where there are any: errors in squares
    would pull c to the mean of the stars.
    """
    x, score = sample.w[:, :3], sample.score[:, :, :3]
    halves = [score[sample.half == h] for h in (0, 1)]
    one, other = (s.mean(0).astype(float) for s in (halves if all(map(len, halves)) else (score, score)))
    power = np.sum(one**2 + other**2, 1)
    # Scores far beyond the rest, at the edge of f, are errors.
    one = np.where(power[:, None] < 100 * np.median(power), one, 0.0)
    across = np.einsum("ni,nj->nij", one, other)
    across = np.eye(3) * np.trace(across, axis1=1, axis2=2)[:, None, None] - (across + across.transpose(0, 2, 1)) / 2
    centre = np.linalg.lstsq(across.sum(0), np.einsum("nij,nj->i", across, x), rcond=None)[0]
    median = np.median(x, 0)
    reach = 3 * np.median(np.linalg.norm(x - median, axis=1))
    return centre if np.linalg.norm(centre - median) < reach else median


def functions(basis: TracerBasis, x: Float[Array, "3"]) -> Float[Array, " q"]:
    """b_k at one heliocentric position."""
    if isinstance(basis, SphereTracers):
        xi = x - basis.centre
        squared = jnp.dot(xi, xi)
        middle = basis.scale[basis.scale.shape[0] // 2]
        bounded = xi / jnp.sqrt(squared + middle**2)
        return jnp.concatenate([jnp.log1p(squared / basis.scale**2), _polynomials(bounded, SPHERE_DEGREE)])
    X = basis.axes @ (x - basis.centre)
    u = jnp.stack([jnp.hypot(X[0], X[1]) - basis.R0, basis.R0 * jnp.arctan2(X[1], -X[0]), X[2]])
    vertical = jnp.stack([log_cosh(u[2] / h) for h in HEIGHTS])
    planar = jnp.stack([jnp.ones_like(u[0]), u[0], u[1], u[0] ** 2, u[0] * u[1], u[1] ** 2])
    return jnp.concatenate([_polynomials(u, DISC_DEGREE), jnp.outer(vertical, planar).ravel()])


@lru_cache(maxsize=4)
def _exponents(degree: int) -> np.ndarray:
    return np.array([p for p in itertools.product(range(degree + 1), repeat=3) if 0 < sum(p) <= degree])


def _polynomials(u: Float[Array, "3"], degree: int) -> Float[Array, " p"]:
    """All monomials of degree 1 to ``degree``: a constant in ln n has no gradient."""
    powers = jnp.stack([jnp.ones_like(u), *(u**i for i in range(1, degree + 1))])
    e = _exponents(degree)
    return powers[e[:, 0], 0] * powers[e[:, 1], 1] * powers[e[:, 2], 2]


@dataclass(frozen=True)
class TracerDensity:
    """A fitted ln n(x), up to a constant."""

    basis: TracerBasis
    coefficients: Float[np.ndarray, " q"]

    def log_density(self, x: Positions) -> PerStar:
        """Σ c_k b_k at heliocentric positions."""
        return _at_points(_function_columns, self.basis, x) @ self.coefficients

    def gradient(self, x: Positions) -> Positions:
        """∂ln n/∂x [per kpc] on heliocentric axes."""
        return np.einsum("nqi,q->ni", _at_points(_gradient_columns, self.basis, x), self.coefficients)

    def joint(self, sample: ScoredSample) -> ScoredSample:
        """A conditional sample as one of f(x, v) = n(x) p(v|x), ln f up to a constant."""
        x, score = sample.w[:, :3], sample.score.copy()
        score[:, :, :3] += self.gradient(x)
        return replace(sample, log_df=sample.log_df + self.log_density(x), score=score, conditional=False)


@dataclass(frozen=True)
class TracerColumns:
    """Columns of ln n at points: V · ∇b and (axis × X) · ∇b of orthonormal mixtures ``mixing`` of the b_k.

    They hold no score, so they are free of noise and the same for all members.
    """

    basis: TracerBasis
    mixing: Float[np.ndarray, "q k"]
    streaming: Float[np.ndarray, "n k"]
    turning: Float[np.ndarray, "n k"]

    def density(self, coefficients: Float[np.ndarray, " k"]) -> TracerDensity:
        """ln n of coefficients of the mixtures."""
        return TracerDensity(self.basis, self.mixing @ coefficients)

    def left(
        self, one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "n d"], weights: PerStar
    ) -> Float[np.ndarray, " d"]:
        """1 - (what the columns imitate)/(all) of the product of each column in ``one`` with that in ``other``."""
        root = np.sqrt(weights, dtype=float)[:, None]
        orthonormal, _ = np.linalg.qr(root * self.streaming)
        imitated = (orthonormal.T @ (root * one)) * (orthonormal.T @ (root * other))
        return 1 - imitated.sum(0) / np.sum(root**2 * one * other, 0)


def tracer_columns(basis: TracerBasis, frame: ReferenceFrame, w: PhaseSpace) -> TracerColumns:
    """The columns at points ``w``.

    Neighbours in the basis are nearly collinear: mixed to unit power, a ridge weighs on all directions alike.
    """
    gradients = _at_points(_gradient_columns, basis, w[:, :3])
    streaming = np.einsum("nqi,ni->nq", gradients, w[:, 3:] + frame.velocity)
    turning = np.einsum("nqi,ni->nq", gradients, frame.circling(w[:, :3]))
    scale = np.sqrt(np.mean(streaming**2, 0)) + 1e-30
    power, vectors = np.linalg.eigh((streaming / scale).T @ (streaming / scale) / len(w))
    kept = power > _COLLINEAR * power[-1]
    mixing = vectors[:, kept] / np.sqrt(power[kept]) / scale[:, None]
    return TracerColumns(basis, mixing, (streaming @ mixing).astype(np.float32), (turning @ mixing).astype(np.float32))


_function_columns = jax.jit(jax.vmap(functions, in_axes=(None, 0)))
_gradient_columns = jax.jit(jax.vmap(jax.jacfwd(functions, argnums=1), in_axes=(None, 0)))


def _at_points(kernel: jax.stages.Wrapped, basis: TracerBasis, x: Positions) -> np.ndarray:
    """In double precision: mixtures of nearly collinear functions are differences of large numbers."""
    padded = np.concatenate([x, np.repeat(x[-1:], -len(x) % _CHUNK, axis=0)])
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), basis)
        parts = [kernel(wide, jnp.asarray(part, float)) for part in np.split(padded, len(padded) // _CHUNK)]
        return np.concatenate([np.asarray(part) for part in parts])[: len(x)]
