"""One task of a run as a process of its own: ``python -m core.jobs.task RUN TASK``.

A training that runs out of memory, crashes or is cancelled takes nothing else with it. The process ends when its
supervisor does: it reads a pipe that closes with it.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import DeepPotentialError
from core.runs.artifacts import file_digest, read_json, write_json
from core.runs.registry import DONE_FILE, Run, open_run

ERROR_FILE = "error.json"
PROGRESS_FILE = "progress.jsonl"
ATTEMPTS_FILE = "attempts.jsonl"
LOG_FILE = "log.txt"


def is_done(run: Run, task_id: str) -> bool:
    """Whether the task has finished and every product is what it wrote."""
    marker = run.path / "tasks" / task_id / DONE_FILE
    if not marker.is_file():
        return False
    try:
        recorded: Mapping[str, str] = read_json(marker)
    except DeepPotentialError:
        return False
    paths = {run.path / name: digest for name, digest in recorded.items()}
    return all(path.is_file() and file_digest(path) == digest for path, digest in paths.items())


def execute(run_path: Path, task_id: str) -> None:
    """Do the task and mark it done, unless it is done already."""
    # JAX reads its settings from the environment when it is first imported: so not before this point.
    from core.jobs.stages import STAGES, Task

    run = open_run(run_path)
    if is_done(run, task_id):
        return
    spec = run.manifest.task(task_id)
    directory = run.path / "tasks" / task_id
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ERROR_FILE).unlink(missing_ok=True)
    append_line(directory / ATTEMPTS_FILE, {"time": time.time(), "pid": os.getpid()})

    def report(fraction: float, **values: Any) -> None:
        append_line(directory / PROGRESS_FILE, {"time": time.time(), "fraction": round(fraction, 5), **values})

    report(0.0)
    paths = STAGES[spec.kind](Task(run, spec, directory, report))
    report(1.0)
    write_json(directory / DONE_FILE, {str(path.relative_to(run.path)): file_digest(path) for path in paths})
    for state in directory.glob("state-*.safetensors"):
        state.unlink()


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """Append a JSON line in a single write, so that readers never see two writers' lines mixed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(values) + "\n").encode())
    finally:
        os.close(descriptor)


def _end_with_supervisor() -> None:
    """Leave at once when standard input closes: the supervisor is gone and nobody would stop this process."""

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
        traceback.print_exc()
        code = error.exit_code if isinstance(error, DeepPotentialError) else 1
        words = str(error) if isinstance(error, DeepPotentialError) else f"{type(error).__name__}: {error}"
        write_json(run_path / "tasks" / task_id / ERROR_FILE, {"message": words, "exit_code": code})
        return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
