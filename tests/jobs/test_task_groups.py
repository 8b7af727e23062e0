"""Groups hold every task once, and the drawing of any graph puts no two boxes in one place."""

import dataclasses
from itertools import pairwise

import pytest

from core.config import PRESETS, preset
from core.jobs.graph import plan
from core.jobs.status import STATES, TaskStatus
from core.jobs.task_groups import task_groups
from dashboard.plots.diagrams import task_diagram, task_summary

GRAPHS = {
    **{name: (preset(name, {}), {}) for name in PRESETS},
    "measured paper": (preset("paper", {}), {"measured": True}),
    "accelerated paper": (preset("paper", {}), {"measured": True, "accelerated": True}),
    "inertial": (preset("quick", {"potential.frame": "inertial"}), {}),
    "conditional": (preset("quick", {"flow.mode": "conditional"}), {}),
    "null test": (preset("quick", {"pipelines.null_members": 2}), {}),
}


def waiting(case):
    config, options = GRAPHS[case]
    return [TaskStatus(spec, "waiting", 0.0) for spec in plan(config, 100_000, **options)]


@pytest.mark.parametrize("case", GRAPHS)
def test_every_task_is_in_one_group_and_none_waits_for_what_comes_later(case):
    tasks = waiting(case)
    groups = task_groups(tasks)
    assert sorted(t.spec.id for g in groups for t in g.tasks) == sorted(t.spec.id for t in tasks)
    seen = set()
    for group in groups:
        assert set(group.needs) <= seen
        seen.add(group.key)
        assert len({(t.spec.kind, t.spec.parameters.get("pipeline")) for t in group.tasks}) == 1


@pytest.mark.parametrize("case", GRAPHS)
def test_no_two_boxes_overlap_and_lines_lead_to_the_right(case):
    diagram = task_diagram(task_groups(waiting(case)), {})
    nodes = {node["key"]: node for node in diagram["nodes"]}
    for column in range(diagram["columns"]):
        rows = sorted(node["row"] for node in nodes.values() if node["column"] == column)
        assert all(b - a >= 1 for a, b in pairwise(rows)), rows
    assert all(0 <= node["row"] <= diagram["rows"] - 1 for node in nodes.values())
    assert all(nodes[a]["column"] <= nodes[b]["column"] for a, b in diagram["edges"])
    titles = [node["title"] for node in nodes.values()]
    assert len(set(titles)) == len(titles)


def with_states(*states, seconds=30.0):
    specs = plan(preset("paper", {}), 100_000)[1 : 1 + len(states)]
    fractions = {"done": 1.0, "running": 0.25}
    return [
        TaskStatus(s, state, fractions.get(state, 0.0), "", seconds) for s, state in zip(specs, states, strict=True)
    ]


STANDING = {
    ("done", "done"): "done",
    ("done", "waiting"): "waiting",
    ("done", "running"): "running",
    ("waiting", "running", "failed"): "failed",
    ("interrupted", "waiting"): "interrupted",
    ("cancelled", "done"): "cancelled",
}


@pytest.mark.parametrize("states", STANDING)
def test_a_group_stands_as_its_most_urgent_task(states):
    (group,) = task_groups(with_states(*states))
    assert group.state == STANDING[states]
    assert group.done == states.count("done")
    assert 0 <= group.fraction <= 1
    words = task_summary([group], {group.key: 2})
    assert group.state in words.lower()
    assert "Left out: 2 of DF seed flows." in words
    (node,) = task_diagram([group], {group.key: 2})["nodes"]
    assert node["detail"].endswith("2 left out")
    assert set(states) <= set(STATES)


def test_the_time_left_is_that_of_the_slowest_where_all_have_begun():
    (group,) = task_groups(with_states("done", "running", "running"))
    assert group.seconds_left == pytest.approx(90)
    slower = dataclasses.replace(group.tasks[1], seconds=60.0)
    assert dataclasses.replace(group, tasks=(*group.tasks, slower)).seconds_left == pytest.approx(180)
    for states in (("running", "waiting"), ("done", "done"), ("waiting",)):
        assert task_groups(with_states(*states))[0].seconds_left is None
