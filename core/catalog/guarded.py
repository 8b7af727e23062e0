"""Reads a file into the store in a process of its own, with an end to its memory, processor time and output.

What a hostile or broken file can still do after the checks of this package (crash a library, run for ever, fill memory)
happens to that process, and the user gets one message. The process is ``python -m core.catalog.reader``.
"""

import json
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import errors
from core.catalog.catalogue import Catalogue
from core.catalog.limits import Limits
from core.catalog.store import CatalogueStore
from core.catalog.tables.opening import local_file
from core.catalog.tables.table import physical_memory
from core.errors import CatalogError, InputError


def limits_for(size: int) -> Limits:
    """Ample for the slowest kind of file, a VOTable of ``size`` bytes (3 minutes a gigabyte); none for a bomb."""
    return Limits(min(physical_memory(), (3 << 30) + 20 * size), 120 + 3 * (size >> 20), (1 << 30) + 100 * size)


def read_guarded(
    path: str | Path,
    recipe: str | None = None,
    *,
    name: str | None = None,
    store: CatalogueStore | None = None,
    limits: Limits | None = None,
) -> Catalogue:
    """As :func:`core.catalog.ingest.ingest`, in a process with limits; those of the file's size by default.

    Raises what ingest raises, and CatalogError where the process came to its limits or was killed.
    """
    file, store = local_file(path), store or CatalogueStore.default()
    limits = limits or limits_for(file.stat().st_size)
    request = {"file": str(file), "recipe": recipe, "name": name, "root": str(store.root), "limits": asdict(limits)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "core.catalog.reader"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=60 + 4 * limits.seconds,  # of the clock: a disk may be slow, a mounted one may hang
        )
    except subprocess.TimeoutExpired as error:
        raise _gave_up(file, f"it took more than {error.timeout:.0f} s") from None
    if done.returncode:
        raise _gave_up(file, _reason(done.returncode, limits, done.stderr))
    answer = json.loads(done.stdout.splitlines()[-1])
    if "id" in answer:
        return store.open(answer["id"])
    raise _error(answer)


def _error(answer: dict[str, Any]) -> Exception:
    """What the reading process raised."""
    kind = getattr(errors, answer["error"], None)
    if isinstance(kind, type) and issubclass(kind, InputError):
        return kind(answer["reason"], remedy=answer["remedy"], file=answer["file"], column=answer["column"])
    error = RuntimeError(f"{answer['error']} while the file was read: {answer['reason']}")
    error.add_note(answer["traceback"])
    return error


def _reason(code: int, limits: Limits, words: str) -> str:
    if -code in (getattr(signal, "SIGXCPU", None), getattr(signal, "SIGKILL", None)):
        return f"it took more than {limits.seconds} s of processor time, or the system stopped it"
    if code < 0:
        return f"a library crashed over it ({signal.Signals(-code).name})"
    return f"the process that read it failed ({(words.strip().splitlines() or ['without a word'])[-1]})"


def _gave_up(file: Path, reason: str) -> CatalogError:
    return CatalogError(
        f"reading was given up: {reason}",
        file=file,
        remedy="Check where the file comes from; a true catalogue of this kind can be saved as FITS or parquet.",
    )
