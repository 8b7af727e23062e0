"""Training of one member of the ensemble: first n(x), then p(v | x), by maximum likelihood.

Both are fitted to the same rows; the held-out stars, common to all members, stop the descent. What it yields is the
whole state, so the caller may store it and go on from it later, bit for bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from core import ensemble
from core.array_types import PhaseSpace
from core.config import FlowConfig
from core.errors import TrainingError
from core.flow.coordinates_of_flow import fit_coordinates
from core.flow.distribution_function import Architecture, FlowEnsemble, FlowState, graphs
from core.flow.halves import Split, split
from core.flow.spatial_density import BallProposal, fit_proposal, log_normaliser, quadrature
from core.optimization import Descent, Progress, State
from core.phase_space.region import Region
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition

_FINE_NODES = 65_536


class Checkpoint(NamedTuple):
    """What training of a member resumes from: a pytree. ``phase`` is 0 for n(x), 1 for p(v | x)."""

    phase: Array
    density: Any
    descent: State


@dataclass(frozen=True)
class FlowProgress:
    """Where the training of a member stands."""

    phase: str
    step: int
    steps: int
    loss: float
    held_out: float
    checkpoint: Checkpoint = field(repr=False)


@dataclass(frozen=True)
class FlowTrainer:
    """What all members share: the stars, the split, the architecture and the quadrature of the volume."""

    w: PhaseSpace
    region: Region
    architecture: Architecture
    proposal: BallProposal
    parts: Split
    config: FlowConfig

    def train(self, seed: int, half: int | None, resume: Checkpoint | None = None) -> Iterator[FlowProgress]:
        """Train the member of ``seed`` on one half of the stars (or on both); yields after every report."""
        density_key, velocity_key, rotation_key = jax.random.split(jax.random.key(seed), 3)
        phase = 0 if resume is None else int(resume.phase)
        density = None if resume is None else resume.density
        if phase == 0:
            descent = None if resume is None else resume.descent
            for report in self._fit_density(density_key, half, descent):
                density = report.state.best
                yield _progress("density", report, Checkpoint(jnp.asarray(0), density, report.state))
        descent = resume.descent if resume is not None and phase == 1 else None
        for report in self._fit_velocity(velocity_key, random_rotation(rotation_key), half, descent):
            yield _progress("velocity", report, Checkpoint(jnp.asarray(1), density, report.state))

    def template(self, phase: int) -> Checkpoint:
        """A checkpoint of the given phase before its first step: the shape into which a stored one is read."""
        key = jax.random.key(0)
        density, velocity = (
            nnx.state(self.architecture.density(key)),
            nnx.state(self.architecture.velocity(key)),
        )
        descent = self._density_descent.start(density) if phase == 0 else self._velocity_descent.start(velocity)
        return Checkpoint(jnp.asarray(phase), density, descent)

    def finish(self, seed: int, checkpoint: Checkpoint) -> FlowState:
        """The trained member: its normaliser is recomputed on a quadrature sixteen times finer than the training's."""
        network = nnx.merge(graphs(self.architecture)[0], checkpoint.density)
        fine = quadrature(self.proposal, self.region, self.architecture.coordinates.sun, _FINE_NODES)
        features = jax.jit(jax.vmap(self.architecture.coordinates.position))(jnp.asarray(fine.x, float))
        return FlowState(
            density=checkpoint.density,
            velocity=checkpoint.descent.best,
            rotation=random_rotation(jax.random.split(jax.random.key(seed), 3)[2]),
            log_normaliser=log_normaliser(network, features, jnp.asarray(fine.volume, float)),
        )

    def held_out_log_df(self, member: FlowState) -> float:
        """Mean ln f [kpc⁻³ (km/s)⁻³] of the held-out stars under a trained member."""
        return float(np.mean(gather(self, [(member, None)]).log_df(self.w[self.parts.held_out])))

    def _fit_density(self, key: jax.Array, half: int | None, resume: State | None) -> Iterator[Progress]:
        data = self._features
        return self._density_descent.run(
            nnx.state(self.architecture.density(key)),
            data[self.parts.rows(half)],
            data[self.parts.held_out],
            key=key,
            resume=resume,
        )

    def _fit_velocity(
        self, key: jax.Array, rotation: Array, half: int | None, resume: State | None
    ) -> Iterator[Progress]:
        data = jnp.concatenate([self._velocities @ rotation, self._features], 1)
        return self._velocity_descent.run(
            nnx.state(self.architecture.velocity(key)),
            data[self.parts.rows(half)],
            data[self.parts.held_out],
            key=key,
            resume=resume,
        )

    @cached_property
    def _features(self) -> Float[Array, "n f"]:
        return jax.jit(jax.vmap(self.architecture.coordinates.position))(jnp.asarray(self.w[:, :3], float))

    @cached_property
    def _velocities(self) -> Float[Array, "n 3"]:
        return jax.jit(jax.vmap(self.architecture.coordinates.velocity))(jnp.asarray(self.w, float))

    @cached_property
    def _density_descent(self) -> Descent:
        nodes = quadrature(self.proposal, self.region, self.architecture.coordinates.sun, self.config.density.nodes)
        features = jax.jit(jax.vmap(self.architecture.coordinates.position))(jnp.asarray(nodes.x, float))
        volume = jnp.asarray(nodes.volume, float)
        graph = graphs(self.architecture)[0]

        def loss(parameters: Any, batch: Float[Array, "b f"], key: jax.Array) -> Float[Array, ""]:
            network = nnx.merge(graph, parameters)
            return log_normaliser(network, features, volume) - jnp.mean(network(batch))

        # The skip carries the gross gradient of ln n: to decay it would flatten the disc.
        decay = _all_but("skip", nnx.state(self.architecture.density(jax.random.key(0))))
        return Descent(loss, self.config.density.training, decay)

    @cached_property
    def _velocity_descent(self) -> Descent:
        graph = graphs(self.architecture)[1]

        def loss(parameters: Any, batch: Float[Array, "b d"], key: jax.Array) -> Float[Array, ""]:
            flow = nnx.merge(graph, parameters).distribution(batch[:, 3:])
            return -jnp.mean(flow.log_prob(batch[:, :3]))

        return Descent(loss, self.config.velocity.training)


def flow_trainer(
    sample: PhaseSpaceSample, config: FlowConfig, sun: SolarPosition, *, coordinates: str, seed: int
) -> FlowTrainer:
    """The trainer for the stars of ``sample``; ``coordinates`` is "disc" or "sphere", ``seed`` deals the halves."""
    if not np.all(np.isfinite(sample.w)):
        raise TrainingError("some stars have coordinates that are not finite")
    architecture = Architecture(
        coordinates=fit_coordinates(sample.w, coordinates, sun),
        density_hidden=config.density.hidden,
        layers=config.velocity.layers,
        hidden=config.velocity.hidden,
        components=config.velocity.components,
    )
    return FlowTrainer(
        w=sample.w,
        region=sample.region,
        architecture=architecture,
        proposal=fit_proposal(sample.w[:, :3], sample.region),
        parts=split(sample, config.held_out, seed, halves=config.halves),
        config=config,
    )


def gather(trainer: FlowTrainer, members: list[tuple[FlowState, int | None]]) -> FlowEnsemble:
    """The ensemble of trained members; ``half`` is −1 for a member trained on both halves."""
    return FlowEnsemble(
        architecture=trainer.architecture,
        region=trainer.region,
        proposal=trainer.proposal,
        states=ensemble.stack([state for state, _ in members]),
        half=np.array([-1 if half is None else half for _, half in members]),
    )


def random_rotation(key: jax.Array) -> Float[Array, "3 3"]:
    """A rotation drawn uniformly (Haar measure)."""
    return jax.random.orthogonal(key, 3)


def _all_but(name: str, parameters: Any) -> Any:
    """Mask of weight decay: every leaf but those of the submodule ``name``."""
    return jax.tree.map_with_path(
        lambda path, _: not any(getattr(part, "key", None) == name for part in path), parameters
    )


def _progress(phase: str, report: Progress, checkpoint: Checkpoint) -> FlowProgress:
    return FlowProgress(phase, report.step, report.steps, report.loss, report.held_out, checkpoint)
