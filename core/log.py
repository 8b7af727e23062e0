"""The log of what went wrong unexpectedly: one JSON object on each line, found by the error id that the user was told.

It holds times, words and tracebacks, never the environment, cookies or what a visitor sent.
"""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any

LOG_VARIABLE = "DEEP_POTENTIAL_LOG"
_LARGEST = 1 << 24
"""Bytes after which the log starts anew; the one before is kept beside it."""


def log_file() -> Path:
    """DEEP_POTENTIAL_LOG, else ``errors.log`` in the user's own directory."""
    return Path(os.environ.get(LOG_VARIABLE) or Path.home() / ".deep-potential" / "errors.log")


def write_record(file: Path, error: BaseException | None, **values: Any) -> None:
    """Append a line with the time, ``values`` and the traceback of ``error``; OSError where it cannot be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_file() and file.stat().st_size > _LARGEST:
        file.replace(file.with_name(f"{file.name}.old"))
    record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "process": os.getpid(), **values}
    if error is not None:
        record["traceback"] = "".join(format_exception(error))
    with open(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", encoding="utf-8") as log:
        log.write(json.dumps(record, default=str) + "\n")


class RecordHandler(logging.Handler):
    """Makes the records of a logger lines of ``file``."""

    def __init__(self, file: Path):
        super().__init__()
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        words = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        try:
            write_record(self.file, error, id=getattr(record, "error_id", None), **words)
        except OSError:
            self.handleError(record)
