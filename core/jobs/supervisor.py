"""The parent of a task's process: starts it, waits for it, repeats it where that may help, and stops it.

This is what Dask executes. It trains nothing itself, because a running Dask task cannot be stopped; an operating-system
process can. A process that dies is started again after a pause and goes on from its newest checkpoint; one that finds
no room on the disk waits for some; one whose runner is gone, as it may be on another machine, is stopped.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import CancelledError, CorruptArtifactError, DeepPotentialError
from core.jobs.events import note
from core.jobs.giving_way import GivingWay
from core.jobs.machine import task_environment
from core.jobs.ownership import CANCEL_FILE, is_run_by, owner_of
from core.jobs.pausing import paused, wait_for_room
from core.jobs.status import furthest
from core.jobs.task import DISK_FULL, ERROR_FILE, LOG_FILE, is_done
from core.runs.artifacts import read_json
from core.runs.registry import Run, open_run

_GRACE = 3.0
_LONGEST_PAUSE = 60.0
_OWNER_PERIOD = 2.0


class TaskFailedError(DeepPotentialError):
    """A task ended with an error; ``exit_code`` is what the run should return."""

    def __init__(self, task: str, message: str, exit_code: int):
        self.task, self.message, self.exit_code = task, message, exit_code
        super().__init__(f"task {task}: {message}")

    def __reduce__(self) -> tuple[type, tuple[str, str, int]]:
        """It comes back whole from a worker on another machine."""
        return type(self), (self.task, self.message, self.exit_code)


def supervise(
    run_path: str, task_id: str, *needs: str, token: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """Run the task to its end in a process of its own and return its id.

    ``needs`` are the ids of the tasks before it, which is all that their results are for. ``token`` is that of the
    runner: when another one runs the run, or none, the task stops. ``environment`` adds to that of this process.
    Raises TaskFailedError or CancelledError.
    """
    run = open_run(run_path)
    watch = _Watch(run.path, token)
    repeats, best = 0, furthest(run, task_id)
    while not is_done(run, task_id):
        watch.check()
        code = _attempted(run, task_id, watch, environment or {})
        if code == 0:
            break
        if code == DISK_FULL:
            with paused(run.path, "there is no room on the disk; the run goes on when there is"):
                note(run.path / "tasks" / task_id, "no room on the disk: waited for some")
                wait_for_room(run.path, watch.check)
            continue
        failure, passing = _failure(run, task_id, code)
        reached = furthest(run, task_id)
        repeats, best = (repeats if reached <= best else 0), max(best, reached)
        if not passing or repeats >= run.manifest.config.jobs.retries:
            raise failure
        pause = min(4.0**repeats, _LONGEST_PAUSE)
        repeats += 1
        note(run.path / "tasks" / task_id, f"{failure.message}; tried again after {pause:.0f} s")
        watch.wait(pause)
    return task_id


class _Watch:
    """Whether the task is still wanted: nobody has cancelled the run, and its runner is alive."""

    def __init__(self, path: Path, token: str):
        self._path, self._token, self._asked = path, token, 0.0
        owner = owner_of(path)
        self._needs_asking = bool(token) and not (owner is not None and owner.is_here and owner.pid == os.getpid())

    def check(self) -> None:
        """CancelledError where the task is to stop."""
        if (self._path / CANCEL_FILE).exists():
            raise CancelledError("the run was cancelled")
        if self._needs_asking and time.monotonic() - self._asked > _OWNER_PERIOD:
            self._asked = time.monotonic()
            if not is_run_by(self._path, self._token):
                raise CancelledError("the runner of this task is gone")

    def wait(self, seconds: float) -> None:
        """Sleep, as long as the task is wanted."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            time.sleep(0.1)


def _attempted(run: Run, task_id: str, watch: _Watch, environment: Mapping[str, str]) -> int:
    """Start the process of the task and follow it to its end; returns its exit code, negative for a signal."""
    directory = run.path / "tasks" / task_id
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ERROR_FILE).unlink(missing_ok=True)
    config = run.manifest.config
    with (directory / LOG_FILE).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.jobs.task", str(run.path), task_id],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment, **task_environment(run.manifest.task(task_id), config)},
            start_new_session=True,
        )
    way = GivingWay(process, run.path.parent)
    try:
        _lower_priority(process.pid, config.jobs.nice)
        while process.poll() is None:
            watch.check()
            time.sleep(way.look())
    finally:
        way.go_on()
        stop(process)
    return int(process.returncode)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started: politely, then not."""
    if process.stdin:
        process.stdin.close()
    for gently in (True, False):
        if process.poll() is not None:
            return
        _signal_group(process, gently)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE if not gently else _PATIENCE)


def _signal_group(process: subprocess.Popen[bytes], gently: bool) -> None:
    if os.name == "nt":
        process.terminate()
        return
    with contextlib.suppress(ProcessLookupError):  # it ended by itself in the meantime
        os.killpg(process.pid, signal.SIGTERM if gently else signal.SIGKILL)


_PATIENCE = 0.5
"""Seconds that a process has to end when it is asked to: what it was writing is whole or absent either way."""


def _lower_priority(pid: int, nice: int) -> None:
    if hasattr(os, "setpriority"):
        # It has ended already, or the system does not allow it: neither hinders the task.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, nice)


def _failure(run: Run, task_id: str, code: int) -> tuple[TaskFailedError, bool]:
    """Why a process ended, and whether another attempt may end better."""
    directory = run.path / "tasks" / task_id
    try:
        error: dict[str, Any] = read_json(directory / ERROR_FILE)
        return TaskFailedError(task_id, error["message"], error["exit_code"]), bool(error.get("passing"))
    except (FileNotFoundError, CorruptArtifactError, KeyError, TypeError):
        guess = "" if code == -signal.SIGTERM else " (out of memory?)"
        cause = f"signal {-code}{guess}" if code < 0 else f"exit code {code}"
        return TaskFailedError(task_id, f"its process ended with {cause}; see {directory / LOG_FILE}", 1), True
