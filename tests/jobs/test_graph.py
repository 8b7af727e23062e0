"""The plan of a fit: everything after what it needs, both halves in every batch, and an honest estimate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import PRESETS, preset
from core.jobs.graph import estimated_seconds, plan
from core.jobs.machine import Machine, is_for_accelerator

STARS = 50_000


def seconds_of(config, stars, cores=2):
    return estimated_seconds(plan(config, stars), config, Machine(cores))


def members_of(tasks, pipeline):
    return [t.parameters["members"] for t in tasks if t.kind == "flows" and t.parameters["pipeline"] == pipeline]


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("frame", ["rotating", "inertial"])
@pytest.mark.parametrize("measured", [True, False])
def test_every_task_comes_after_what_it_needs(name, frame, measured):
    tasks = plan(preset(name, {"potential.frame": frame}), STARS, measured=measured)
    done = []
    for task in tasks:
        assert set(task.needs) <= set(done)
        done.append(task.id)
    assert len(set(done)) == len(done)
    assert done[-1] == "scalars"
    needed = {need for task in tasks for need in task.needs}
    assert needed == set(done[:-1])  # nothing is done for nobody


@given(members=st.integers(1, 20), size=st.integers(1, 7))
def test_batches_hold_every_member_once_and_both_halves(members, size):
    config = preset("quick", {"flow.members": members, "jobs.members_per_task": size})
    batches = members_of(plan(config, STARS), "df_seed")
    assert [m for batch in batches for m in batch] == list(range(members))
    assert all(len(batch) <= size for batch in batches)
    assert all({m % 2 for m in batch} == {0, 1} for batch in batches if len(batch) > 1)


@pytest.mark.parametrize(
    ("frame", "count", "expected"), [("rotating", 0, 0), ("rotating", 3, 3), ("inertial", 3, 0), ("inertial", 0, 0)]
)
def test_the_null_test_is_made_when_asked_for_and_something_rotates(frame, count, expected):
    config = preset("quick", {"potential.frame": frame, "pipelines.null_members": count})
    tasks = plan(config, STARS)
    assert sum(map(len, members_of(tasks, "null"))) == expected
    assert any("null" in t.id for t in tasks) == bool(expected)
    assert ("potentials-null" in tasks[-1].needs) == bool(expected)


@pytest.mark.parametrize("halves", [True, False])
@given(draws=st.integers(0, 9), size=st.integers(1, 4))
def test_every_draw_of_the_stars_has_a_task_and_flows_of_its_own(halves, draws, size):
    config = preset(
        "quick",
        {
            "flow.halves": halves,
            "jobs.members_per_task": size,
            "pipelines.bootstrap_members": draws,
            "pipelines.noise_members": draws,
        },
    )
    for pipeline, measured in (("bootstrap", False), ("observational_noise", True)):
        batches = members_of(plan(config, STARS, measured=measured), pipeline)
        assert batches == [[2 * d, 2 * d + 1] if halves else [d] for d in range(draws)]
    assert members_of(plan(config, STARS), "observational_noise") == []


def test_the_paper_preset_measures_every_uncertainty():
    tasks = plan(preset("paper"), STARS, measured=True)
    counts = {t.parameters["pipeline"]: t.parameters["members"] for t in tasks if "flows" in t.parameters}
    assert counts == {
        "potential_seed": 16,
        "df_seed": 16,
        "solar_position": 16,
        "null": 4,
        "bootstrap": 8,
        "observational_noise": 8,
    }


@pytest.mark.parametrize(
    ("mode", "allowed", "expected"),
    [("joint", True, True), ("joint", False, False), ("conditional", True, False)],
)
def test_the_preview_comes_first_where_it_is_possible(mode, allowed, expected):
    tasks = plan(preset("quick", {"flow.mode": mode}), STARS, preview=allowed)
    assert ("preview" in tasks[-1].needs) == expected
    assert (tasks[0].id, tasks[0].needs) == (("preview", ()) if expected else ("flows-df_seed-00", ()))


@pytest.mark.parametrize("name", PRESETS)
def test_more_cores_never_take_longer_and_no_plan_beats_its_longest_chain(name):
    config = preset(name)
    tasks = plan(config, STARS)
    seconds = [estimated_seconds(tasks, config, Machine(cores)) for cores in (1, 2, 4, 8, 64)]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] == pytest.approx(sum(t.weight for t in tasks))
    ends = {}
    for task in tasks:
        ends[task.id] = task.weight + max((ends[need] for need in task.needs), default=0.0)
    assert seconds[-1] == pytest.approx(max(ends.values()))


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("flow.members", 2, 4),
        ("flow.velocity.training.steps", 1000, 2000),
        ("flow.velocity.hidden", 16, 32),
        ("flow.density.waves", 0, 256),
        ("sample.scored_points", 10_000, 20_000),
        ("potential.members", 4, 8),
        ("pipelines.null_members", 0, 2),
        ("pipelines.bootstrap_members", 1, 2),
        ("pipelines.solar_members", 0, 8),
    ],
)
def test_more_work_is_never_estimated_shorter(key, low, high):
    short, long = (preset("quick", {key: v}) for v in (low, high))
    assert seconds_of(short, STARS, 1) < seconds_of(long, STARS, 1)
    # On two cores a longer potential can hide behind another task.
    assert seconds_of(short, STARS) <= seconds_of(long, STARS)


@pytest.mark.parametrize(
    ("family", "key", "low", "high"),
    [
        ("joint", "joint.layers", 6, 12),
        ("joint", "joint.training.steps", 1000, 2000),
        ("spline", "joint.components", 4, 8),
        ("continuous", "continuous.hidden", 32, 64),
        ("continuous", "continuous.layers", 1, 3),
        ("continuous", "continuous.steps", 4, 8),
        ("continuous", "continuous.matching.steps", 1000, 2000),
        ("continuous", "continuous.likelihood.steps", 100, 200),
        ("continuous", "continuous.match", False, True),
    ],
)
def test_every_family_is_estimated_by_its_own_settings(family, key, low, high):
    def seconds(family, value):
        config = preset("quick", {"flow.family": family, f"flow.{key}": value})
        return seconds_of(config, STARS)

    assert seconds(family, low) < seconds(family, high)
    assert seconds("factored", low) == seconds("factored", high)


@pytest.mark.parametrize("family", ["factored", "joint", "spline", "continuous"])
def test_more_stars_are_never_estimated_shorter(family):
    config = preset("quick", {"flow.family": family})
    seconds = [seconds_of(config, stars) for stars in (1000, 10_000, 100_000, 1_000_000)]
    assert seconds == sorted(seconds)


def test_nothing_to_do_takes_no_time():
    assert estimated_seconds((), preset("quick"), Machine(2)) == 0.0


@pytest.mark.parametrize("halves", [True, False])
@given(draws=st.integers(1, 20), at_once=st.integers(1, 20))
def test_an_accelerator_gets_as_many_flows_at_once_as_it_may_and_no_torn_draw(halves, draws, at_once):
    config = preset(
        "quick",
        {
            "flow.halves": halves,
            "flow.members": draws,
            "jobs.members_at_once": at_once,
            "pipelines.bootstrap_members": draws,
        },
    )
    tasks = plan(config, STARS, accelerated=True)
    per_draw = 2 if halves else 1
    for pipeline, members, smallest in (("df_seed", draws, 1), ("bootstrap", per_draw * draws, per_draw)):
        batches = members_of(tasks, pipeline)
        assert [m for batch in batches for m in batch] == list(range(members))
        assert all(len(batch) <= max(at_once, smallest) for batch in batches)
        assert all(len(batch) > max(at_once, smallest) - smallest for batch in batches[:-1])
        assert all(len(batch) % smallest == 0 for batch in batches)


def test_tasks_of_an_accelerator_wait_for_each_other_and_the_others_do_not():
    config = preset("paper")
    tasks = plan(config, STARS, accelerated=True)
    many = estimated_seconds(tasks, config, Machine(64, accelerated=True))
    assert many >= sum(t.weight for t in tasks if is_for_accelerator(t, config))
    assert many < sum(t.weight for t in tasks)
    assert many < estimated_seconds(plan(config, 5_600_000), config, Machine(64))


@pytest.mark.parametrize(
    ("solver", "expected"),
    [
        ("convex", {"flows", "sample"}),
        ("guided", {"flows", "sample"}),
        ("network", {"flows", "sample", "potentials"}),
    ],
)
def test_only_what_gains_from_an_accelerator_asks_for_it(solver, expected):
    config = preset("quick", {"potential.solver": solver})
    tasks = plan(config, STARS, accelerated=True, preview=False)
    assert {t.kind for t in tasks if is_for_accelerator(t, config)} == expected
