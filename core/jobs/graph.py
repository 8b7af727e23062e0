"""The task graph of a fit: flows → sample and scores → potentials → scalars.

A pipeline is a set of flows trained on one version of the stars: ``df_seed`` on the stars as they are, ``null`` on the
axisymmetrised ones. Weights are CPU seconds measured on one core of a 2020s server; they only set how progress and
remaining time are shared out.
"""

from collections.abc import Sequence

from core.config import Config, ContinuousConfig
from core.runs.manifest import TaskSpec

_START = 6.0
"""Seconds to import and compile, for every task."""


def plan(config: Config, stars: int) -> tuple[TaskSpec, ...]:
    """The tasks of a fit to ``stars`` stars, in an order that respects what each needs."""
    flows = _flow_tasks("df_seed", config.flow.members, config, stars)
    scored = _sample_task("df_seed", flows, config)
    potentials = [
        _potential_task("potential_seed", "df_seed", config.potential.members, scored, config),
        _potential_task("df_seed", "df_seed", config.flow.members, scored, config),
    ]
    null: list[TaskSpec] = []
    count = config.pipelines.null_members
    if count and config.potential.frame == "rotating":
        null = _flow_tasks("null", count, config, stars)
        null.append(_sample_task("null", null, config))
        potentials.append(_potential_task("null", "null", count, null[-1], config))
    scalars = TaskSpec("scalars", "scalars", tuple(t.id for t in potentials), {}, _START)
    return (*flows, *null, scored, *potentials, scalars)


def _flow_tasks(pipeline: str, members: int, config: Config, stars: int) -> list[TaskSpec]:
    """Batches of members, each trained by one process with one compilation.

    Consecutive members are on different halves of the stars, so a batch sees both.
    """
    size = config.jobs.members_per_task
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


def _sample_task(pipeline: str, flows: Sequence[TaskSpec], config: Config) -> TaskSpec:
    members = config.flow.members if pipeline == "df_seed" else config.pipelines.null_members
    stars = config.sample.flow_stars if pipeline == "df_seed" else config.sample.scored_points
    return TaskSpec(
        id=f"sample-{pipeline}",
        kind="sample",
        needs=tuple(t.id for t in flows),
        parameters={"pipeline": pipeline},
        weight=_START + stars * 5e-5 + members * config.sample.scored_points * 2.5e-5,
    )


def _potential_task(pipeline: str, flows: str, members: int, scored: TaskSpec, config: Config) -> TaskSpec:
    network = config.potential.network
    training = network.training.length(config.sample.scored_points) * network.hidden**2 * network.layers
    cost = 0.5 if config.potential.solver == "convex" else training * network.training.batch * 8e-10
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
