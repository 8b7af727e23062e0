"""The task graph of a fit: flows → sample and scores → potentials → scalars.

The flows of ``df_seed`` see the stars as they are, and everything that needs no others is computed from them; those of
``null`` see axisymmetrised stars; of a resampled pipeline (:mod:`core.pipelines`) every two see a draw of their own.
Weights are CPU seconds measured on one core of a 2020s server; they only set how progress and remaining time are shared
out.
"""

from collections.abc import Sequence

from core.config import Config, ContinuousConfig
from core.pipelines import (
    BOOTSTRAP,
    DF_SEED,
    NULL,
    OBSERVATIONAL_NOISE,
    POTENTIAL_SEED,
    SOLAR_POSITION,
    WEAK_FORM,
    flows_per_draw,
)
from core.runs.manifest import TaskSpec

_START = 6.0
"""Seconds to import and compile, for every task."""


STAGES = (("flows", "flows"), ("sample", "sample and scores"), ("potentials", "potentials"), ("scalars", "scalars"))
"""Kind of task and what a reader calls it, in the order of a run."""


def plan(config: Config, stars: int, *, measured: bool = False, preview: bool = True) -> tuple[TaskSpec, ...]:
    """The tasks of a fit to ``stars`` stars, in an order that respects what each needs.

    ``measured`` says that they have errors within which they can be drawn anew. The ``preview`` by the weak form comes
    first. It is left out where the density of the stars is not known, as in the conditional mode, or where the volume
    does not allow it: its equations hold for all stars of a place.
    """
    first = [_preview_task(stars)] if preview and config.flow.mode == "joint" else []
    flows = _flow_tasks(DF_SEED, config.flow.members, config, stars)
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
        null = _flow_tasks(NULL, counts.null_members, config, stars)
        sample = _sample_task(NULL, null, config, counts.null_members)
        tasks += [*null, sample, _potential_task(NULL, NULL, counts.null_members, sample, config)]
        ends.append(tasks[-1].id)
    for pipeline, draws in (
        (BOOTSTRAP, counts.bootstrap_members),
        (OBSERVATIONAL_NOISE, counts.noise_members if measured else 0),
    ):
        if draws:
            tasks += _resampled(pipeline, draws, scored, config, stars)
            ends.append(tasks[-1].id)
    return (*tasks, TaskSpec("scalars", "scalars", tuple(ends), {}, _START))


def _preview_task(stars: int) -> TaskSpec:
    return TaskSpec("preview", "potentials", (), {"pipeline": WEAK_FORM}, _START + 6e-6 * stars)


def _resampled(pipeline: str, draws: int, scored: TaskSpec, config: Config, stars: int) -> list[TaskSpec]:
    """Flows of every draw, their scores at the points of the best fit, and a potential for each draw."""
    members = draws * flows_per_draw(halves=config.flow.halves)
    flows = _flow_tasks(pipeline, members, config, stars, size=flows_per_draw(halves=config.flow.halves))
    sample = TaskSpec(
        id=f"sample-{pipeline}",
        kind="sample",
        needs=(*(t.id for t in flows), scored.id),
        parameters={"pipeline": pipeline, "draws": draws},
        weight=_START + members * config.sample.scored_points * _SCORE,
    )
    return [*flows, sample, _potential_task(pipeline, pipeline, draws, sample, config)]


def _flow_tasks(pipeline: str, members: int, config: Config, stars: int, size: int | None = None) -> list[TaskSpec]:
    """Batches of ``size`` members, each trained by one process with one compilation.

    Consecutive members are on different halves of the stars, so a batch sees both.
    """
    size = size or config.jobs.members_per_task
    batches = [list(range(first, min(first + size, members))) for first in range(0, members, size)]
    cost = _flow_seconds(config, stars)
    return [
        TaskSpec(
            id=f"flows-{pipeline}-{i:02d}",
            kind="flows",
            needs=(),
            parameters={"pipeline": pipeline, "members": batch},
            weight=_START + cost * len(batch),
        )
        for i, batch in enumerate(batches)
    ]


def _flow_seconds(config: Config, stars: int) -> float:
    """CPU seconds to train one member."""
    rows = config.flow.training_rows(stars)
    if config.flow.family == "continuous":
        return _continuous_seconds(config.flow.continuous, rows)
    if config.flow.family != "factored":
        joint = config.flow.joint
        # A layer of a spline costs about as much as one of logistics.
        size = joint.layers * joint.hidden * (joint.hidden + 3 * joint.components)
        return joint.training.length(rows) * _COUPLING_STEP * size * min(joint.training.batch, rows)
    density, velocity = config.flow.density, config.flow.velocity
    size = velocity.layers * velocity.hidden * (velocity.hidden + 3 * velocity.components)
    per_step = _COUPLING_STEP * size * min(velocity.training.batch, rows)
    density_step = 2.8e-3 * (density.nodes + density.training.batch) / 5120 * density.hidden / 64
    return velocity.training.length(rows) * per_step + density.training.length(rows) * density_step


_COUPLING_STEP = 1.6e-3 / (6 * 32 * 50 * 512)
"""Seconds for a step, by star and by weight of the networks that set the maps."""


def _continuous_seconds(flow: ContinuousConfig, rows: int) -> float:
    weights = flow.hidden * (7 + (flow.layers - 1) * flow.hidden + 6)
    matching = flow.matching.length(rows) * flow.matching.batch if flow.match else 0
    # A solved star costs six tangents at six stages of every step, there and back.
    solved = flow.likelihood.length(rows) * flow.likelihood.batch * flow.steps * 6 * 7
    return weights * (1e-9 * matching + 2e-9 * solved)


_SCORE = 2.5e-5
"""Seconds for the score of one member at one point."""


def _sample_task(pipeline: str, flows: Sequence[TaskSpec], config: Config, members: int) -> TaskSpec:
    stars = config.sample.flow_stars if pipeline == DF_SEED else config.sample.scored_points
    return TaskSpec(
        id=f"sample-{pipeline}",
        kind="sample",
        needs=tuple(t.id for t in flows),
        parameters={"pipeline": pipeline},
        weight=_START + stars * 5e-5 + members * config.sample.scored_points * _SCORE,
    )


def _potential_task(pipeline: str, flows: str, members: int, scored: TaskSpec, config: Config) -> TaskSpec:
    network = config.potential.network
    training = network.training.length(config.sample.scored_points) * network.hidden**2 * network.layers
    cost = training * network.training.batch * 8e-10 if config.potential.solver == "network" else 0.5
    return TaskSpec(
        id=f"potentials-{pipeline}",
        kind="potentials",
        needs=(scored.id,),
        parameters={"pipeline": pipeline, "flows": flows, "members": members},
        weight=_START + members * cost,
    )


def estimated_seconds(tasks: Sequence[TaskSpec], workers: int) -> float:
    """Wall seconds of a graph on ``workers`` cores: tasks in order, each on the first core that is free."""
    ends: dict[str, float] = {}
    free = [0.0] * max(workers, 1)
    for task in tasks:
        ready = max((ends[need] for need in task.needs), default=0.0)
        core = min(range(len(free)), key=free.__getitem__)
        free[core] = ends[task.id] = max(free[core], ready) + task.weight
    return max(ends.values(), default=0.0)
