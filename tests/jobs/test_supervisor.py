"""What becomes of a task whose process dies, finds no room, errs, or works for nobody."""

import errno
import os
import sys
import threading

import pytest
from small_runs import waiting_run

from core.errors import CancelledError
from core.jobs import pausing, supervisor, task
from core.jobs.events import append_line, events
from core.jobs.ownership import CANCEL_FILE, owned, record_state
from core.jobs.pausing import pause
from core.jobs.status import run_status
from core.jobs.supervisor import TaskFailedError, supervise
from core.runs.artifacts import write_json

FLOWS = "flows-df_seed-00"


@pytest.fixture
def run(tmp_path):
    return waiting_run(tmp_path / "runs")


@pytest.fixture
def process(run, monkeypatch):
    """``process(code, code, …)``: how the attempts at the task end; the list holds what was asked of each."""
    pauses = []
    monkeypatch.setattr(supervisor._Watch, "wait", lambda self, seconds: pauses.append(seconds))

    def ends(*codes, further=False):
        left = list(codes)

        def attempted(run, task_id, watch, environment):
            directory = run.path / "tasks" / task_id
            if further:
                append_line(directory / "progress.jsonl", {"time": 1, "fraction": 1 - len(left) / 100})
            code = left.pop(0)
            if code == 2:
                write_json(directory / "error.json", {"message": "no stars", "exit_code": 2, "passing": False})
            return code

        monkeypatch.setattr(supervisor, "_attempted", attempted)
        return pauses

    return ends


def told(run):
    return [event.message for event in events(run.path / "tasks" / FLOWS)]


def test_a_process_that_dies_is_started_again_after_ever_longer_pauses(run, process):
    pauses = process(-9, -9, -9, 0)
    assert supervise(str(run.path), FLOWS) == FLOWS
    assert pauses == [1.0, 4.0, 16.0]
    assert len(told(run)) == 3
    assert "signal 9" in told(run)[0]


def test_a_process_that_was_told_to_end_is_not_taken_to_have_lacked_memory(run, process):
    process(-15, 0)
    supervise(str(run.path), FLOWS)
    assert told(run)[0].startswith("its process ended with signal 15; see ")


def test_one_that_gets_no_further_fails_in_the_end_and_says_why(run, process):
    process(*[-9] * 4)
    with pytest.raises(TaskFailedError, match="signal 9 \\(out of memory\\?\\)"):
        supervise(str(run.path), FLOWS)


def test_one_that_gets_further_each_time_is_never_given_up(run, process):
    process(*[-9] * 12, 0, further=True)
    assert supervise(str(run.path), FLOWS) == FLOWS


def test_an_error_that_will_come_again_is_not_tried_again(run, process):
    pauses = process(2)
    with pytest.raises(TaskFailedError, match="no stars") as caught:
        supervise(str(run.path), FLOWS)
    assert (caught.value.exit_code, pauses) == (2, [])


def test_without_room_the_run_pauses_says_so_and_goes_on(run, process, monkeypatch):
    process(task.DISK_FULL, 0)
    seen = []

    def wait(path, check):
        check()
        record_state(run, "running", started=1.0)
        with owned(run):
            status = run_status(run)
        seen.append((status.state, status.error))

    monkeypatch.setattr(supervisor, "wait_for_room", wait)
    assert supervise(str(run.path), FLOWS) == FLOWS
    assert seen == [("paused", "there is no room on the disk; the run goes on when there is")]
    assert pause(run.path) is None
    assert told(run) == ["no room on the disk: waited for some"]


def test_waiting_for_room_ends_with_room_or_with_a_request_to_stop(run, monkeypatch):
    free = iter([10, 10, 10 + 2**21])
    usage = type("Usage", (), {})

    def disk_usage(path):
        found = usage()
        found.free = next(free)
        return found

    monkeypatch.setattr(pausing.shutil, "disk_usage", disk_usage)
    pausing.wait_for_room(run.path, lambda: None)
    (run.path / CANCEL_FILE).touch()
    free = iter([10] * 9)
    with pytest.raises(CancelledError):
        pausing.wait_for_room(run.path, supervisor._Watch(run.path, "").check)


def test_a_task_stops_when_its_runner_is_gone_or_another_has_taken_over(run):
    with owned(run) as lease:
        watch = supervisor._Watch(run.path, lease.token)
        watch._needs_asking = True  # as on another machine
        watch.check()
        lease.renew()
        watch._asked = -100.0
        with pytest.raises(CancelledError, match="runner of this task is gone"):
            watch.check()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("place", ["write_json", "append_line"])
def test_a_task_without_room_leaves_nothing_behind_but_its_exit_code(number, place, run, monkeypatch):
    """Wherever the first write fails: to a document, or to a line of progress."""

    def full(*_):
        raise OSError(number, os.strerror(number))

    class ExitedError(Exception):
        pass

    def leave(code):
        raise ExitedError(code)

    monkeypatch.setattr(sys, "argv", ["task", str(run.path), FLOWS])
    monkeypatch.setattr(task, "_end_with_supervisor", lambda: None)
    monkeypatch.setattr(task.os, "_exit", leave)
    monkeypatch.setattr(task, place, full)
    if place == "write_json":
        monkeypatch.setattr(task, "_execute", lambda *_: full())
    with pytest.raises(ExitedError, match="28"):
        task.main()
    assert list(run.path.rglob("*.tmp")) == []
    assert not (run.path / "tasks" / FLOWS / "error.json").exists()


def test_a_failure_comes_back_whole_from_another_process():
    import pickle  # as Dask does between machines

    error = pickle.loads(pickle.dumps(TaskFailedError("scalars", "on purpose", 2)))
    assert (error.task, error.message, error.exit_code) == ("scalars", "on purpose", 2)


def test_what_waits_for_a_failed_task_is_blocked(run):
    record_state(run, "failed", started=1.0, finished=2.0, error="task")
    write_json(run.path / "tasks" / "sample-df_seed" / "error.json", {"message": "NaN", "exit_code": 1})
    states = {t.spec.id: t.state for t in run_status(run).tasks}
    assert states["sample-df_seed"] == "failed"
    assert states["potentials-df_seed"] == states["scalars"] == "blocked"
    assert states[FLOWS] == "waiting"


def test_a_second_process_of_a_task_waits_for_the_first(run, monkeypatch):
    monkeypatch.setattr(task, "_PATIENCE", 0.1)
    begun, end = threading.Event(), threading.Event()
    done = []

    def body(*_):
        done.append(1)
        begun.set()
        end.wait()

    monkeypatch.setattr(task, "_execute", body)
    first = threading.Thread(target=task.execute, args=(run.path, FLOWS))
    first.start()
    begun.wait()
    with pytest.raises(task.RunBusyError, match=f"already being done by process {os.getpid()} on") as caught:
        task.execute(run.path, FLOWS)
    end.set()
    first.join()
    assert (caught.value.exit_code, done) == (3, [1])
