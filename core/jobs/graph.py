"""The task graph of a fit: flows → sample and scores → potentials → scalars.

The flows of ``df_seed`` see the stars as they are, and everything that needs no others is computed from them; those of
``null`` see axisymmetrised stars; of a resampled pipeline (:mod:`core.pipelines`) every two see a draw of their own.
Weights are those of :mod:`core.jobs.costs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.config import Config
from core.jobs.costs import SCORE, START, potential_seconds, seconds_alone, seconds_at_once
from core.jobs.machine import Machine, is_for_accelerator
from core.pipelines import (
    BOOTSTRAP,
    DF_SEED,
    NULL,
    OBSERVATIONAL_NOISE,
    POTENTIAL_SEED,
    RESAMPLED,
    SOLAR_POSITION,
    WEAK_FORM,
    flows_per_draw,
)
from core.runs.manifest import TaskSpec

STAGES = (("flows", "flows"), ("sample", "sample and scores"), ("potentials", "potentials"), ("scalars", "scalars"))
"""Kind of task and what a reader calls it, in the order of a run."""


def plan(
    config: Config, stars: int, *, measured: bool = False, preview: bool = True, accelerated: bool = False
) -> tuple[TaskSpec, ...]:
    """The tasks of a fit to ``stars`` stars, in an order that respects what each needs.

    ``measured`` says that they have errors within which they can be drawn anew. The ``preview`` by the weak form comes
    first. It is left out where the density of the stars is not known, as in the conditional mode, or where the volume
    does not allow it: its equations hold for all stars of a place. ``accelerated`` says that there is an accelerator,
    which is filled by many flows at once.
    """
    batches = _Batches(config, stars, accelerated)
    first = [_preview_task(stars)] if preview and config.flow.mode == "joint" else []
    flows = _flow_tasks(DF_SEED, config.flow.members, batches)
    scored = _sample_task(DF_SEED, flows, config, config.flow.members)
    potentials = [
        _potential_task(POTENTIAL_SEED, DF_SEED, config.potential.members, scored, config),
        _potential_task(DF_SEED, DF_SEED, config.flow.members, scored, config),
    ]
    rotating, counts = config.potential.frame == "rotating", config.pipelines
    if rotating and counts.solar_members:
        potentials.append(_potential_task(SOLAR_POSITION, DF_SEED, counts.solar_members, scored, config))
    tasks = [*first, *flows, scored, *potentials]
    ends = [task.id for task in (*first, *potentials)]
    if rotating and counts.null_members:
        null = _flow_tasks(NULL, counts.null_members, batches)
        sample = _sample_task(NULL, null, config, counts.null_members)
        tasks += [*null, sample, _potential_task(NULL, NULL, counts.null_members, sample, config)]
        ends.append(tasks[-1].id)
    for pipeline, draws in (
        (BOOTSTRAP, counts.bootstrap_members),
        (OBSERVATIONAL_NOISE, counts.noise_members if measured else 0),
    ):
        if draws:
            tasks += _resampled(pipeline, draws, scored, batches)
            ends.append(tasks[-1].id)
    return (*tasks, TaskSpec("scalars", "scalars", tuple(ends), {}, START))


def _preview_task(stars: int) -> TaskSpec:
    return TaskSpec("preview", "potentials", (), {"pipeline": WEAK_FORM}, START + 6e-6 * stars)


@dataclass(frozen=True)
class _Batches:
    """How flows are dealt to tasks, each of which is one process with one compilation, and what a task costs."""

    config: Config
    stars: int
    accelerated: bool

    def of(self, pipeline: str, members: int) -> list[list[int]]:
        """Consecutive members are on different halves of the stars, so a batch sees both; no draw is torn apart."""
        per_draw = flows_per_draw(halves=self.config.flow.halves) if pipeline in RESAMPLED else 1
        size = self.config.jobs.members_at_once if self.accelerated else self.config.jobs.members_per_task
        if pipeline in RESAMPLED:
            size = max(size // per_draw, 1) * per_draw if self.accelerated else per_draw
        return [list(range(first, min(first + size, members))) for first in range(0, members, size)]

    def seconds(self, pipeline: str, members: int) -> float:
        """Seconds to train so many."""
        rows = self.config.flow.training_rows(self.stars)
        if self.accelerated:
            # Members on one half of the same stars share n(x).
            densities = members if pipeline in RESAMPLED else min(members, 2)
            return seconds_at_once(self.config.flow, rows, members, densities)
        return START + members * seconds_alone(self.config.flow, rows)


def _resampled(pipeline: str, draws: int, scored: TaskSpec, batches: _Batches) -> list[TaskSpec]:
    """Flows of every draw, their scores at the points of the best fit, and a potential for each draw."""
    config = batches.config
    members = draws * flows_per_draw(halves=config.flow.halves)
    flows = _flow_tasks(pipeline, members, batches)
    sample = TaskSpec(
        id=f"sample-{pipeline}",
        kind="sample",
        needs=(*(t.id for t in flows), scored.id),
        parameters={"pipeline": pipeline, "draws": draws},
        weight=START + members * config.sample.scored_points * SCORE,
    )
    return [*flows, sample, _potential_task(pipeline, pipeline, draws, sample, config)]


def _flow_tasks(pipeline: str, members: int, batches: _Batches) -> list[TaskSpec]:
    return [
        TaskSpec(
            id=f"flows-{pipeline}-{i:02d}",
            kind="flows",
            needs=(),
            parameters={"pipeline": pipeline, "members": batch},
            weight=batches.seconds(pipeline, len(batch)),
        )
        for i, batch in enumerate(batches.of(pipeline, members))
    ]


def _sample_task(pipeline: str, flows: Sequence[TaskSpec], config: Config, members: int) -> TaskSpec:
    stars = config.sample.flow_stars if pipeline == DF_SEED else config.sample.scored_points
    return TaskSpec(
        id=f"sample-{pipeline}",
        kind="sample",
        needs=tuple(t.id for t in flows),
        parameters={"pipeline": pipeline},
        weight=START + stars * 5e-5 + members * config.sample.scored_points * SCORE,
    )


def _potential_task(pipeline: str, flows: str, members: int, scored: TaskSpec, config: Config) -> TaskSpec:
    return TaskSpec(
        id=f"potentials-{pipeline}",
        kind="potentials",
        needs=(scored.id,),
        parameters={"pipeline": pipeline, "flows": flows, "members": members},
        weight=START + members * potential_seconds(config),
    )


def estimated_seconds(tasks: Sequence[TaskSpec], config: Config, machine: Machine) -> float:
    """Wall seconds of a graph: tasks in order, each on the first core that is free, or on the accelerator."""
    ends: dict[str, float] = {}
    cores, accelerator = [0.0] * max(machine.cores, 1), [0.0]
    for task in tasks:
        free = accelerator if machine.accelerated and is_for_accelerator(task, config) else cores
        ready = max((ends[need] for need in task.needs), default=0.0)
        first = min(range(len(free)), key=free.__getitem__)
        free[first] = ends[task.id] = max(free[first], ready) + task.weight
    return max(ends.values(), default=0.0)
