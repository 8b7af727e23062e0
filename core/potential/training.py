"""Potentials from a scored sample: one member per seed, by the solver that the configuration names.

A seed of the convex solver draws its points anew (a bootstrap of the scored points) and moves the free elements of its
basis, one of the analytic solver draws its points anew; a seed of the network draws its first weights.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from core import ensemble
from core.array_types import PerStar
from core.config import PotentialConfig
from core.galaxy_config import PARAMETERS
from core.optimization import Progress, State
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.basis import Basis, LinearModel, LinearState, disc_basis, sphere_basis
from core.potential.design import Design, design
from core.potential.fields import PotentialEnsemble, PotentialModel
from core.potential.galaxy import GalaxyFit, GalaxyModel, GalaxyState, fit_galaxy
from core.potential.guided import GuidedFit, GuidedModel, GuidedState, fit_guided_state
from core.potential.linear import LinearFit, solve
from core.potential.neural import (
    Beginning,
    NetworkModel,
    NetworkState,
    PotentialNetwork,
    fit_network,
    network_descent,
    network_drift,
    network_pattern_speed,
    network_problem,
    network_state,
    random_parameters,
    warmed,
    warming_descent,
)
from core.potential.reference_frame import reference_frame
from core.potential.tracer_density import TracerBasis, disc_tracers, kinematic_centre, sphere_tracers

Drift = tuple[float, float, float]


@dataclass(frozen=True)
class PotentialMember:
    """One fitted potential: its state, Ω_p [km/s/kpc] or None, and the noise share of Ω_p where it is known.

    So the drift of the frame [km/s], fitted or given, and the noise share of each of its components.
    """

    state: Any
    pattern_speed: float | None
    noise_share: float | None = None
    drift: Drift | None = None
    drift_noise_share: Drift | None = None


def basis_kind(config: PotentialConfig) -> str:
    """The basis that ``auto`` stands for."""
    if config.basis != "auto":
        return config.basis
    return "disc" if config.frame == "rotating" else "sphere"


def model_of(config: PotentialConfig) -> PotentialModel:
    """The model that the configuration describes."""
    if config.solver == "network":
        return NetworkModel(config.network.layers, config.network.hidden)
    if config.solver == "analytic":
        return GalaxyModel(config.analytic.bulge)
    if config.solver == "guided":
        return GuidedModel(config.analytic.bulge, config.harmonics)
    return LinearModel(config.harmonics)


def gather(config: PotentialConfig, members: list[PotentialMember]) -> PotentialEnsemble:
    """The ensemble of fitted members."""
    speeds = [m.pattern_speed for m in members if m.pattern_speed is not None]
    drifts = [m.drift for m in members if m.drift is not None]
    return PotentialEnsemble(
        model_of(config),
        ensemble.stack_on_host([m.state for m in members]),
        np.array(speeds) if speeds else None,
        np.array(drifts) if drifts else None,
    )


def _tracers(sample: ScoredSample, config: PotentialConfig, sun: SolarPosition) -> TracerBasis | None:
    """The basis of ln n, which a conditional sample leaves open."""
    if not sample.conditional:
        return None
    if basis_kind(config) == "disc":
        return disc_tracers(sun)
    return sphere_tracers(sample.w[:, :3], kinematic_centre(sample))


def convex_problem(
    sample: ScoredSample, config: PotentialConfig, sun: SolarPosition, *, seed: int, bootstrap: bool
) -> tuple[Basis, Design]:
    """The basis of a seed and the linear problem of the convex solver in it."""
    tracers = _tracers(sample, config, sun)
    centre = None if tracers is None or basis_kind(config) == "disc" else np.asarray(tracers.centre)
    basis, points = _seeded(sample, config, sun, seed, bootstrap, centre)
    return basis, design(points, reference_frame(config.frame, sun, config.fixed_drift), basis, config, tracers)


def _seeded(
    sample: ScoredSample,
    config: PotentialConfig,
    sun: SolarPosition,
    seed: int,
    bootstrap: bool,
    centre: Float[np.ndarray, "3"] | None = None,
) -> tuple[Basis, ScoredSample]:
    """The basis of a seed, and the points drawn anew where a ``bootstrap`` is asked for."""
    rng = np.random.default_rng(seed)
    is_disc = basis_kind(config) == "disc"
    basis = disc_basis(sun, rng) if is_disc else sphere_basis(sample.w[:, :3], rng, centre)
    return basis, sample.take(rng.integers(0, len(sample), len(sample))) if bootstrap else sample


def fit_convex(
    sample: ScoredSample,
    config: PotentialConfig,
    sun: SolarPosition,
    *,
    seed: int,
    bootstrap: bool = True,
    weights: PerStar | None = None,
) -> tuple[PotentialMember, LinearFit]:
    """One member of the convex solver; given ``weights`` they are used instead of being found."""
    basis, problem = convex_problem(sample, config, sun, seed=seed, bootstrap=bootstrap)
    fit = solve(problem, config, weights)
    return _member(LinearState(basis, jnp.asarray(fit.coefficients)), config, fit), fit


def _member(state: LinearState | GuidedState, config: PotentialConfig, fit: LinearFit) -> PotentialMember:
    """A state with the motion of the frame of a convex fit, or that which is given."""
    speed = fit.pattern_speed
    if speed is None and config.frame == "rotating":
        speed = float(config.pattern_speed)
    drift = config.fixed_drift if fit.drift is None else _drift(fit.drift)
    shares = None if fit.drift_noise_share is None else _drift(fit.drift_noise_share)
    return PotentialMember(state, speed, fit.noise_share, drift, shares)


def _drift(values: Float[np.ndarray, "3"]) -> Drift:
    x, y, z = values.tolist()
    return x, y, z


def fit_analytic(
    sample: ScoredSample,
    config: PotentialConfig,
    sun: SolarPosition,
    *,
    seed: int,
    bootstrap: bool = True,
    weights: PerStar | None = None,
) -> tuple[PotentialMember, GalaxyFit]:
    """One member of the analytic solver; its seed draws the points anew. Of a conditional sample as the network.

    Its Ω_p has no noise share, and so is never claimed: see :mod:`core.potential.galaxy`.
    """
    if sample.conditional:
        sample = _with_convex_density(sample, config, sun, seed)
    rng = np.random.default_rng(seed)
    points = sample.take(rng.integers(0, len(sample), len(sample))) if bootstrap else sample
    fit = fit_galaxy(points, config, reference_frame(config.frame, sun, config.fixed_drift), sun, weights)
    drift = config.fixed_drift if fit.drift is None else _drift(fit.drift)
    return PotentialMember(fit.state, fit.pattern_speed, drift=drift), fit


def fit_guided(
    sample: ScoredSample,
    config: PotentialConfig,
    sun: SolarPosition,
    *,
    seed: int,
    bootstrap: bool = True,
    weights: PerStar | None = None,
) -> tuple[PotentialMember, GuidedFit]:
    """One member of the guided solver, with the seeds and the motion of the frame of the convex one.

    Of a conditional sample as the network.
    """
    if sample.conditional:
        sample = _with_convex_density(sample, config, sun, seed)
    basis, points = _seeded(sample, config, sun, seed, bootstrap)
    frame = reference_frame(config.frame, sun, config.fixed_drift)
    fit = fit_guided_state(points, config, frame, sun, basis, weights)
    return _member(fit.state, config, fit.convex), fit


DIRECT_SOLVERS: Mapping[str, Callable[..., tuple[PotentialMember, LinearFit | GalaxyFit | GuidedFit]]] = {
    "convex": fit_convex,
    "analytic": fit_analytic,
    "guided": fit_guided,
}
"""Those that give a member at once; their fits have ``weights``. The network trains."""


def _with_convex_density(sample: ScoredSample, config: PotentialConfig, sun: SolarPosition, seed: int) -> ScoredSample:
    """A conditional sample made joint with ln n of the convex solver."""
    density = fit_convex(sample, config, sun, seed=seed, bootstrap=False)[1].tracer_density
    assert density is not None
    return density.joint(sample)


def fit_network_member(
    sample: ScoredSample, config: PotentialConfig, sun: SolarPosition, *, seed: int, resume: State | None = None
) -> Iterator[tuple[Progress, PotentialMember]]:
    """Train one member of the published network; yields its progress and the member as it stands.

    With the state of an earlier training to ``resume`` it begins with that one's last report.

    Of a conditional sample ln n is that of the convex solver: trained together, the descent creeps along the valley in
    which Φ and ln n nearly imitate each other (10 % off in the force after ten times the steps).
    """
    frame = reference_frame(config.frame, sun, config.fixed_drift)
    if sample.conditional:
        sample = _with_convex_density(sample, config, sun, seed)
    problem = network_problem(sample, frame, config.network, config.pattern_speed, seed, drifting=config.frees_drift)
    model = NetworkModel(config.network.layers, config.network.hidden)
    initial = None
    if config.network.warm_start and resume is None:
        beginning = _convex_beginning(sample, config, sun, seed)
        initial = warmed(problem, model, _warming_descent(model, config.network), beginning, seed)
    training = fit_network(problem, model, _network_descent(model, config.network), seed, initial, resume)
    if resume is not None:
        loss, steps = float(resume.best_loss), config.network.training.length(len(problem.training))
        training = chain([Progress(int(resume.step), steps, loss, loss, float(resume.change), resume)], training)
    for report in training:
        state = network_state(problem, report.state.best)
        speed = network_pattern_speed(problem, state) if frame.rotates else None
        drift = network_drift(problem, report.state.best) or config.fixed_drift
        yield report, PotentialMember(state, speed, drift=drift)


def network_template(config: PotentialConfig) -> State:
    """The state of a training before its first step: the shape into which a stored one is read."""
    model = NetworkModel(config.network.layers, config.network.hidden)
    parameters = random_parameters(model, 0, drifting=config.frees_drift)
    return _network_descent(model, config.network).start(parameters, None)


_network_descent, _warming_descent = lru_cache(maxsize=4)(network_descent), lru_cache(maxsize=4)(warming_descent)
"""One compiled program for all members of an ensemble."""


def _convex_beginning(sample: ScoredSample, config: PotentialConfig, sun: SolarPosition, seed: int) -> Beginning:
    """The forces of the convex solver at the scored points."""
    member, _ = fit_convex(sample, config, sun, seed=seed, bootstrap=False)
    convex = PotentialEnsemble(LinearModel(config.harmonics), ensemble.stack_on_host([member.state]), None)
    return Beginning(-convex.acceleration(sample.w[:, :3])[0], member.pattern_speed, member.drift)


MemberState = LinearState | NetworkState | GalaxyState | GuidedState


def state_template(config: PotentialConfig, shapes: Mapping[str, tuple[int, ...]]) -> MemberState:
    """A member's state without values, arrays that vary in size having the given shapes: what arrays are read into."""
    return jax.eval_shape(partial(_zeros, config, shapes))


def _zeros(config: PotentialConfig, shapes: Mapping[str, tuple[int, ...]]) -> MemberState:
    galaxy = GalaxyState(jnp.zeros(len(PARAMETERS)), jnp.zeros((3, 3)), jnp.zeros(3))
    if config.solver == "network":
        network = PotentialNetwork(config.network.layers, config.network.hidden, rngs=nnx.Rngs(0))
        zero = jnp.zeros(())
        return NetworkState(nnx.state(network), turn=zero, centre=jnp.zeros(3), length=zero, energy=zero)
    if config.solver == "analytic":
        return galaxy
    if config.solver == "guided":
        return GuidedState(galaxy, _linear_template(shapes, ".elements"))
    return _linear_template(shapes)


def _linear_template(shapes: Mapping[str, tuple[int, ...]], prefix: str = "") -> LinearState:
    basis = Basis(**{name: jnp.zeros(shapes[f"{prefix}.basis.{name}"]) for name in Basis._fields})
    return LinearState(basis, jnp.zeros(shapes[f"{prefix}.coefficients"]))
