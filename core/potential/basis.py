"""The linear basis of the convex solver: elements of positive density, and harmonic polynomials for outside matter.

    Φ(x) = Σ c_k φ_k(x),  c_k ≥ 0 for sech² sheets, a uniform slab and Miyamoto–Nagai elements (with a = 0: Plummer
    spheres), c_k of either sign for solid harmonics, whose density is zero

so that ρ ≥ 0 everywhere by construction. Works in local coordinates ξ: Galactic axes with the Sun's projection on the
midplane as origin for a disc, the catalogue's own for a sphere. Spherical elements alone are wrong in a thin disc by
10 % in density even with perfect data; sheets and flattened pancakes are not (README, Decisions).
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Positions
from core.phase_space.solar_position import SolarPosition
from core.potential import analytic
from core.units import FOUR_PI_G, PC3_PER_KPC3

SHEET_HEIGHTS = (0.08, 0.12, 0.17, 0.24, 0.34, 0.5, 0.75, 1.1)
"""Scale heights [kpc] of the sheets of a disc basis."""

PANCAKE_LENGTH = 0.7
PANCAKE_HEIGHTS = (0.15, 0.3, 0.6)
"""Scale length a and heights b [kpc] of the local Miyamoto–Nagai elements."""

CONCENTRIC = 24
SCATTERED = 128
"""Numbers of Plummer elements of a sphere basis: about the centre, and at the places of stars."""


class Basis(NamedTuple):
    """Parameters of the elements [kpc]: a pytree of arrays, so that members of an ensemble may differ in them.

    ``axes`` and ``origin`` map heliocentric x to local ξ = axes · (x - origin); ``unit`` scales the harmonics.
    """

    axes: Float[Array, "3 3"]
    origin: Float[Array, "3"]
    sheet_height: Float[Array, " s"]
    centre: Float[Array, "e 3"]
    length: Float[Array, " e"]
    height: Float[Array, " e"]
    unit: Float[Array, ""]

    @property
    def positive(self) -> int:
        """Number of elements of positive density: sheets, the uniform slab, Miyamoto–Nagai elements."""
        return self.sheet_height.shape[-1] + 1 + self.length.shape[-1]


def columns(basis: Basis, degree: int, x: Float[Array, "3"]) -> Float[Array, " c"]:
    """φ_k [(km/s)²] at one heliocentric position: positive elements first, then the harmonics.

    A unit coefficient is 1 Msun/pc³ in the midplane of a sheet and in the uniform slab, 10⁹ Msun in a Miyamoto–Nagai
    element, and 1 (km/s)² at a distance of ``unit`` in a harmonic.
    """
    xi = basis.axes @ (x - basis.origin)
    sheets = jax.vmap(lambda h: analytic.sech2_sheet(xi, density=PC3_PER_KPC3, height=h))(basis.sheet_height)
    uniform = 0.5 * FOUR_PI_G * PC3_PER_KPC3 * xi[2:] ** 2
    elements = jax.vmap(lambda c, a, b: analytic.miyamoto_nagai(xi - c, mass=1e9, a=a, b=b))(
        basis.centre, basis.length, basis.height
    )
    return jnp.concatenate([sheets, uniform, elements, _harmonics(degree, xi / basis.unit)])


def densities(basis: Basis, x: Float[Array, "3"]) -> Float[Array, " p"]:
    """∇²φ_k/4πG [Msun/pc³] of the positive elements at one heliocentric position, in closed form.

    The harmonics have none, so a sum with coefficients ≥ 0 is exactly ≥ 0, which a numerical Laplacian is not.
    """
    xi = basis.axes @ (x - basis.origin)
    sheets = 1 / jnp.cosh(jnp.clip(xi[2] / basis.sheet_height, -300, 300)) ** 2
    d = xi[None] - basis.centre
    squared, zeta = d[:, 0] ** 2 + d[:, 1] ** 2, jnp.sqrt(d[:, 2] ** 2 + basis.height**2)
    a, wide = basis.length, basis.length + zeta
    # Miyamoto & Nagai 1975, eq. 5, for 10⁹ Msun.
    shape = (a * squared + (a + 3 * zeta) * wide**2) / ((squared + wide**2) ** 2.5 * zeta**3)
    elements = 1e9 * basis.height**2 * shape / (4 * jnp.pi * PC3_PER_KPC3)
    return jnp.concatenate([sheets, jnp.ones(1), elements])


class LinearState(NamedTuple):
    """A fitted member of the convex solver: a pytree."""

    basis: Basis
    coefficients: Float[Array, " c"]


@dataclass(frozen=True)
class LinearModel:
    """Φ = Σ c_k φ_k with harmonics up to ``degree``."""

    degree: int

    def potential(self, state: LinearState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ [(km/s)²] at a heliocentric position."""
        return jnp.dot(columns(state.basis, self.degree, x), state.coefficients)

    def density(self, state: LinearState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """ρ [Msun/pc³], in closed form."""
        return jnp.dot(densities(state.basis, x), state.coefficients[: state.basis.positive])


def disc_basis(sun: SolarPosition, rng: np.random.Generator | None) -> Basis:
    """Sheets, a uniform slab and 7 hexagonally placed pancakes of three heights about the Sun.

    ``rng`` turns and shifts the hexagon, for members of the potential-seed ensemble.
    """
    angle, shift = (0.0, np.zeros(2)) if rng is None else (rng.uniform(0, np.pi / 3), rng.uniform(-0.2, 0.2, 2))
    corners = angle + np.pi / 3 * np.arange(6)
    plane = np.concatenate([[[0.0, 0.0]], np.stack([np.cos(corners), np.sin(corners)], 1)]) + shift
    centre = np.concatenate([plane, np.zeros((7, 1))], 1)
    heights = np.tile(PANCAKE_HEIGHTS, 7)
    # The Sun's projection on the midplane: X = -R0 cos(tilt), Y = 0, Z = 0 in Galactocentric axes.
    origin = sun.centre + np.array([sun.galactocentric_position(np.zeros(3))[0], 0.0, 0.0]) @ sun.axes
    return Basis(
        axes=jnp.asarray(sun.axes),
        origin=jnp.asarray(origin),
        sheet_height=jnp.asarray(SHEET_HEIGHTS),
        centre=jnp.asarray(np.repeat(centre, 3, 0)),
        length=jnp.full(21, PANCAKE_LENGTH),
        height=jnp.asarray(heights),
        unit=jnp.asarray(1.0),
    )


def sphere_basis(stars: Positions, rng: np.random.Generator, centre: Float[np.ndarray, "3"] | None = None) -> Basis:
    """Plummer spheres about ``centre`` over a wide range of scales, and others scattered as the stars are.

    Without a ``centre`` it is the median star.
    """
    centre = np.median(stars, 0) if centre is None else centre
    radii = np.linalg.norm(stars - centre, axis=1)
    half_mass = float(np.median(radii))
    places = stars[rng.choice(np.flatnonzero(radii < 6 * half_mass), SCATTERED)]
    scales = np.exp(rng.uniform(np.log(0.4 * half_mass), np.log(3 * half_mass), SCATTERED))
    scales = np.maximum(scales, 0.25 * np.linalg.norm(places - centre, axis=1))
    rungs = half_mass * np.geomspace(0.15, 8.0, CONCENTRIC)
    return Basis(
        axes=jnp.eye(3),
        origin=jnp.zeros(3),
        sheet_height=jnp.zeros(0),
        centre=jnp.asarray(np.concatenate([np.tile(centre, (CONCENTRIC, 1)), places])),
        length=jnp.zeros(CONCENTRIC + SCATTERED),
        height=jnp.asarray(np.concatenate([rungs, scales])),
        unit=jnp.asarray(2 * half_mass),
    )


@lru_cache(maxsize=8)
def harmonic_polynomials(degree: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Solid harmonics of degree 1 … ``degree``: for each degree its monomials' exponents and the null space of ∇²."""
    result = []
    for order in range(1, degree + 1):
        powers = [p for p in itertools.product(range(order + 1), repeat=3) if sum(p) == order]
        lower = [p for p in itertools.product(range(order - 1), repeat=3) if sum(p) == order - 2]
        laplacian = np.zeros((max(len(lower), 1), len(powers)))
        for column, p in enumerate(powers):
            for axis in range(3):
                if p[axis] > 1:
                    image = tuple(q - 2 * (i == axis) for i, q in enumerate(p))
                    laplacian[lower.index(image), column] += p[axis] * (p[axis] - 1)
        _, singular, rows = np.linalg.svd(laplacian)
        result.append((np.array(powers), rows[int(np.sum(singular > 1e-9)) :]))
    return result


def _harmonics(degree: int, xi: Float[Array, "3"]) -> Float[Array, " h"]:
    """Orthonormal-coefficient solid harmonics of degree 1 to ``degree`` at ξ."""
    powers_of = jnp.stack([jnp.ones_like(xi), *(xi**i for i in range(1, degree + 1))])
    parts = [jnp.zeros(0, xi.dtype)]
    for powers, rows in harmonic_polynomials(degree):
        monomials = powers_of[powers[:, 0], 0] * powers_of[powers[:, 1], 1] * powers_of[powers[:, 2], 2]
        parts.append(jnp.asarray(rows, xi.dtype) @ monomials)
    return jnp.concatenate(parts)
