"""The weak form: Φ and Ω_p from the stars alone, without a distribution function (PHYSICS 3, last paragraph).

Multiply the stationarity of f in a frame that turns with Ω = Ω_p · axis by ψ(w) and integrate by parts over a volume on
whose boundary ψ vanishes. With u = V - Ω×X,

    E[u · ∂ψ/∂x - (∇Φ + Ω×V) · ∂ψ/∂v] = 0                                                                          (1)

Velocities in the frame, u, carry stars; inertial ones, V, are what forces and ψ act on. Take ψ = g ∇φ · (V - s) for an
element φ of Φ, a taper g that vanishes on the boundary, and any smooth streaming field s(x):

    E[g ∇φ · ∇Φ] = E[u · ∇(g∇φ) · (V - s) - g ∇φ · ((u · ∇)s + Ω×V)]                                               (2)

For all φ of a basis these are the normal equations of a quadratic form in its coefficients, positive whatever the stars
do; with s = Ω = 0 the form is E[½ g|∇Φ|² - v · ∇(g∇Φ) · v]. (2) is true for every s, because its terms in s are the
continuity equation. But their noise is not the same: with s = 0 that of 230 km/s of rotation drowns the dispersions
that support a disc, so s is the linear fit of the stars' velocities.

ψ = χ(x) leaves Ω_p alone: the continuity equation (:mod:`continuity`). Where the stars have no pattern its answer is
their own rotation, for which (2) has the least noise.

Needs the moments of all stars at a place: where they are selected by velocity, or by position in an unknown way (the
conditional mode of a fit), it is not true.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import Labels, PerStar, PhaseSpace
from core.config import PotentialConfig
from core.errors import TrainingError
from core.phase_space.inscribed_ball import inscribed_ball
from core.phase_space.region_algebra import BoundingBall
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.potential.basis import Basis, columns, disc_basis, sphere_basis
from core.potential.continuity import ContinuityMoments, polynomials
from core.potential.normal_equations import Equations, non_negative
from core.potential.reference_frame import ReferenceFrame, reference_frame
from core.potential.training import LinearState, PotentialMember, basis_kind

PARTS = 32
"""Parts of the stars whose sums are kept, to be drawn with replacement for the members."""

_SMALL_BLOCK, _LARGE_BLOCK = 256, 2048
"""Stars summed at once: two compiled shapes, few stars being enough for several parts too."""

_STREAMING_STARS = 100_000
"""Stars to which s(x) is fitted: any s is right, and a good one costs no more than this."""


class ForceMoments(NamedTuple):
    """Sums over the stars of each part: ``gram`` @ coefficients = ``carried`` - Ω_p ``turned``."""

    gram: Float[np.ndarray, "p c c"]
    carried: Float[np.ndarray, "p c"]
    turned: Float[np.ndarray, "p c"]

    def equations(self, parts: Float[np.ndarray, " p"], pattern_speed: float) -> Equations:
        """The normal equations, each part counted as often as ``parts`` says."""
        moment = parts @ (self.carried - pattern_speed * self.turned)
        return Equations(np.tensordot(parts, self.gram, 1), moment)


class WeakProblem(NamedTuple):
    """What is the same for every star, a pytree: the basis, the tapered ball, the frame, and s(x) about the centre.

    ``axes`` are those of the test functions of the continuity equation; ``axis`` is zero in an inertial frame.
    """

    basis: Basis
    centre: Float[Array, "3"]
    radius: Float[Array, ""]
    origin: Float[Array, "3"]
    drift: Float[Array, "3"]
    axis: Float[Array, "3"]
    axes: Float[Array, "3 3"]
    streaming: Float[Array, "3"]
    shear: Float[Array, "3 3"]


def fit_weak_form(
    sample: PhaseSpaceSample, config: PotentialConfig, sun: SolarPosition, *, seed: int
) -> list[PotentialMember]:
    """Potentials of the convex solver's basis from stars alone, ``config.members`` bootstraps of them.

    They belong to the configuration that :func:`weak_config` gives. ``noise_share`` is that of Ω_p in the continuity
    equation. Raises TrainingError where the volume has no ball inside it, or no stars in the ball.
    """
    rng = np.random.default_rng(seed)
    ball = inscribed_ball(sample.region, sun)
    stars = _inside(rng, sample, ball) if ball is not None else np.zeros(0, int)
    if ball is None or not len(stars):
        raise TrainingError("the weak form needs stars in a ball inside a volume that no velocity decides")
    frame = reference_frame(config.frame, sun, config.fixed_drift)
    basis = _basis(rng, sample.w[stars], config, sun)
    same = weak_problem(sample, stars, basis, ball, frame, sun)
    force, continuity = weak_moments(same, config.harmonics, sample, stars, turns=frame.rotates)
    parts = len(force.gram)
    share = None
    if continuity is not None and config.pattern_speed == "free":
        # Of all stars: a draw with replacement has more noise than it can know.
        _, share = continuity.pattern_speed(np.ones(parts))
    members = []
    for _ in range(config.members):
        drawn = np.bincount(rng.integers(0, parts, parts), minlength=parts).astype(float)
        speed = None if continuity is None else _pattern_speed(continuity, drawn, config)
        equations = force.equations(drawn, speed or 0.0)
        coefficients = non_negative(equations, np.diag(equations.gram), basis.positive, config.ridge)
        members.append(PotentialMember(LinearState(basis, jnp.asarray(coefficients)), speed, share, config.fixed_drift))
    return members


def weak_config(config: PotentialConfig) -> PotentialConfig:
    """The configuration whose model and stored form the potentials of the weak form have: it fits no drift."""
    return dataclasses.replace(config, solver="convex", drift="none" if config.frees_drift else config.drift)


def _pattern_speed(continuity: ContinuityMoments, parts: Float[np.ndarray, " p"], config: PotentialConfig) -> float:
    free = config.pattern_speed == "free"
    return continuity.pattern_speed(parts)[0] if free else float(config.pattern_speed)


def _inside(rng: np.random.Generator, sample: PhaseSpaceSample, ball: BoundingBall) -> Labels:
    """Rows of the stars in the ball in random order, those that belong together in a row."""
    rows = np.flatnonzero(np.linalg.norm(sample.w[:, :3] - np.asarray(ball[0]), axis=1) < ball[1])
    if sample.group is None:
        return rng.permutation(rows)
    _, group = np.unique(sample.group[rows], return_inverse=True)
    return rows[np.argsort(rng.permutation(group.max(initial=0) + 1)[group], kind="stable")]


def _basis(rng: np.random.Generator, w: PhaseSpace, config: PotentialConfig, sun: SolarPosition) -> Basis:
    if basis_kind(config) == "disc":
        return disc_basis(sun, None)
    return sphere_basis(np.asarray(w[:, :3], float), rng)


def weak_problem(
    sample: PhaseSpaceSample,
    stars: Labels,
    basis: Basis,
    ball: BoundingBall,
    frame: ReferenceFrame,
    sun: SolarPosition,
) -> WeakProblem:
    """The problem of the ``stars`` (rows) of a sample; s(x) is the linear fit of their velocities under the taper."""
    w = np.asarray(sample.w[stars[:_STREAMING_STARS]], float)
    offset = w[:, :3] - np.asarray(ball[0])
    root = np.sqrt(_weights(sample, stars[:_STREAMING_STARS]) * (1 - np.sum((offset / ball[1]) ** 2, 1)))
    design = np.column_stack([np.ones(len(w)), offset])
    fit, *_ = np.linalg.lstsq(design * root[:, None], (w[:, 3:] + frame.velocity) * root[:, None], rcond=None)
    axis = np.zeros(3) if frame.axis is None else frame.axis
    values = (ball[0], ball[1], frame.centre, frame.velocity, axis, sun.axes, fit[0], fit[1:].T)
    return WeakProblem(jax.tree.map(_single, basis), *map(_single, values))


def _single(values: Any) -> Array:
    return jnp.asarray(np.asarray(values), jnp.float32)


def _weights(sample: PhaseSpaceSample, rows: Labels) -> PerStar:
    return np.ones(len(rows)) if sample.weight is None else np.asarray(sample.weight[rows], float)


def weak_moments(
    same: WeakProblem, degree: int, sample: PhaseSpaceSample, stars: Labels, *, turns: bool
) -> tuple[ForceMoments, ContinuityMoments | None]:
    """The sums over the ``stars`` of a sample, in up to PARTS parts; their order is that of the rows.

    Where nothing ``turns`` Ω_p takes nothing, and there is no continuity equation to solve.
    """
    sums: list[list[np.ndarray]] = []
    for number, (w, weight) in enumerate(_blocks(sample, stars)):
        new = [np.asarray(s, float) for s in _block_sums(degree, turns, same, w, weight)]
        if number < PARTS:
            sums.append(new)
        else:
            sums[number % PARTS] = [old + s for old, s in zip(sums[number % PARTS], new, strict=True)]
    gram, carried, *rest = (np.stack(s) for s in zip(*sums, strict=True))
    if not turns:
        return ForceMoments(gram, carried, np.zeros_like(carried)), None
    turned, stars_carried, stars_turned, products = rest
    return ForceMoments(gram, carried, turned), ContinuityMoments(stars_carried, stars_turned, products.sum(0))


def _blocks(sample: PhaseSpaceSample, stars: Labels) -> Iterator[tuple[PhaseSpace, PerStar]]:
    """Blocks of one size in single precision, the last filled up with stars of no weight."""
    size = _LARGE_BLOCK if len(stars) >= PARTS * _LARGE_BLOCK else _SMALL_BLOCK
    mean = float(np.mean(_weights(sample, stars)))
    for first in range(0, len(stars), size):
        rows = stars[first : first + size]
        filling = size - len(rows)
        w = np.concatenate([sample.w[rows], np.repeat(sample.w[rows[:1]], filling, 0)])
        yield w.astype(np.float32), np.pad(_weights(sample, rows) / mean, (0, filling)).astype(np.float32)


@partial(jax.jit, static_argnums=(0, 1))
def _block_sums(
    degree: int, turns: bool, same: WeakProblem, w: Float[Array, "n 6"], weight: Float[Array, " n"]
) -> list[Array]:
    gradient, *sides = jax.vmap(partial(_force, degree, turns, same))(w)
    rows = (jnp.sqrt(weight)[:, None, None] * gradient).transpose(0, 2, 1).reshape(-1, gradient.shape[1])
    sums = [rows.T @ rows, *(weight @ side for side in sides)]
    if not turns:
        return sums
    continuity = jax.vmap(partial(_continuity, same))(w)
    both = weight[:, None] * jnp.concatenate(continuity, 1)
    return [*sums, *(weight @ side for side in continuity), both.T @ both]


def _force(degree: int, turns: bool, same: WeakProblem, w: Float[Array, "6"]) -> tuple[Array, ...]:
    """√g ∇φ, the right side of (2) without Ω_p, and what Ω_p takes from it."""
    x, V = w[:3], w[3:] + same.drift
    offset = x - same.centre
    taper, slope = 1 - offset @ offset / same.radius**2, -2 * offset / same.radius**2
    relative = V - same.streaming - same.shear @ offset
    field = partial(columns, same.basis, degree)
    gradient = jax.jacfwd(field)(x)
    first = gradient @ relative

    def carried(u: Float[Array, "3"]) -> Float[Array, " c"]:
        _, curvature = jax.jvp(lambda y: jax.jvp(field, (y,), (relative,))[1], (x,), (u,))
        return (u @ slope) * first + taper * (curvature - gradient @ (same.shear @ u))

    sides = [carried(V)]
    if turns:
        turned = carried(jnp.cross(same.axis, x - same.origin))
        sides.append(turned + taper * (gradient @ jnp.cross(same.axis, V)))
    return jnp.sqrt(jnp.maximum(taper, 0)) * gradient, *sides


def _continuity(same: WeakProblem, w: Float[Array, "6"]) -> tuple[Array, Array]:
    """V · ∇χ and (axis × X) · ∇χ."""

    def test(x: Float[Array, "3"]) -> Float[Array, " t"]:
        offset = (x - same.centre) / same.radius
        return (1 - offset @ offset) * polynomials(same.axes @ offset)

    x, V = w[:3], w[3:] + same.drift
    slopes = jax.jacfwd(test)(x)
    return slopes @ V, slopes @ jnp.cross(same.axis, x - same.origin)
