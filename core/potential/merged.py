"""Members of the convex solver as one sum with many coefficients: an element that several of them use is computed once.

    Φ_k(x) = Σ_e C_ke φ_e(ξ) + P_k(ξ / unit),   ξ = axes · (x - origin)

Non-negative least squares leaves most coefficients zero and members have their sheets in common, so that all eight of a
run hold hardly more elements than two of them would in full. The uniform slab and the harmonics of a member add up to
one polynomial P_k, whose gradient is known beforehand.
"""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core import units
from core.potential import analytic
from core.potential.basis import LinearState, harmonic_polynomials

_SHEETS, _DISCS, _MEMBERS = 4, 64, 8
"""Sheets, Miyamoto–Nagai elements and members are filled up to multiples of these: few shapes are compiled."""

_MASS = 1e9
"""Of an element with a coefficient of one [Msun], as in the basis."""

_SHEET = units.FOUR_PI_G * units.PC3_PER_KPC3
"""4πG ρ0 of a sheet with a coefficient of one [(km/s/kpc)²]."""


class MergedMembers(NamedTuple):
    """Eight members: a pytree.

    ``heights`` [kpc] are those of the sheets, ``discs`` centre (3), a and b [kpc] of every Miyamoto–Nagai element;
    ``polynomial`` and ``slope`` are what multiplies the monomials in P and in its derivatives.
    """

    axes: Float[Array, "3 3"]
    origin: Float[Array, "3"]
    unit: Float[Array, ""]
    heights: Float[Array, " s"]
    of_sheets: Float[Array, "k s"]
    discs: Float[Array, "e 5"]
    of_discs: Float[Array, "k e"]
    uniform: Float[Array, " k"]
    polynomial: Float[Array, "k p"]
    slope: Float[Array, "3 k p"]


def merged(states: LinearState, degree: int) -> list[MergedMembers] | None:
    """The members in groups of eight, the last filled up with zeros; None where they differ in axes, origin or unit."""
    basis = {name: np.asarray(part, float) for name, part in states.basis._asdict().items()}
    if any(np.any(part != part[0]) for part in (basis[name] for name in ("axes", "origin", "unit"))):
        return None
    coefficients = np.asarray(states.coefficients, float)
    groups = [slice(first, first + _MEMBERS) for first in range(0, len(coefficients), _MEMBERS)]
    return [_merged({n: part[group] for n, part in basis.items()}, coefficients[group], degree) for group in groups]


def _merged(
    basis: Mapping[str, Float[np.ndarray, "k ..."]], coefficients: Float[np.ndarray, "k c"], degree: int
) -> MergedMembers:
    sheets, discs = basis["sheet_height"].shape[1], basis["length"].shape[1]
    of_sheets, uniform, of_discs, of_harmonics = np.split(
        coefficients, [sheets, sheets + 1, sheets + 1 + discs], axis=1
    )
    shapes = np.concatenate([basis["centre"], basis["length"][..., None], basis["height"][..., None]], -1)
    heights, of_sheets = _distinct(basis["sheet_height"][..., None], of_sheets, _SHEETS)
    shapes, of_discs = _distinct(shapes, of_discs, _DISCS)
    unit, powers = basis["unit"][0], _powers(degree)
    polynomial = of_harmonics @ _harmonics(degree)
    polynomial[:, powers.index((0, 0, 2))] += 0.5 * _SHEET * unit**2 * uniform[:, 0]
    parts = {
        "axes": basis["axes"][0],
        "origin": basis["origin"][0],
        "unit": unit,
        "heights": heights[:, 0],
        "of_sheets": _filled(of_sheets),
        "discs": shapes,
        "of_discs": _filled(of_discs),
        "uniform": _filled(uniform)[:, 0],
        "polynomial": _filled(polynomial),
        "slope": np.stack([_filled(polynomial @ derivative) / unit for derivative in _derivatives(degree)]),
    }
    return MergedMembers(**{name: jnp.asarray(part) for name, part in parts.items()})


def _distinct(
    shapes: Float[np.ndarray, "k e q"], coefficients: Float[np.ndarray, "k e"], multiple: int
) -> tuple[Float[np.ndarray, "d q"], Float[np.ndarray, "k d"]]:
    """The elements that any member uses, each once, filled up with unused ones; and their coefficients."""
    member, element = np.nonzero(coefficients)
    found, which = np.unique(shapes[member, element], axis=0, return_inverse=True)
    count = max(len(found) + -len(found) % multiple, multiple)
    distinct = np.ones((count, shapes.shape[2]))
    distinct[: len(found)] = found
    shares = np.zeros((len(coefficients), count))
    np.add.at(shares, (member, which.ravel()), coefficients[member, element])
    return distinct, shares


def _filled(rows: Float[np.ndarray, "k q"]) -> Float[np.ndarray, "m q"]:
    return np.concatenate([rows, np.zeros((_MEMBERS - len(rows), rows.shape[1]))])


def _powers(degree: int) -> list[tuple[int, ...]]:
    """Exponents of all monomials up to ``degree``, and of z² for the uniform slab."""
    up_to = max(degree, 2)
    return [p for p in itertools.product(range(up_to + 1), repeat=3) if sum(p) <= up_to]


def _harmonics(degree: int) -> Float[np.ndarray, "h p"]:
    """The harmonics as sums of monomials."""
    powers = _powers(degree)
    rows = [np.zeros((0, len(powers)))]
    for of_order, harmonics in harmonic_polynomials(degree):
        order = np.zeros((len(harmonics), len(powers)))
        order[:, [powers.index(tuple(p)) for p in of_order]] = harmonics
        rows.append(order)
    return np.concatenate(rows)


def _derivatives(degree: int) -> Float[np.ndarray, "3 p p"]:
    """∂/∂ξ_i of every monomial as a sum of monomials."""
    powers = _powers(degree)
    found = np.zeros((3, len(powers), len(powers)))
    for row, p in enumerate(powers):
        for axis in range(3):
            if p[axis]:
                lower = tuple(q - (i == axis) for i, q in enumerate(p))
                found[axis, row, powers.index(lower)] = p[axis]
    return found


def potential(members: MergedMembers, degree: int, x: Float[Array, "3"]) -> Float[Array, " k"]:
    """Φ [(km/s)²] of every member at one heliocentric position."""
    xi, d, _, wide = _local(members, x)
    sheets = _SHEET * members.heights**2 * jax.vmap(analytic.log_cosh)(xi[2] / members.heights)
    discs = -units.G * _MASS / jnp.sqrt(d[:, 0] ** 2 + d[:, 1] ** 2 + wide**2)
    return members.of_sheets @ sheets + members.of_discs @ discs + members.polynomial @ _monomials(members, degree, xi)


def acceleration(members: MergedMembers, degree: int, x: Float[Array, "3"]) -> Float[Array, "k 3"]:
    """-∇Φ [(km/s)²/kpc] of every member, on heliocentric axes."""
    xi, d, zeta, wide = _local(members, x)
    fall = jnp.exp(-2 * jnp.abs(xi[2]) / members.heights)  # many times as fast as a tanh in double precision
    sheets = _SHEET * members.heights * jnp.sign(xi[2]) * (1 - fall) / (1 + fall)
    squared = d[:, 0] ** 2 + d[:, 1] ** 2 + wide**2
    pull = units.G * _MASS / (squared * jnp.sqrt(squared))
    monomials = _monomials(members, degree, xi)
    discs = (pull * d[:, 0], pull * d[:, 1], pull * d[:, 2] * wide / zeta)
    gradient = [members.of_discs @ disc + slope @ monomials for disc, slope in zip(discs, members.slope, strict=True)]
    gradient[2] += members.of_sheets @ sheets
    return -jnp.stack(gradient, -1) @ members.axes


def density(members: MergedMembers, degree: int, x: Float[Array, "3"]) -> Float[Array, " k"]:
    """ρ [Msun/pc³] of every member; as in the basis exactly ≥ 0 where no coefficient of an element is negative."""
    xi, d, zeta, wide = _local(members, x)
    fall = jnp.exp(-2 * jnp.abs(xi[2]) / members.heights)
    sheets = 4 * fall / (1 + fall) ** 2
    a, b = members.discs[:, 3], members.discs[:, 4]
    flat = d[:, 0] ** 2 + d[:, 1] ** 2
    squared = flat + wide**2
    # Miyamoto & Nagai 1975, eq. 5; a power of 5/2 costs ten times as much as its factors.
    shape = (a * flat + (a + 3 * zeta) * wide**2) / (squared**2 * jnp.sqrt(squared) * zeta**3)
    discs = _MASS * b**2 * shape / (4 * jnp.pi * units.PC3_PER_KPC3)
    return members.of_sheets @ sheets + members.uniform + members.of_discs @ discs


def _local(
    members: MergedMembers, x: Float[Array, "3"]
) -> tuple[Float[Array, "3"], Float[Array, "e 3"], Float[Array, " e"], Float[Array, " e"]]:
    """ξ, its distance from each element, ζ = √(d_z² + b²) and a + ζ."""
    xi = members.axes @ (x - members.origin)
    d = xi[None] - members.discs[:, :3]
    zeta = jnp.sqrt(d[:, 2] ** 2 + members.discs[:, 4] ** 2)
    return xi, d, zeta, members.discs[:, 3] + zeta


def _monomials(members: MergedMembers, degree: int, xi: Float[Array, "3"]) -> Float[Array, " p"]:
    of_axis = [[jnp.ones(())] for _ in range(3)]
    for _ in range(max(degree, 2)):
        for axis, powers in enumerate(of_axis):
            powers.append(powers[-1] * xi[axis] / members.unit)
    return jnp.stack([of_axis[0][i] * of_axis[1][j] * of_axis[2][k] for i, j, k in _powers(degree)])
