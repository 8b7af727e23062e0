"""Who runs a run: a lock that the system frees with its holder, and the record of how the last attempt went."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.errors import CorruptArtifactError, InputError, RunBusyError
from core.runs.artifacts import read_json, write_json
from core.runs.registry import Run

CANCEL_FILE = "CANCEL"
_STATE_FILE = "state.json"
_OWNER_FILE = "owner.json"
_LOCK_FILE = "lock"
_PATIENCE = 0.5
"""Seconds to wait for the lock: those who ask for the state of a run hold it for an instant."""


def is_owned(run: Run) -> bool:
    """Whether some process is running the run."""
    if run.embedded or not (run.path / _LOCK_FILE).exists():
        return False
    try:
        with FileLock(run.path / _LOCK_FILE).acquire(timeout=0):
            return False
    except (Timeout, PermissionError):
        return True


@contextmanager
def owned(run: Run) -> Iterator[None]:
    """Hold the lock of the run; RunBusyError, naming host and process, where another one does."""
    lock = FileLock(run.path / _LOCK_FILE)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise RunBusyError(f"run {run.manifest.name!r} is already being run by {_owner(run.path)}") from None
    except OSError as error:
        raise InputError(
            f"the run cannot be locked: {error.strerror}",
            file=run.path,
            remedy="Make its directory writable.",
        ) from error
    try:
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": time.time()}
        write_json(run.path / _OWNER_FILE, owner)
        yield
    finally:
        lock.release()


def _owner(path: Path) -> str:
    try:
        owner = json.loads((path / _OWNER_FILE).read_text())
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def record_state(run: Run, state: str, **values: Any) -> None:
    """Write down how the run stands: a cache for readers, never the truth of what is done."""
    write_json(run.path / _STATE_FILE, {"state": state, **values})


def recorded_state(run: Run) -> dict[str, Any]:
    """What was last written down; a run that never started is waiting."""
    path = run.path / _STATE_FILE
    if not path.is_file():
        return {"state": "waiting"}
    try:
        record = read_json(path)
    except CorruptArtifactError:
        record = None
    whole = isinstance(record, dict) and isinstance(record.get("state"), str)
    return record if whole else {"state": "running"}  # whether it really runs, the lock tells


def request_cancel(run: Run) -> None:
    """Ask the run to stop; whoever runs it ends its tasks within a second."""
    if run.embedded:
        raise InputError("the demonstration runs are finished", file=run.path.name)
    (run.path / CANCEL_FILE).touch()


def forget_cancel(run: Run, *, before: float) -> None:
    """Take back a request to stop that is older than the Unix time ``before``."""
    path = run.path / CANCEL_FILE
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_mtime < before:
            path.unlink()
