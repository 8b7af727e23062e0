"""The parent of a task's process: starts it, waits for it, and stops it when the run is cancelled.

This is what Dask executes. It trains nothing itself, because a running Dask task cannot be stopped; an operating-system
process can.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.config import Config
from core.errors import CancelledError, DeepPotentialError
from core.jobs.machine import is_for_accelerator, this_machine
from core.jobs.ownership import CANCEL_FILE
from core.jobs.task import ERROR_FILE, LOG_FILE, is_done
from core.runs.artifacts import read_json
from core.runs.manifest import TaskSpec
from core.runs.registry import open_run

_GRACE = 3.0


class TaskFailedError(DeepPotentialError):
    """A task ended with an error; ``exit_code`` is what the run should return."""

    def __init__(self, task: str, message: str, exit_code: int):
        self.task, self.message, self.exit_code = task, message, exit_code
        super().__init__(f"task {task}: {message}")


def supervise(run_path: str, task_id: str, *needs: str) -> str:
    """Run the task to its end in a process of its own and return its id.

    ``needs`` are the ids of the tasks before it, which is all that their results are for. Raises TaskFailedError or
    CancelledError.
    """
    path = Path(run_path)
    run = open_run(path)
    if is_done(run, task_id):
        return task_id
    if (path / CANCEL_FILE).exists():
        raise CancelledError("the run was cancelled")
    directory = path / "tasks" / task_id
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOG_FILE).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.jobs.task", str(path), task_id],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(run.manifest.task(task_id), run.manifest.config),
            start_new_session=True,
        )
    try:
        _lower_priority(process.pid, run.manifest.config.jobs.nice)
        while process.poll() is None:
            if (path / CANCEL_FILE).exists():
                raise CancelledError("the run was cancelled")
            time.sleep(0.1)
    finally:
        stop(process)
    if process.returncode != 0:
        raise _failure(task_id, directory, process.returncode)
    return task_id


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started: politely, then not."""
    if process.stdin:
        process.stdin.close()
    for gently in (True, False):
        if process.poll() is not None:
            return
        _signal_group(process, gently)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            continue


def _signal_group(process: subprocess.Popen[bytes], gently: bool) -> None:
    if os.name == "nt":
        process.terminate()
        return
    with contextlib.suppress(ProcessLookupError):  # it ended by itself in the meantime
        os.killpg(process.pid, signal.SIGTERM if gently else signal.SIGKILL)


def _lower_priority(pid: int, nice: int) -> None:
    if hasattr(os, "setpriority"):
        # It has ended already, or the system does not allow it: neither hinders the task.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, nice)


def _environment(task: TaskSpec, config: Config) -> dict[str, str]:
    """One XLA thread per process: trainings run side by side, one per core, at half the cost of a threaded one.

    An accelerator is left to the tasks that gain from it, one at a time and with all threads. They take memory as they
    need it, so that two runs find room.
    """
    machine = this_machine()
    if machine.accelerated and is_for_accelerator(task, config):
        return {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ}
    flags = os.environ.get("XLA_FLAGS", "")
    single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    place = {"JAX_PLATFORMS": "cpu"} if machine.accelerated else {}
    return {**os.environ, **threads, **place, "XLA_FLAGS": f"{flags} {single}".strip()}


def _failure(task_id: str, directory: Path, code: int) -> TaskFailedError:
    if (directory / ERROR_FILE).exists():
        error = read_json(directory / ERROR_FILE)
        return TaskFailedError(task_id, error["message"], error["exit_code"])
    cause = f"signal {-code} (out of memory?)" if code < 0 else f"exit code {code}"
    return TaskFailedError(task_id, f"its process ended with {cause}; see {directory / LOG_FILE}", 1)
