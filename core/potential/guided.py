"""The guided solver: a Galaxy in closed form, and a correction that goes only as far as the data say.

    Φ = Σ_j m_j φ_j(θ) + Σ_k c_k φ_k

φ_j are the discs, halo and bulge of the Galaxy, φ_k the elements of the convex solver; m_j and c_k are not negative but
for harmonics, so that ρ ≥ 0 everywhere. Three steps, each with one answer:

1. the convex solver gives the motion of the frame (Ω_p, u) and the weights: an axisymmetric Galaxy knows no torques;
2. the analytic solver gives θ for that motion;
3. m and c minimise what the convex solver does, and beside it the distance from the Galaxy,

    Σ weight · r² / κ + K ⟨|∇δΦ|² / |∇Φ_galaxy|²⟩ / s²,   δΦ = Φ - Φ_galaxy.

The mean is over a ball that reaches half as far again as the points; K is the number of columns and s the relative size
of the correction: where it is not given that of the greatest evidence, or the relative distance of the convex answer
from the Galaxy if that is larger. κ is the noise of r, as the difference of the
two halves of the stars shows it. So a correction that the data determine is the convex solver's answer, and where they
say little, near the edge and beyond it, the Galaxy is left.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import PerStar, Positions
from core.config import PotentialConfig
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.basis import Basis, LinearModel, LinearState
from core.potential.design import Design, design, force_columns
from core.potential.galaxy import GalaxyModel, GalaxyState, fit_galaxy
from core.potential.linear import LinearFit, solve
from core.potential.normal_equations import (
    Equations,
    Matrix,
    Vector,
    cross_equations,
    greatest_evidence,
    non_negative,
    own_equations,
)
from core.potential.reference_frame import ReferenceFrame

COMPONENTS = 4
"""Thin and thick disc, halo and bulge."""

MASSES = [0, 3, 6, 8]
"""Their masses among the parameters."""

_REACH, _PLACES = 1.5, 2048
"""Radius of the ball in which the correction is held, over the largest distance of a point, and places in it."""

_LEAST_FORCE = 0.1
"""Of the typical one, added in quadrature: near a centre it vanishes."""

_DETERMINED = 1e-6
"""Directions of the columns with less than this share of the power of the strongest say nothing."""


class GuidedState(NamedTuple):
    """A fitted member, a pytree: the Galaxy with its masses as corrected, and the elements beside it."""

    galaxy: GalaxyState
    elements: LinearState


@dataclass(frozen=True)
class GuidedModel:
    """A Galaxy with a ``bulge``, and elements with harmonics up to ``degree``."""

    bulge: str
    degree: int

    def potential(self, state: GuidedState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """Φ [(km/s)²] at a heliocentric position."""
        galaxy = GalaxyModel(self.bulge).potential(state.galaxy, x)
        return galaxy + LinearModel(self.degree).potential(state.elements, x)

    def density(self, state: GuidedState, x: Float[Array, "3"]) -> Float[Array, ""]:
        """ρ [Msun/pc³]."""
        galaxy = GalaxyModel(self.bulge).density(state.galaxy, x)
        return galaxy + LinearModel(self.degree).density(state.elements, x)


@dataclass(frozen=True)
class GuidedFit:
    """The fitted state, the Galaxy to which it falls back, and the relative size of the correction.

    The ``convex`` fit gave the motion of the frame and the ``weights``.
    """

    state: GuidedState
    galaxy: GalaxyState
    correction: float
    convex: LinearFit

    @property
    def weights(self) -> PerStar:
        return self.convex.weights


def fit_guided_state(
    sample: ScoredSample,
    config: PotentialConfig,
    frame: ReferenceFrame,
    sun: SolarPosition,
    basis: Basis,
    weights: PerStar | None = None,
) -> GuidedFit:
    """The Galaxy and its correction from a joint sample; given ``weights`` they are used instead of being found.

    Raises TrainingError where the convex or the analytic solver does.
    """
    convex = solve(design(sample, frame, basis, config), config, weights)
    if convex.drift is not None:
        frame = frame.drifting(convex.drift)
    known = _with_motion(config, convex)
    galaxy = fit_galaxy(sample, known, frame, sun, convex.weights).state
    model, x = GalaxyModel(config.analytic.bulge), np.asarray(sample.w[:, :3], float)
    problem = design(sample, frame, basis, known, guide=_component_forces(model, galaxy, x))
    places = _ball(x)
    guide = _component_forces(model, galaxy, places)
    held = _held(guide, force_columns(basis, config.harmonics, places))
    answer, size = _corrected(problem, config, convex, held)
    parameters = np.array(galaxy.parameters, float)
    parameters[MASSES] *= answer[:COMPONENTS]
    with jax.enable_x64(True):
        corrected = galaxy._replace(parameters=jnp.asarray(parameters))
    return GuidedFit(GuidedState(corrected, LinearState(basis, jnp.asarray(answer[COMPONENTS:]))), galaxy, size, convex)


def _with_motion(config: PotentialConfig, convex: LinearFit) -> PotentialConfig:
    """The configuration with the motion of the frame as the convex fit found it."""
    speed = convex.pattern_speed
    if speed is None:
        return replace(config, drift="none")
    return replace(config, drift="none", pattern_speed=repr(speed if np.isfinite(speed) else 0.0))


def _ball(x: Positions) -> Float[np.ndarray, "p 3"]:
    """Places uniform in a ball about the points."""
    rng, centre = np.random.default_rng(0), x.mean(0)
    direction = rng.normal(size=(_PLACES, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    reach = _REACH * np.linalg.norm(x - centre, axis=1).max()
    return np.asarray(centre + reach * rng.random((_PLACES, 1)) ** (1 / 3) * direction)


def _component_forces(model: GalaxyModel, galaxy: GalaxyState, x: Positions) -> Float[np.ndarray, "n 4 3"]:
    """∇φ_j of the Galaxy at the points."""
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), galaxy)
        return np.asarray(_component_gradients(model, wide, jnp.asarray(x, float)), np.float32)


@partial(jax.jit, static_argnums=0)
def _component_gradients(model: GalaxyModel, galaxy: GalaxyState, x: Float[Array, "n 3"]) -> Float[Array, "n 4 3"]:
    parts = lambda point: jnp.stack(model.components(galaxy, point))  # noqa: E731
    return jax.vmap(jax.jacfwd(parts))(x)


def _held(guide: Float[np.ndarray, "n 4 3"], elements: Float[np.ndarray, "n e 3"]) -> Matrix:
    """K ⟨∇φ_k · ∇φ_l / |∇Φ_galaxy|²⟩."""
    columns = np.concatenate([guide, elements], 1).astype(float)
    power = np.sum(guide.astype(float).sum(1) ** 2, 1)
    columns /= np.sqrt(power + _LEAST_FORCE**2 * power.mean())[:, None, None]
    flat = columns.transpose(0, 2, 1).reshape(-1, columns.shape[1])
    return np.asarray(columns.shape[1] * flat.T @ flat / len(columns))


def _corrected(problem: Design, config: PotentialConfig, convex: LinearFit, held: Matrix) -> tuple[Vector, float]:
    """The masses over those of the Galaxy and c_k; and the relative size of the correction."""
    weights = convex.weights
    own = own_equations(problem.mean(), weights)
    equations = cross_equations(problem.mean(0), problem.mean(1), weights) if problem.has_halves else own
    alone = np.append(np.zeros(COMPONENTS), convex.coefficients)
    noise = _noise(problem, alone, weights)
    equations = Equations(equations.gram / noise, equations.moment / noise)
    galaxy = np.append(np.ones(COMPONENTS), np.zeros(len(own.moment) - COMPONENTS))
    size = config.guided.correction
    if not size:
        # One s for all columns is too small where few of them have to mend much.
        apart = np.sqrt(((alone - galaxy) @ own.gram @ (alone - galaxy)) / (galaxy @ own.gram @ galaxy))
        size = max(greatest_evidence(equations, held, galaxy), float(apart))
    answer = non_negative(
        equations.pulled(held / size**2, galaxy), np.diag(own.gram) / noise, problem.positive, config.ridge
    )
    return answer, size


def _noise(problem: Design, answer: Vector, weights: PerStar) -> float:
    """κ: the weighted power of the noise of the residual, for each direction that the columns determine.

    Of halves it is that of their difference, which holds what neighbouring points have in common; without halves that
    of the residual, as if points were independent.
    """
    if not problem.has_halves:
        columns, target = problem.mean()
        return float(np.mean(weights * (target - columns @ answer) ** 2))
    (one, y), (other, z) = problem.mean(0), problem.mean(1)
    difference = ((weights * (z - other @ answer)) @ one - (weights * (y - one @ answer)) @ other) / 2
    gram = own_equations(problem.mean(), weights).gram
    scale = np.sqrt(np.diag(gram)) + 1e-30
    power, directions = np.linalg.eigh(gram / scale[:, None] / scale)
    kept = power > _DETERMINED * power[-1]
    return float(np.mean((directions[:, kept].T @ (difference / scale)) ** 2 / power[kept])) + 1e-30
