"""Who runs a run: the lease of its directory, the record of how the last attempt went, and requests to stop."""

import contextlib
import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import CorruptArtifactError, InputError, RunBusyError, refused
from core.jobs.lease import HeldError, Lease, Owner, held, is_held, read_owner
from core.runs.artifacts import read_json, write_json
from core.runs.registry import Run

CANCEL_FILE = "CANCEL"
_STATE_FILE = "state.json"
_OWNER_FILE = "owner.json"
_LOCK_FILE = "lock"
_PATIENCE = 0.5
"""Seconds to wait for the lock: those who ask for the state of a run hold it for an instant."""


def is_owned(run: Run) -> bool:
    """Whether some process is running the run, on this machine or on another one that shares the directory."""
    return not run.embedded and is_held(run.path / _LOCK_FILE, run.path / _OWNER_FILE)


def refuse_owned(run: Run) -> None:
    """RunBusyError, naming host and process, where somebody runs the run."""
    if is_owned(run):
        raise RunBusyError(f"run {run.manifest.name!r} is being run by {owner_of(run.path) or 'another process'}")


def owner_of(path: Path) -> Owner | None:
    """Who runs the run in a directory, or was killed while doing so."""
    return read_owner(path / _OWNER_FILE)


def forget_owner(path: Path) -> None:
    """Take back the record of who ran the run in a directory."""
    (path / _OWNER_FILE).unlink(missing_ok=True)


def is_run_by(path: Path, token: str) -> bool:
    """Whether the runner with this token still runs the run in a directory: what works for it asks.

    A machine that slept has no sign of life to show, so on one machine the lock alone tells.
    """
    owner = owner_of(path)
    if owner is None or owner.token != token:
        return False
    return is_held(path / _LOCK_FILE, path / _OWNER_FILE) if owner.is_here else owner.beats


@contextmanager
def owned(run: Run, about: Mapping[str, Any] | None = None) -> Iterator[Lease]:
    """Hold the lock of the run; RunBusyError, naming host and process, where another one does.

    ``about`` is what a later runner needs to go on in the same way. Raises InputError where the directory cannot be
    locked or written to.
    """
    with contextlib.ExitStack() as stack:
        files = run.path / _LOCK_FILE, run.path / _OWNER_FILE
        try:
            lease = stack.enter_context(held(*files, patience=_PATIENCE, about=about))
        except HeldError as error:
            raise RunBusyError(f"run {run.manifest.name!r} is already being run by {error}") from None
        except OSError as error:
            remedy = _LOCKLESS if error.errno in _WITHOUT_LOCKS else "Make its directory writable."
            with refused("the run cannot be locked", run.path, remedy):
                raise
        yield lease


_LOCKLESS = "Its file system has no locks: name another directory with --runs."
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


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
