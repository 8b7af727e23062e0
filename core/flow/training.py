"""Training of the members of an ensemble: the phases of their family one after the other, by maximum likelihood.

The held-out stars, common to all members, stop the descents. What training yields is the whole state, so the caller may
store it and go on from it later, bit for bit. Members are trained one by one, which is as fast as anything on a CPU, or
all of them in one compiled program, which fills a GPU and is spread over several where there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core import ensemble
from core.config import FlowConfig
from core.errors import TrainingError
from core.flow.coordinates_of_flow import fit_coordinates
from core.flow.distribution_function import FlowEnsemble
from core.flow.families import family_of
from core.flow.family import Batch, Family, FlowState, Phase, TrainingStars
from core.flow.halves import Split, split
from core.flow.padding import with_mirrored
from core.flow.spatial_density import fit_proposal
from core.flow.whole import WholeFlow
from core.optimization import Progress, State
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition


class Checkpoint(NamedTuple):
    """What training resumes from: a pytree.

    ``phase`` counts the phases that are over, ``networks`` holds what they left, ``descent`` is the state of the one
    that goes on.
    """

    phase: Array
    networks: dict[str, Any]
    descent: State


@dataclass(frozen=True)
class FlowProgress:
    """Where the training of a member stands; ``fraction`` is of all its phases."""

    phase: str
    fraction: float
    step: int
    steps: int
    loss: float
    held_out: float
    change: float
    checkpoint: Checkpoint = field(repr=False)


@dataclass(frozen=True)
class FlowTrainer:
    """What all members share: the stars, the split, the family and its phases."""

    stars: TrainingStars
    family: Family
    parts: Split
    config: FlowConfig

    def train(self, seed: int, half: int | None, resume: Checkpoint | None = None) -> Iterator[FlowProgress]:
        """Train the member of ``seed`` on one half of the stars (or on both); yields after every report."""
        keys = _Keys.of(seed)
        rotation = self.family.coordinates.orientation(keys.rotation)
        inputs = lambda number: self._inputs(number, rotation, half)  # noqa: E731
        start = self._start(keys.start, half) if resume is None else resume.networks
        yield from self._run(start, inputs, keys.descent, resume, together=False)

    def train_together(
        self,
        seeds: Sequence[int],
        halves: Sequence[int | None],
        resume: Checkpoint | None = None,
        *,
        trainers: "Sequence[FlowTrainer] | None" = None,
    ) -> Iterator[FlowProgress]:
        """Train several members in one compiled program; every leaf of the checkpoint has a leading member axis.

        ``trainers``, which are like this one, give each member stars of its own; all train on as many as the fewest.
        On more than one device the members are dealt out evenly, where their number allows it. One that diverges does
        not end the others.
        """
        keys = [_Keys.of(seed) for seed in seeds]
        rotations = [self.family.coordinates.orientation(k.rotation) for k in keys]
        trainers = trainers or [self] * len(keys)

        def inputs(number: int) -> tuple[Batch, Batch]:
            members = zip(trainers, rotations, halves, strict=True)
            training, held_out = zip(*(t._inputs(number, r, half) for t, r, half in members), strict=True)
            return _spread_out(_as_long_as_the_shortest(training)), _spread_out(_as_long_as_the_shortest(held_out))

        if resume is None:
            members = zip(trainers, keys, halves, strict=True)
            start = _spread_out(ensemble.stack([t._start(k.start, half) for t, k, half in members]))
        else:
            start = resume.networks
        descents = jnp.stack([k.descent for k in keys])
        yield from self._run(start, inputs, descents, resume, together=True)

    def _run(
        self, networks: dict[str, Any], inputs: Any, key: jax.Array, resume: Checkpoint | None, *, together: bool
    ) -> Iterator[FlowProgress]:
        first = 0 if resume is None else int(np.max(resume.phase))
        for number, phase in enumerate(self._phases):
            if number < first:
                continue
            data, held_out = inputs(number)
            state = resume.descent if resume is not None and number == first else None
            start = networks[phase.network]
            before = sum(p.share for p in self._phases[:number])
            fold = jax.vmap(jax.random.fold_in, (0, None)) if together else jax.random.fold_in
            run = phase.descent.run(start, data, held_out, key=fold(key, number), resume=state, together=together)
            for report in run:
                state = report.state
                counted = jnp.full_like(report.state.step, number)
                yield _progress(phase, before, report, Checkpoint(counted, networks, report.state))
            assert state is not None
            networks = {**networks, phase.network: state.best}

    def _start(self, key: jax.Array, half: int | None) -> dict[str, Any]:
        """The networks of a member before its descents; what the stars determine is the same for all on one half."""
        if half not in self._solved:
            self._solved[half] = self.family.solved(self.stars, self.parts.rows(half))
        return self.family.networks(key) | self._solved[half]

    def template(self, phase: int, members: int | None = None) -> Checkpoint:
        """A checkpoint of the given phase before its first step: the shape into which a stored one is read."""
        networks = self.family.networks(jax.random.key(0))
        data = self._inputs(phase, jnp.eye(3), None)[1]
        descent = self._phases[phase].descent.start(networks[self._phases[phase].network], data)
        one = Checkpoint(jnp.asarray(phase), networks, descent)
        return one if members is None else ensemble.stack([one] * members)

    def finish(self, seed: int, checkpoint: Checkpoint) -> FlowState:
        """The trained member; TrainingError where it is not fit for use."""
        network = self._phases[int(checkpoint.phase)].network
        networks = {**checkpoint.networks, network: checkpoint.descent.best}
        if not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(networks)):
            raise TrainingError("its loss stopped being finite in training")
        rotation = self.family.coordinates.orientation(_Keys.of(seed).rotation)
        return self.family.finish(networks, rotation, self.stars, self.stars.w[self.parts.held_out])

    def held_out_log_df(self, member: FlowState) -> float:
        """Mean ln f [kpc⁻³ (km/s)⁻³] of the held-out stars under a trained member."""
        rows = self.parts.held_out
        log_df = gather(self, [(member, None)]).log_df(self.stars.w[rows])[0]
        return float(np.average(log_df, weights=self.stars.weight[rows]))

    @cached_property
    def _solved(self) -> dict[int | None, dict[str, Any]]:
        return {}

    @cached_property
    def _phases(self) -> tuple[Phase, ...]:
        return self.family.phases(self.stars, self.config)

    def _inputs(self, number: int, rotation: Float[Array, "3 3"], half: int | None) -> tuple[Batch, Batch]:
        """Training and held-out rows of a member in a phase, with their weights."""
        phase = self._phases[number]
        rows, weight = phase.rows(rotation), jnp.asarray(self.stars.weight, float)
        parts = self.parts.rows(half), self.parts.held_out[: phase.judged]
        first, second = (Batch(rows[part], weight[part]) for part in parts)
        return first, second


class _Keys(NamedTuple):
    start: jax.Array
    descent: jax.Array
    rotation: jax.Array

    @classmethod
    def of(cls, seed: int) -> "_Keys":
        return cls(*jax.random.split(jax.random.key(seed), 3))


def flow_trainer(
    sample: PhaseSpaceSample,
    config: FlowConfig,
    sun: SolarPosition,
    *,
    coordinates: str,
    seed: int,
    like: FlowTrainer | None = None,
) -> FlowTrainer:
    """The trainer for the stars of ``sample``; ``coordinates`` is "disc" or "sphere", ``seed`` deals the halves.

    With the change of variables and the quadrature of another trainer its members can be trained ``like`` the other's,
    in one program: for other draws of the same stars.
    """
    if not np.all(np.isfinite(sample.w)):
        raise TrainingError("some stars have coordinates that are not finite")
    weight = np.ones(len(sample), np.float32) if sample.weight is None else np.asarray(sample.weight, np.float32)
    if not (np.all(np.isfinite(weight)) and np.all(weight > 0)):
        raise TrainingError("the weights of the stars must be positive and finite")
    proposal = fit_proposal(sample.w[:, :3], sample.region) if like is None else like.stars.proposal
    stars = TrainingStars(sample.w, weight / weight.mean(), sample.region, proposal)
    parts = split(sample, config.held_out, seed, halves=config.halves)
    family = family_of(config, fit_coordinates(sample.w, coordinates, sun)) if like is None else like.family
    if isinstance(family, WholeFlow):
        stars, parts = with_mirrored(stars, parts, config.padding, seed)
    return FlowTrainer(stars, family, parts, config)


def gather(trainer: FlowTrainer, members: list[tuple[FlowState, int | None]]) -> FlowEnsemble:
    """The ensemble of trained members; ``half`` is −1 for a member trained on both halves."""
    return FlowEnsemble(
        family=trainer.family,
        region=trainer.stars.region,
        proposal=trainer.stars.proposal,
        states=ensemble.stack([state for state, _ in members]),
        half=np.array([-1 if half is None else half for _, half in members]),
    )


def _as_long_as_the_shortest(batches: Sequence[Batch]) -> Batch:
    """Batches of equal length, stacked: their rows are in random order, so that the last are no worse to lose."""
    rows = min(len(batch.rows) for batch in batches)
    return ensemble.stack([Batch(batch.rows[:rows], batch.weight[:rows]) for batch in batches])


def _spread_out(tree: Any) -> Any:
    """A tree of members dealt out over the devices, where their number divides evenly."""
    devices = jax.devices()
    if len(devices) == 1 or ensemble.size(tree) % len(devices):
        return tree
    mesh = jax.sharding.Mesh(np.array(devices), ("members",))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("members"))
    return jax.device_put(tree, place)


def _progress(phase: Phase, before: float, report: Progress, checkpoint: Checkpoint) -> FlowProgress:
    fraction = before + phase.share * report.step / report.steps
    numbers = (report.step, report.steps, report.loss, report.held_out, report.change)
    return FlowProgress(phase.name, fraction, *numbers, checkpoint)
