"""The tasks of a run as a reader thinks of them: all of one kind and pipeline together, and what they wait for."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.jobs.graph import STAGES
from core.jobs.status import TaskStatus
from core.pipelines import TITLES

_URGENT = ("failed", "paused", "running", "interrupted", "cancelled", "blocked")
"""States of one task that are those of its group, the first of them that occurs."""
_NAMES = dict(STAGES) | {"sample": "scores"}


@dataclass(frozen=True)
class TaskGroup:
    """Tasks of one ``kind`` and ``pipeline`` (empty for the scalars); ``needs`` are the keys of groups before it."""

    key: str
    kind: str
    pipeline: str
    tasks: tuple[TaskStatus, ...]
    needs: tuple[str, ...]

    @property
    def title(self) -> str:
        """What a reader calls it."""
        return " ".join(filter(None, (TITLES.get(self.pipeline, self.pipeline), _NAMES[self.kind])))

    @property
    def state(self) -> str:
        """Done when all are, else the most urgent state of any, else waiting."""
        states = [task.state for task in self.tasks]
        if set(states) == {"done"}:
            return "done"
        return next((state for state in _URGENT if state in states), "waiting")

    @property
    def done(self) -> int:
        """Number of tasks that are done."""
        return sum(task.state == "done" for task in self.tasks)

    @property
    def fraction(self) -> float:
        """How much of the work is done, 0 to 1."""
        total = sum(task.spec.weight for task in self.tasks)
        return sum(task.spec.weight * task.fraction for task in self.tasks) / total if total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Expected seconds to its end; None where nothing runs or some have yet to begin."""
        left = [task.seconds_left for task in self.tasks if task.state == "running"]
        waits = any(task.state == "waiting" for task in self.tasks)
        return None if waits or not left else max((s for s in left if s is not None), default=None)


def task_groups(tasks: Sequence[TaskStatus]) -> tuple[TaskGroup, ...]:
    """All groups of a run, in the order of their first tasks."""
    members: dict[str, list[TaskStatus]] = {}
    for task in tasks:
        members.setdefault(_key(task), []).append(task)
    group_of = {task.spec.id: key for key, of in members.items() for task in of}
    groups = []
    for key, of in members.items():
        needs = dict.fromkeys(group_of[need] for task in of for need in task.spec.needs if need in group_of)
        groups.append(TaskGroup(key, of[0].spec.kind, _pipeline(of[0]), tuple(of), tuple(needs)))
    return tuple(groups)


def _pipeline(task: TaskStatus) -> str:
    return str(task.spec.parameters.get("pipeline", ""))


def _key(task: TaskStatus) -> str:
    return f"{task.spec.kind} {_pipeline(task)}".strip()


def task_title(task: TaskStatus) -> str:
    """What a reader calls one task of a group: the flows it trains, else its id."""
    members = task.spec.parameters.get("members")
    if task.spec.kind == "flows" and isinstance(members, (list, tuple)):
        return f"flows {', '.join(map(str, members))}"
    return task.spec.id
