"""What happened to a task that a reader should know of: repeated attempts, damaged files, waiting for room.

One line of JSON each, beside the task's progress; the command line and the pages show them.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVENTS_FILE = "events.jsonl"


@dataclass(frozen=True)
class Event:
    """Something that happened at a Unix time."""

    time: float
    message: str


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """Append a JSON line in a single write, so that readers never see two writers' lines mixed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(values) + "\n").encode())
    finally:
        os.close(descriptor)


def note(directory: Path, message: str) -> None:
    """Write an event down; where there is no room for it, go without."""
    with suppress(OSError):
        append_line(directory / EVENTS_FILE, {"time": time.time(), "message": message})


def events(directory: Path) -> list[Event]:
    """The events of the task in a directory, oldest first."""
    path = directory / EVENTS_FILE
    if not path.is_file():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError, TypeError, KeyError):  # half a line, left by a crash
            values = json.loads(line)
            found.append(Event(float(values["time"]), str(values["message"])))
    return found
