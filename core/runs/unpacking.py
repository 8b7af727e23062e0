"""From a pack to a run: every file held against the list at its head before anything of it appears.

A pack may come from anybody, so nothing in it is believed: no name leads out of it, no file is larger than was said, a
run does what its specification says and nothing beside it.
"""

import hashlib
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path

from core.catalog.store import CatalogueStore
from core.errors import CorruptArtifactError, InputError, refused
from core.runs.artifacts import sync_directory
from core.runs.manifest import Manifest, read_manifest
from core.runs.pack_contents import CATALOGUE, LIST, RUN, Contents, Entry, decoded
from core.runs.registry import Run, directory_name, incoming_directory, list_runs, make_directories, open_run
from core.runs.trash import trashed

Progress = Callable[[float], None]
_LONGEST_LIST = 2**24
_BLOCK = 2**20
_WORD = re.compile(r"[\w-]+")


def unpack(
    file: Path, root: Path, store: CatalogueStore, progress: Progress = lambda fraction: None
) -> tuple[Run, Contents]:
    """The run in a pack, in the directory ``root``; its stars, where they are in the pack, go into ``store``.

    Raises InputError where the pack is damaged or none, names a run that is there already, or wants more room than
    there is; nothing of it is left behind then.
    """
    with _understood(file), file.open("rb") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        contents = _contents(tar)
        _refuse_known(contents, root)
        with ExitStack() as places:
            run = places.enter_context(incoming_directory(root))
            stars = places.enter_context(store.incoming()) if contents.has_catalogue else run
            _check_room(contents, run, stars)
            _extract(tar, contents, {RUN: run, CATALOGUE: stars}, progress)
            make_directories(run, _manifest(run, contents))
            if contents.has_catalogue:
                store.adopt(stars, contents.catalogue)
            run.rename(root / contents.directory)
            sync_directory(root)
    return open_run(root / contents.directory), contents


@contextmanager
def _understood(file: Path) -> Iterator[None]:
    """Names the pack in whatever is wrong with it."""
    try:
        with refused("it cannot be unpacked", file):
            yield
    except InputError as error:
        raise InputError(error.reason, file=file, remedy=error.remedy) from error
    except CorruptArtifactError as error:
        raise InputError(f"it is damaged: {error}", file=file) from error
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InputError(
            f"it is not a pack, or it is damaged: {error}", file=file, remedy="Make it with: deep-potential pack RUN."
        ) from error


def _contents(tar: tarfile.TarFile) -> Contents:
    head = tar.next()
    if head is None or head.name != LIST or not head.isreg() or head.size > _LONGEST_LIST:
        raise InputError("it does not begin with a list of files", remedy="Make it with: deep-potential pack RUN.")
    return decoded(_opened(tar, head).read())


def _refuse_known(contents: Contents, root: Path) -> None:
    known = next((run for run in list_runs(root) if run.path.name == contents.directory), None)
    if known is not None or (root / contents.directory).exists():
        raise InputError(f"there is a run {contents.directory} already", remedy="Name another directory with --runs.")
    if any(thrown.path.name == contents.directory for thrown in trashed(root)):
        raise InputError(
            f"the run {contents.directory} is in the trash", remedy="Bring it back with: deep-potential restore RUN."
        )


def _check_room(contents: Contents, *places: Path) -> None:
    for place in places:
        if contents.size > (free := shutil.disk_usage(place).free):
            raise InputError(
                f"it holds {contents.size / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free in {place.parent}"
            )


def _extract(tar: tarfile.TarFile, contents: Contents, places: dict[str, Path], progress: Progress) -> None:
    """Write every file to its place, each of them once and as the list says."""
    left, done = dict(contents.files), 0
    while (member := tar.next()) is not None:
        entry = left.pop(member.name, None)
        if entry is None:
            raise InputError(f"its list does not name the file {member.name!r}, or it comes twice")
        if not member.isreg() or member.issparse() or member.size != entry.size:
            raise InputError(f"{member.name!r} is not the file of {entry.size} bytes that its list names")
        kind, _, name = member.name.partition("/")
        _write(places[kind] / name, _opened(tar, member), entry, member.name)
        done += entry.size
        progress(done / max(contents.size, 1))
    if left:
        raise InputError(f"it ends before {next(iter(left))!r}: it is not whole")


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> BufferedReader:
    content = tar.extractfile(member)
    assert isinstance(content, BufferedReader)  # it is a regular file
    return content


def _write(path: Path, content: BufferedReader, entry: Entry, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        while block := content.read(_BLOCK):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != entry.sha256:
        raise InputError(f"the file {name!r} is damaged: it does not have the SHA-256 of the list")


def _manifest(run: Path, contents: Contents) -> Manifest:
    """The specification, which names the run and its stars as the list does, and tasks by words that are no paths."""
    if not (run / "run.json").is_file():
        raise InputError("it holds no run.json")
    manifest = read_manifest(run / "run.json")
    words = [task.id for task in manifest.tasks]
    words += [value for task in manifest.tasks for value in task.parameters.values() if isinstance(value, str)]
    same = (directory_name(manifest), manifest.catalogue.id) == (contents.directory, contents.catalogue)
    if not same or not all(_WORD.fullmatch(word) for word in words):
        raise InputError("its run is not the one that its list names")
    return manifest
