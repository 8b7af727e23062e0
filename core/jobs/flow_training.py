"""The stage that trains flows: one after the other on a CPU, all of a task at once on an accelerator."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from core import ensemble
from core.errors import TrainingError
from core.flow.training import Checkpoint, FlowProgress, FlowTrainer, flow_trainer
from core.jobs.checkpoint import load_checkpoint, save_checkpoint
from core.jobs.execution import Task
from core.pipelines import RESAMPLED, flows_per_draw
from core.runs import artifacts, flow_files, products
from core.runs.artifacts import write_json


def train_flows(task: Task) -> list[Path]:
    """Train the members of a batch; members that are whole on disk, or have failed, are not trained again.

    A member that diverges is left out and said to be: the others are not its victims.
    """
    members = _members(task)
    # Members in one program fill an accelerator; on a CPU they only wait for each other.
    if jax.default_backend() == "cpu":
        for place, member in enumerate(members):
            if member.result is None:
                _train_one(task, member, lambda f, place=place: (place + f) / len(members))  # type: ignore[misc]
    elif waiting := [member for member in members if member.result is None]:
        _train_together(task, waiting)
    return [member.result for member in members if member.result]


def _members(task: Task) -> list["_Member"]:
    """The flows of a task; those of other draws have other stars, in the coordinates of the first draw."""
    config = task.run.manifest.config
    pipeline, numbers = task.spec.parameters["pipeline"], task.spec.parameters["members"]
    per_draw = flows_per_draw(halves=config.flow.halves) if pipeline in RESAMPLED else None
    trainers: dict[int, FlowTrainer] = {}
    for draw in {0 if per_draw is None else number // per_draw: None for number in numbers}:
        trainers[draw] = flow_trainer(
            task.stars(pipeline, draw),
            config.flow,
            config.solar,
            coordinates=config.flow_coordinates,
            seed=task.seed("split"),
            like=next(iter(trainers.values()), None),
        )
    return [_Member(task, trainers[0 if per_draw is None else number // per_draw], number) for number in numbers]


@dataclass(frozen=True)
class _Member:
    """One flow of a task that trains several."""

    task: Task
    trainer: FlowTrainer
    number: int

    @property
    def half(self) -> int | None:
        return self.number % 2 if self.trainer.config.halves else None

    @property
    def seed(self) -> int:
        return self.task.seed("flow", self.task.spec.parameters["pipeline"], self.number)

    @property
    def result(self) -> Path | None:
        """The file that it has left: a flow, or why there is none."""
        products_of = self.task.run.products, self.task.spec.parameters["pipeline"], self.number
        path, rejection = products.flow_path(*products_of), products.rejection_path(*products_of)
        if artifacts.is_whole(path):
            return path
        return rejection if rejection.is_file() else None

    def store(self, checkpoint: Checkpoint) -> None:
        """Finish the trained member and write it down."""
        try:
            state = self.trainer.finish(self.seed, checkpoint)
        except TrainingError as error:
            self.reject(error)
            return
        flow_files.write_flow_member(
            products.flow_path(self.task.run.products, self.task.spec.parameters["pipeline"], self.number),
            family=self.trainer.family,
            region=self.trainer.stars.region,
            proposal=self.trainer.stars.proposal,
            state=state,
            half=self._stored_half,
            held_out=self.trainer.held_out_log_df(state),
        )

    def reject(self, error: TrainingError) -> None:
        """Write down why there is no such flow."""
        path = products.rejection_path(self.task.run.products, self.task.spec.parameters["pipeline"], self.number)
        write_json(path, {"member": self.number, "half": self._stored_half, "reason": str(error)})

    @property
    def _stored_half(self) -> int:
        return -1 if self.half is None else self.half


def _train_one(task: Task, member: _Member, share: Callable[[float], float]) -> None:
    trainer = member.trainer
    identity = {"member": member.number, "seed": member.seed, "of": task.fingerprint}
    checkpoint = load_checkpoint(task.directory, identity, trainer.template)
    try:
        checkpoint = _followed(task, trainer.train(member.seed, member.half, checkpoint), identity, share, checkpoint)
    except TrainingError as error:
        member.reject(error)
        return
    member.store(checkpoint)


def _train_together(task: Task, members: list[_Member]) -> None:
    trainer, trainers = members[0].trainer, [m.trainer for m in members]
    seeds, halves = [m.seed for m in members], [m.half for m in members]
    identity = {"member": [m.number for m in members], "seed": seeds, "of": task.fingerprint}
    checkpoint = load_checkpoint(task.directory, identity, lambda phase: trainer.template(phase, len(members)))
    try:
        training = trainer.train_together(seeds, halves, checkpoint, trainers=trainers)
        checkpoint = _followed(task, training, identity, lambda f: f, checkpoint)
    except TrainingError as error:
        for member in members:
            member.reject(error)
        return
    for i, member in enumerate(members):
        member.store(ensemble.member(checkpoint, i))


def _followed(
    task: Task,
    training: Iterator[FlowProgress],
    identity: Mapping[str, Any],
    share: Callable[[float], float],
    checkpoint: Checkpoint | None,
) -> Checkpoint:
    """Run a training to its end, reporting and storing where it stands."""
    saved = time.monotonic()
    for progress in training:
        checkpoint = progress.checkpoint
        task.report(
            share(progress.fraction),
            member=_words(identity["member"]),
            phase=progress.phase,
            step=progress.step,
            steps=progress.steps,
            loss=progress.loss,
            held_out=progress.held_out,
            change=progress.change if np.isfinite(progress.change) else None,
        )
        if time.monotonic() - saved > task.run.manifest.config.jobs.checkpoint_seconds:
            save_checkpoint(task.directory, identity, checkpoint)
            saved = time.monotonic()
    assert checkpoint is not None
    return checkpoint


def _words(members: int | list[int]) -> str:
    """The members that a line of progress is about: one, or all that are trained together."""
    return str(members) if isinstance(members, int) else f"{members[0]}–{members[-1]}"
