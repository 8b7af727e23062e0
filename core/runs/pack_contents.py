"""A pack: a run, with or without its catalogue, as one tar file that begins with a list of all that follows.

The list holds size and SHA-256 of every file. Locks and records of who ran the run stay behind: they are of a machine.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from core.errors import InputError

SCHEMA = 1
LIST = "contents.json"
"""The first file of a pack."""
RUN, CATALOGUE = "run", "catalogue"
"""Under which of the two every other file is."""

_FORMAT = "deep-potential run"
_OF_A_MACHINE = re.compile(r"(tasks/[^/]+/)?(lock|owner\.json|PAUSED|\..*\.tmp)")
_NAME = re.compile(r"[^\x00-\x1f\x7f\\:/]{1,255}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """What a file of a pack is to be."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """The list at the head of a pack: the directory of the run, the id and name of its catalogue, and all files."""

    directory: str
    catalogue: str
    catalogue_name: str
    files: Mapping[str, Entry]

    @property
    def has_catalogue(self) -> bool:
        """Whether the stars are in it as well."""
        return any(name.startswith(f"{CATALOGUE}/") for name in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def encoded(self) -> bytes:
        """The list as it is written; :func:`decoded` is the inverse."""
        files = {name: {"size": entry.size, "sha256": entry.sha256} for name, entry in self.files.items()}
        values = {
            "format": _FORMAT,
            "schema": SCHEMA,
            "run": self.directory,
            "catalogue": {"id": self.catalogue, "name": self.catalogue_name},
            "files": files,
        }
        return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def travels(name: str) -> bool:
    """Whether a file of a run, by its path in the run, belongs into a pack."""
    return not _OF_A_MACHINE.fullmatch(name)


def decoded(content: bytes) -> Contents:
    """The list at the head of a pack.

    Raises InputError where it is none, where another version wrote it, and where a name leads out of the pack.
    """
    try:
        values = json.loads(content)
        if values["format"] != _FORMAT:
            raise ValueError("it is of another kind")
        if values["schema"] != SCHEMA:
            raise InputError(
                f"it has schema {values['schema']!r}, this program reads {SCHEMA}",
                remedy="Unpack it with the version that wrote it.",
            )
        files = {str(name): Entry(**entry) for name, entry in values["files"].items()}
        stars = values["catalogue"]
        found = Contents(str(values["run"]), str(stars["id"]), str(stars["name"]), files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"its list of files cannot be read: {error}") from error
    for name, entry in found.files.items():
        _check(name, entry)
    if len({name.casefold() for name in files}) < len(files):
        raise InputError("two of its files have the same name")
    if not _is_plain(found.directory) or not _is_plain(found.catalogue):
        raise InputError(f"{found.directory!r} of {found.catalogue!r} cannot name a run and its catalogue")
    return found


def _check(name: str, entry: Entry) -> None:
    parts = PurePosixPath(name).parts
    safe = "/".join(parts) == name and len(parts) > 1 and all(map(_is_plain, parts))
    if not safe or parts[0] not in (RUN, CATALOGUE) or not travels("/".join(parts[1:])):
        raise InputError(f"the file {name!r} does not belong into a pack")
    size: Any = entry.size
    whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    if not whole or not _DIGEST.fullmatch(str(entry.sha256)):
        raise InputError(f"size and SHA-256 of the file {name!r} cannot be read")


def _is_plain(name: str) -> bool:
    """Whether a name is that of one file or directory, on every system, and not hidden."""
    return bool(_NAME.fullmatch(name)) and name[0] not in ". " and name[-1] not in ". "
