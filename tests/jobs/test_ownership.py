"""One runner per run: the lock goes with its holder, and a request to stop reaches who was asked to stop."""

import errno
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from small_runs import waiting_run

from core.errors import InputError, RunBusyError
from core.jobs import ownership
from core.jobs.ownership import (
    CANCEL_FILE,
    forget_cancel,
    is_owned,
    owned,
    record_state,
    recorded_state,
    request_cancel,
)
from core.jobs.status import run_status
from core.runs import registry

HOLD = """
import sys, time
from core.jobs.ownership import owned
from core.runs.registry import open_run
with owned(open_run(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def run(tmp_path):
    return waiting_run(tmp_path / "runs")


def test_a_second_runner_hears_who_has_the_run(run):
    assert not is_owned(run)
    with owned(run):
        assert is_owned(run)
        named = re.escape(f"process {os.getpid()} on {socket.gethostname()}")
        with pytest.raises(RunBusyError, match=f"'ball' is already being run by {named}") as caught, owned(run):
            pass
    assert caught.value.exit_code == 3
    assert not is_owned(run)


def test_the_lock_of_a_killed_process_is_free(run):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunBusyError, match=f"process {holder.pid} on"), owned(run):
            pass
        holder.kill()
    with owned(run):
        assert is_owned(run)


def test_asking_for_the_state_never_makes_a_run_busy(run):
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            is_owned(run)

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for _ in range(30):
            with owned(run):
                pass
    finally:
        stop.set()
        asker.join()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOLCK, "has no locks: name another directory with --runs"),
        (errno.EOPNOTSUPP, "has no locks: name another directory with --runs"),
        (errno.EROFS, "Make its directory writable"),
        (errno.ENOSPC, "Make room there"),
        (errno.EDQUOT, "Make room there"),
    ],
)
def test_a_file_system_that_refuses_a_lock_is_told_with_its_remedy(number, remedy, run, monkeypatch):
    """What flock and open raise there."""

    def refuses(*arguments, **named):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("filelock._unix._lock_fd_nonblocking", refuses)
    with pytest.raises(InputError, match=remedy) as caught, owned(run):
        pass
    assert os.strerror(number) in str(caught.value)
    assert run_status(run).state == "waiting"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_no_busy_run(run):
    run.path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="Make its directory writable"), owned(run):
            pass
    finally:
        run.path.chmod(0o700)


def test_the_state_is_what_was_recorded(run):
    assert recorded_state(run) == {"state": "waiting"}
    record_state(run, "failed", error="why")
    assert recorded_state(run) == {"state": "failed", "error": "why"}
    (run.path / "state.json").write_text("{")
    assert recorded_state(run)["state"] == "running"  # until the lock is asked


@pytest.mark.parametrize(("age", "kept"), [(60, False), (-60, True)])
def test_a_request_to_stop_is_forgotten_by_who_is_asked_to_go_on_later(age, kept, run):
    request_cancel(run)
    asked = time.time()
    os.utime(run.path / CANCEL_FILE, (asked - age, asked - age))
    forget_cancel(run, before=asked)
    assert (run.path / CANCEL_FILE).exists() == kept
    forget_cancel(run, before=asked)


def test_the_demonstration_cannot_be_cancelled(run, monkeypatch):
    monkeypatch.setattr(registry, "EMBEDDED_RUNS", run.path.parent)
    assert not is_owned(run)
    with pytest.raises(InputError, match="finished"):
        ownership.request_cancel(run)
    assert not (run.path / CANCEL_FILE).exists()
