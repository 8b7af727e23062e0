"""From a run to a pack, to go on with it on another machine."""

import hashlib
import io
import os
import secrets
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from core.catalog.catalogue import Catalogue
from core.errors import InputError, refused
from core.runs.artifacts import file_digest, sync_directory
from core.runs.pack_contents import CATALOGUE, LIST, RUN, Contents, Entry, travels
from core.runs.registry import Run

Progress = Callable[[float], None]


def write_pack(
    run: Run, out: Path, catalogue: Catalogue | None, progress: Progress = lambda fraction: None
) -> Contents:
    """Write a run that nobody is running, with its ``catalogue`` where one is given, to the tar file ``out``.

    Raises InputError where it cannot be written, and where a file was changed meanwhile.
    """
    files = {f"{RUN}/{name}": path for name, path in _files(run.path).items() if travels(name)}
    if catalogue is not None:
        files |= {f"{CATALOGUE}/{name}": path for name, path in _files(catalogue.path).items()}
    stars = run.manifest.catalogue
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(6)}.tmp")
    with refused("the pack cannot be written", out, "Check the directory."):
        try:
            entries = {name: Entry(path.stat().st_size, file_digest(path)) for name, path in files.items()}
            contents = Contents(run.path.name, stars.id, stars.name, entries)
            with temporary.open("xb") as stream:
                _write(stream, contents, files, progress)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(out)
            sync_directory(out.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return contents


def _files(directory: Path) -> dict[str, Path]:
    """All files below a directory by their paths in it."""
    return {path.relative_to(directory).as_posix(): path for path in sorted(directory.rglob("*")) if path.is_file()}


def _write(stream: BinaryIO, contents: Contents, files: Mapping[str, Path], progress: Progress) -> None:
    head, done = contents.encoded(), 0
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_header(LIST, len(head)), io.BytesIO(head))
        for name, path in files.items():
            entry = contents.files[name]
            with path.open("rb") as file:
                content = _Watched(file)
                tar.addfile(_header(name, entry.size), content)  # type: ignore[arg-type]
            if content.digest.hexdigest() != entry.sha256:
                raise InputError("it was changed while it was packed", file=path, remedy="Pack it again.")
            done += entry.size
            progress(done / max(contents.size, 1))


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header


class _Watched:
    """A file whose digest is that of what has been read of it."""

    def __init__(self, file: BinaryIO):
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        block = self._file.read(size)
        self.digest.update(block)
        return block
