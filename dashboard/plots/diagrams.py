"""The task graph of a run as it goes, as markup."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.jobs.graph import STAGES
from core.jobs.status import GOING, STATES, duration
from core.jobs.task_groups import TaskGroup

COLUMNS = tuple(kind for kind, _ in STAGES)


def task_diagram(groups: Sequence[TaskGroup], left_out: Mapping[str, int]) -> dict[str, Any]:
    """The graph of a run as plain values: ``nodes`` in columns and rows, ``edges`` between their keys, number of
    ``rows``. ``left_out`` counts by group what could not be made.
    """
    rows = _rows(groups)
    nodes = [
        {
            "key": group.key,
            "column": COLUMNS.index(group.kind),
            "row": rows[group.key],
            "title": group.title,
            "detail": _detail(group, left_out.get(group.key, 0)),
            "state": group.state,
            "done": round(100 * group.fraction),
        }
        for group in groups
    ]
    edges = [[need, group.key] for group in groups for need in group.needs]
    return {"nodes": nodes, "edges": edges, "columns": len(COLUMNS), "rows": int(max(rows.values(), default=-1)) + 1}


def _rows(groups: Sequence[TaskGroup]) -> dict[str, float]:
    """A row for every group of potentials, by what they are fitted to; all else in the middle of what follows it."""
    potentials = [group for group in groups if group.kind == "potentials"]
    fed = dict.fromkeys(need for group in potentials for need in group.needs)
    # What waits for nothing, the preview, comes last: it stands beside the others.
    ordered = [g for need in fed for g in potentials if g.needs[:1] == (need,)] + [g for g in potentials if not g.needs]
    rows = {group.key: float(row) for row, group in enumerate(ordered)}
    for kind in ("sample", "flows"):
        for group in groups:
            if group.kind == kind:
                next_kind = COLUMNS[COLUMNS.index(kind) + 1]
                following = [rows[g.key] for g in groups if g.kind == next_kind and group.key in g.needs]
                rows[group.key] = _middle(following) if following else float(len(rows))
    for group in groups:
        rows.setdefault(group.key, _middle([rows[need] for need in group.needs if need in rows] or [0.0]))
    return rows


def _middle(rows: Sequence[float]) -> float:
    return (min(rows) + max(rows)) / 2


def _detail(group: TaskGroup, left_out: int) -> str:
    """How far a group is, in a few words."""
    count, parts = len(group.tasks), [group.state]
    if group.state in GOING:
        parts = [f"{100 * group.fraction:.0f} %", *(["paused"] if group.state == "paused" else [])]
    if count > 1 and group.state != "done":
        parts.insert(0, f"{group.done} of {count}")
    if group.seconds_left is not None:
        parts.append(f"{duration(group.seconds_left)} left")
    if left_out:
        parts.append(f"{left_out} left out")
    return " · ".join(parts)


def task_summary(groups: Sequence[TaskGroup], left_out: Mapping[str, int]) -> str:
    """What the graph shows, in a sentence for each state that occurs."""
    sentences = []
    for state in STATES:
        of = [group for group in groups if group.state == state]
        if state == "done" and len(of) == len(groups):
            sentences.append("Everything is done.")
        elif of:
            named = ", ".join(f"{g.title} ({_detail(g, 0)})" if state == "running" else g.title for g in of)
            sentences.append(f"{state.capitalize()}: {named}.")
    if told := [group.title for group in groups if any(task.events for task in group.tasks)]:
        sentences.append(f"Repeated, repaired or delayed, see there: {', '.join(told)}.")
    lost = [f"{left_out[group.key]} of {group.title}" for group in groups if left_out.get(group.key)]
    return " ".join([*sentences, *([f"Left out: {', '.join(lost)}."] if lost else [])])
