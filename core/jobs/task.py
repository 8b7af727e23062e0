"""One task of a run as a process of its own: ``python -m core.jobs.task RUN TASK``.

A training that runs out of memory, crashes or is cancelled takes nothing else with it. The process ends when its
supervisor does: it reads a pipe that closes with it. It holds the lock of its task, so that one which its supervisor
lost sight of, on another machine, is never joined by a second.
"""

import os
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import DeepPotentialError, RunBusyError, lacks_room
from core.jobs.events import append_line, note
from core.jobs.giving_way import end_with_parent
from core.jobs.lease import STALE, HeldError, held
from core.runs.artifacts import file_digest, write_json
from core.runs.registry import Run, open_run
from core.runs.seals import DONE_FILE, changed_products

ERROR_FILE = "error.json"
PROGRESS_FILE = "progress.jsonl"
ATTEMPTS_FILE = "attempts.jsonl"
LOG_FILE = "log.txt"
LOCK_FILE, OWNER_FILE = "lock", "owner.json"

DISK_FULL = 28
"""Exit code of a task that found no room: nothing else can be left where there is none."""
_PATIENCE = 2 * STALE
"""Seconds to wait for an earlier attempt to notice, on its machine, that it works for nobody."""


def is_done(run: Run, task_id: str) -> bool:
    """Whether the task has finished and every product is what it wrote."""
    marker = run.path / "tasks" / task_id / DONE_FILE
    return marker.is_file() and changed_products(run.path, marker) == []


def execute(run_path: Path, task_id: str) -> None:
    """Do the task and mark it done, unless it is done already; RunBusyError where another process is at it."""
    directory = run_path / "tasks" / task_id
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with held(directory / LOCK_FILE, directory / OWNER_FILE, patience=_PATIENCE):
            _execute(open_run(run_path), task_id, directory)
    except HeldError as error:
        raise RunBusyError(f"task {task_id} is already being done by {error}") from None


def _execute(run: Run, task_id: str, directory: Path) -> None:
    # JAX reads its settings from the environment when it is first imported: so not before this point.
    from core.jobs.stages import STAGES, Task

    if is_done(run, task_id):
        return
    _forget_done(run, directory)
    spec = run.manifest.task(task_id)
    (directory / ERROR_FILE).unlink(missing_ok=True)
    attempt = {"time": time.time(), "pid": os.getpid(), "host": socket.gethostname(), "device": _device()}
    append_line(directory / ATTEMPTS_FILE, attempt)

    def report(fraction: float, **values: Any) -> None:
        append_line(directory / PROGRESS_FILE, {"time": time.time(), "fraction": round(fraction, 5), **values})

    report(0.0)
    paths = STAGES[spec.kind](Task(run, spec, directory, report))
    report(1.0)
    write_json(directory / DONE_FILE, {str(path.relative_to(run.path)): file_digest(path) for path in paths})
    for state in directory.glob("state-*.safetensors"):
        state.unlink()


def _forget_done(run: Run, directory: Path) -> None:
    """A task is done again because something of what it left is damaged or gone: say so."""
    marker = directory / DONE_FILE
    if marker.is_file():
        changed = changed_products(run.path, marker)
        note(directory, f"made anew, because damaged: {', '.join(changed) if changed else DONE_FILE}")
        marker.unlink()


def _device() -> str:
    import jax  # as above

    return str(jax.devices()[0].device_kind)


def _end_with_supervisor() -> None:
    """Leave at once when standard input closes: the supervisor is gone and nobody would stop this process."""
    end_with_parent()

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """The process of a task; what went wrong is left in ``error.json``, the traceback in the log."""
    run_path, task_id = Path(sys.argv[1]), sys.argv[2]
    _end_with_supervisor()
    try:
        execute(run_path, task_id)
    except Exception as error:  # noqa: BLE001  (one of the three catch sites: nothing may vanish with the process)
        with suppress(OSError):
            traceback.print_exc()
        return _left(error, run_path / "tasks" / task_id)
    return 0


def _left(error: Exception, directory: Path) -> int:
    """Write down why the task ends; returns its exit code."""
    if lacks_room(error):
        os._exit(DISK_FULL)  # at once: to close the log would fail as well, and change the code
    code = error.exit_code if isinstance(error, DeepPotentialError) else 1
    words = str(error) if isinstance(error, DeepPotentialError) else f"{type(error).__name__}: {error}"
    try:
        write_json(directory / ERROR_FILE, {"message": words, "exit_code": code, "passing": _is_passing(error)})
    except OSError as full:
        return _left(full, directory) if lacks_room(full) else 1
    return code


def _is_passing(error: Exception) -> bool:
    """Whether the same may well succeed a little later: trouble with memory, files or a device."""
    return isinstance(error, (OSError, MemoryError, RunBusyError)) or type(error).__name__ == "JaxRuntimeError"


if __name__ == "__main__":
    sys.exit(main())
