"""Where deleted runs go: ``RUNS/.trash``, from which they come back as they were until somebody empties it."""

import shutil
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import DeepPotentialError, InputError, UnknownRunError, refused, suggestion
from core.runs.artifacts import sync_directory
from core.runs.manifest import Manifest, read_manifest

_TRASH = ".trash"
_DELETED = "DELETED"
"""Left in a deleted run: its time is that of the deletion."""


@dataclass(frozen=True)
class Thrown:
    """A run in the trash since the Unix time ``deleted``; without a manifest only remains of it are there."""

    path: Path
    deleted: float
    manifest: Manifest | None

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called: its directory, its id, its name."""
        return (self.path.name, *((self.manifest.id, self.manifest.name) if self.manifest else ()))

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


def trashed(root: Path) -> list[Thrown]:
    """The runs in the trash of a directory of runs, the last deleted first."""
    place = root / _TRASH
    found = [_thrown(path) for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    return sorted(found, key=lambda thrown: thrown.deleted, reverse=True)


def _thrown(path: Path) -> Thrown:
    marker = path / _DELETED
    deleted = (marker if marker.exists() else path).stat().st_mtime
    try:
        return Thrown(path, deleted, read_manifest(path / "run.json"))
    except (DeepPotentialError, OSError):
        return Thrown(path, deleted, None)


def throw_away(path: Path) -> Path:
    """Move the run in a directory into the trash beside it, where nobody runs it; returns its place there."""
    place = path.parent / _TRASH
    with _moving(path):
        place.mkdir(exist_ok=True)
        (path / _DELETED).unlink(missing_ok=True)
        (path / _DELETED).touch()
        path.rename(place / path.name)
        sync_directory(place)
        sync_directory(path.parent)
    return place / path.name


def find_thrown(name: str, root: Path) -> Thrown:
    """The run in the trash that ``name`` means, the last deleted of several; else UnknownRunError."""
    found = trashed(root)
    for thrown in found:
        if name in thrown.names:
            return thrown
    known = {each.names[-1] for each in found}
    raise UnknownRunError(f"there is no run {name!r} in the trash", remedy=suggestion(name, known) or "It is empty.")


def restore(thrown: Thrown) -> Path:
    """Move a run out of the trash to where it was; returns its directory.

    Raises InputError where another run has its place, UnknownRunError where only remains of it are left.
    """
    home = thrown.path.parent.parent / thrown.path.name
    if thrown.manifest is None:
        raise UnknownRunError("only remains of this run are left", file=thrown.path)
    if home.exists():
        raise InputError("another run is in its place", file=home, remedy="Move that one away first.")
    with _moving(thrown.path):
        thrown.path.rename(home)
        (home / _DELETED).unlink(missing_ok=True)
        sync_directory(home.parent)
    return home


def remove(thrown: Thrown) -> None:
    """Remove a run in the trash for good. What is left of it by a kill on the way is no run any more."""
    with _moving(thrown.path), suppress(FileNotFoundError):  # somebody else has removed or restored it
        (thrown.path / "run.json").unlink(missing_ok=True)
        shutil.rmtree(thrown.path)


def older_than(runs: list[Thrown], days: float) -> list[Thrown]:
    """Those that have been in the trash for so many days."""
    return [thrown for thrown in runs if time.time() - thrown.deleted >= 86400 * days]


def _moving(path: Path) -> AbstractContextManager[None]:
    return refused("it cannot be moved or removed", path, "Make its place writable.")
