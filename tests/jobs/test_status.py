"""What the directory of a run tells: its state, how far it is, what went wrong."""

import json
import shutil

import pytest
from small_runs import waiting_run

from core.jobs.events import append_line
from core.jobs.ownership import CANCEL_FILE, owned, record_state
from core.jobs.pausing import paused
from core.jobs.status import STATES, duration, progress_lines, run_status
from core.jobs.task_groups import task_groups
from core.runs.artifacts import write_json
from core.runs.registry import EMBEDDED_RUNS, find_run

FLOWS = "flows-df_seed-00"


@pytest.fixture
def run(tmp_path):
    return waiting_run(tmp_path / "runs")


def report(run, *fractions, task=FLOWS, start=100.0):
    for i, fraction in enumerate(fractions):
        append_line(run.path / "tasks" / task / "progress.jsonl", {"time": start + 10 * i, "fraction": fraction})


def flows_of(status):
    """How the training of the flows stands; the preview comes before it."""
    return next(task for task in status.tasks if task.spec.id == FLOWS)


def finish(run, *tasks):
    for task in tasks:
        report(run, 0.0, 1.0, task=task)
        write_json(run.path / "tasks" / task / "DONE", {})


def states(run):
    status = run_status(run)
    assert status.state in STATES
    assert {t.state for t in status.tasks} <= set(STATES)
    return status.state, flows_of(status).state


def test_a_run_that_never_started_is_waiting(run):
    status = run_status(run)
    assert states(run) == ("waiting", "waiting")
    assert (status.fraction, status.seconds_left, status.seconds_taken, status.tasks_done) == (0.0, None, None, 0)


def test_a_copy_of_the_demonstration_is_done_wherever_it_lies(tmp_path):
    """Its checkpoints did not come with the program."""
    shutil.copytree(min(EMBEDDED_RUNS.iterdir()), tmp_path / "runs" / "copy")
    status = run_status(find_run("copy", tmp_path / "runs"))
    assert not status.run.embedded
    assert (status.state, status.fraction, {task.state for task in status.tasks}) == ("done", 1.0, {"done"})


def test_running_with_a_free_lock_is_interrupted(run):
    record_state(run, "running", started=50.0)
    report(run, 0.0, 0.5)
    with owned(run):
        assert states(run) == ("running", "running")
        assert run_status(run).seconds_left > 0
    assert states(run) == ("interrupted", "interrupted")
    assert run_status(run).seconds_left is None


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '{"state": 5}'])
def test_a_damaged_state_is_decided_by_the_lock(content, run):
    (run.path / "state.json").write_text(content)
    assert states(run)[0] == "interrupted"
    with owned(run):
        assert states(run)[0] == "running"


def test_a_cancelled_run_has_cancelled_tasks(run):
    record_state(run, "cancelled", started=50.0, finished=60.0, error="stopped")
    report(run, 0.0, 0.5)
    (run.path / CANCEL_FILE).touch()
    status = run_status(run)
    assert states(run) == ("cancelled", "cancelled")
    assert (status.error, status.seconds_taken) == ("stopped", 10.0)


@pytest.mark.parametrize(
    ("content", "words"), [('{"message": "NaN", "exit_code": 1}', "NaN"), ("{", "log.txt"), ("[]", "log.txt")]
)
def test_a_failed_task_says_why(content, words, run):
    record_state(run, "failed", started=50.0, finished=60.0, error="task")
    report(run, 0.0, 0.5)
    (run.path / "tasks" / FLOWS / "error.json").write_text(content)
    task = flows_of(run_status(run))
    assert (task.state, task.fraction) == ("failed", 0.0)
    assert words in task.message


def test_what_a_failure_blocks_names_it_however_far_it_is(run):
    record_state(run, "failed", started=50.0, finished=60.0, error="task")
    (run.path / "tasks" / FLOWS / "error.json").write_text('{"message": "NaN", "exit_code": 1}')
    blocked = [task for task in run_status(run).tasks if task.state == "blocked"]
    assert {"sample-df_seed", "scalars"} <= {task.spec.id for task in blocked}
    assert {task.message for task in blocked} == {f"needs {FLOWS}, which failed"}


def test_of_a_paused_run_nobody_says_when_it_will_be_done(run):
    record_state(run, "running", started=50.0)
    report(run, 0.0, 0.5)
    with owned(run):
        with paused(run.path, "no room"):
            status = run_status(run)
            assert (states(run), status.error) == (("paused", "paused"), "no room")
            assert (status.seconds_left, flows_of(status).seconds_left, flows_of(status).fraction) == (None, None, 0.5)
            (group,) = (g for g in task_groups(status.tasks) if g.kind == "flows")
            assert (group.state, group.seconds_left) == ("paused", None)
        assert states(run) == ("running", "running")


def test_the_fraction_grows_to_one(run):
    found = [run_status(run).fraction]
    for fraction in (0.0, 0.3, 0.9):
        report(run, fraction)
        found.append(run_status(run).fraction)
    for task in run.manifest.tasks:
        finish(run, task.id)
        found.append(run_status(run).fraction)
    assert found == sorted(found)
    assert found[-1] == pytest.approx(1.0)
    assert run_status(run).tasks_done == len(run.manifest.tasks)


def test_a_new_attempt_starts_its_clock_anew(run):
    report(run, 0.0, 0.2, 0.4)
    report(run, 0.0, 0.5, start=5000.0)
    task = flows_of(run_status(run))
    assert (task.fraction, task.seconds) == (0.5, 10.0)


def test_the_pace_seen_so_far_sets_the_remaining_time(run):
    record_state(run, "running", started=50.0)
    report(run, 0.0, 0.5)
    with owned(run):
        before = run_status(run).seconds_left
        append_line(run.path / "tasks" / FLOWS / "progress.jsonl", {"time": 10_000.0, "fraction": 0.5})
        assert run_status(run).seconds_left > 10 * before


def test_progress_is_read_on_from_where_it_was_left(run):
    assert progress_lines(run, FLOWS) == ([], 0)
    report(run, 0.0, 0.1)
    first, offset = progress_lines(run, FLOWS)
    assert [line["fraction"] for line in first] == [0.0, 0.1]
    assert progress_lines(run, FLOWS, offset) == ([], offset)
    report(run, 0.2)
    assert [line["fraction"] for line in progress_lines(run, FLOWS, offset)[0]] == [0.2]


def test_half_a_line_waits_for_its_other_half_and_a_broken_one_is_skipped(run):
    path = run.path / "tasks" / FLOWS / "progress.jsonl"
    report(run, 0.0)
    with path.open("a") as file:
        file.write('{"time": 1, "frac')
    lines, offset = progress_lines(run, FLOWS)
    assert [line["fraction"] for line in lines] == [0.0]
    assert flows_of(run_status(run)).fraction == 0.0
    with path.open("a") as file:
        file.write('tion": 0.5}\n{"time": 2, "fra\n5\n{"time": 2}\n{"time": 3, "fraction": 0.7}\n')
    assert [line["fraction"] for line in progress_lines(run, FLOWS, offset)[0]] == [0.5, 0.7]


def test_machines_read_plain_values(run):
    record_state(run, "running", started=50.0)
    values = json.loads(json.dumps(run_status(run).to_json()))
    assert (values["name"], values["state"], values["path"]) == ("ball", "interrupted", str(run.path))
    assert [t["id"] for t in values["tasks"]] == [t.id for t in run.manifest.tasks]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words
