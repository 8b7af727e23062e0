"""Waiting for what will come back by itself: room on the disk, a scheduler. A reader of the run is told for what."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PAUSED_FILE = "PAUSED"
_WORDS = "there is no room on the disk; the run goes on when there is"
"""What an empty file means: where there was room for its name alone."""
_ENOUGH = 2**20
_LONGEST = 60.0
"""Seconds after which another attempt is made in any case: of a quota the system tells nothing."""


@contextmanager
def paused(run_path: Path, words: str) -> Iterator[None]:
    """Say for what the run waits, while the block waits for it."""
    with suppress(OSError):
        (run_path / PAUSED_FILE).write_text(words, encoding="utf-8")
    try:
        yield
    finally:
        (run_path / PAUSED_FILE).unlink(missing_ok=True)


def pause(run_path: Path) -> str | None:
    """For what the run waits, as far as anybody has said; None where it waits for nothing."""
    with suppress(FileNotFoundError):
        return (run_path / PAUSED_FILE).read_text(encoding="utf-8", errors="replace") or _WORDS
    return None


def wait_for_room(path: Path, check: Callable[[], None]) -> None:
    """Return when there is more room than now, or when it is time to try again; ``check`` raises to end the waiting."""
    before, until = shutil.disk_usage(path).free, time.monotonic() + _LONGEST
    while time.monotonic() < until and shutil.disk_usage(path).free < before + _ENOUGH:
        check()
        time.sleep(0.5)
