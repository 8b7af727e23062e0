"""Files on their way into the store from elsewhere: counted, hashed, named by their hash, gone when they are read.

They lie in ``<root>/incoming`` with mode 0600. The name that the sender gives is shown and never becomes a path.
"""

import hashlib
import os
import shutil
import time
import uuid
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

from core.catalog.catalogue import Catalogue
from core.catalog.guarded import read_guarded
from core.catalog.ingest import usable_name
from core.catalog.store import CatalogueStore
from core.errors import CatalogError, InputError, refused

LARGEST = 8 << 30
"""Bytes of one file; the limit on all that a store holds is QUOTA_VARIABLE."""
QUOTA_VARIABLE = "DEEP_POTENTIAL_QUOTA_GB"
_QUOTA = 100.0
_ABANDONED_AFTER = 86400.0
_KEPT_FREE = 1 << 30


class IncomingFile:
    """A file of ``size`` bytes that arrives in pieces; CatalogError where there is no room for it.

    Use :meth:`write` for each piece, then :meth:`read` once; :meth:`discard` whenever it is given up.
    """

    def __init__(self, name: str, size: int, store: CatalogueStore):
        self.name, self.size, self.store = usable_name(Path(name.replace("\\", "/")).name), size, store
        self.received, self._digest = 0, hashlib.sha256()
        folder = store.root / "incoming"
        check_room(size, store.root)
        self.path = folder / f".{uuid.uuid4().hex}"
        with self._storing():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sweep(folder)
            self._stream: BinaryIO = open(  # noqa: SIM115  (closed by read and by discard)
                os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            )

    def write(self, piece: bytes) -> None:
        """Take the next bytes; CatalogError for more than were announced, and where the disk takes no more."""
        self.received += len(piece)
        if self.received > self.size:
            raise CatalogError("more bytes came than were announced", file=self.name, remedy="Send it again.")
        self._digest.update(piece)
        with self._storing():
            self._stream.write(piece)

    def read(self, recipe: str | None = None) -> Catalogue:
        """The catalogue in the file, which is removed then; raises what ingest raises, with the sender's name."""
        try:
            if self.received < self.size:
                told = f"only {self.received:,} of {self.size:,} bytes came"
                raise CatalogError(told, remedy="Send it again.")
            with self._storing():
                self._stream.close()
                self.path = self.path.replace(self.path.with_name(self._digest.hexdigest() + _suffixes(self.name)))
            stem = self.name.removesuffix(".gz").rpartition(".")[0]
            return read_guarded(self.path, recipe, name=usable_name(stem or self.name), store=self.store)
        except InputError as error:
            # the path on the server is nobody's business
            raise type(error)(error.reason, remedy=error.remedy, file=self.name, column=error.column) from None
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing of it."""
        with suppress(OSError):  # what is still to be written finds no room either
            self._stream.close()
        self.path.unlink(missing_ok=True)

    def _storing(self) -> AbstractContextManager[None]:
        """What a disk refuses is told by the sender's name for the file; where that is here is nobody's business."""
        return refused("it cannot be stored", self.name, kind=CatalogError)


def check_room(size: int, root: Path) -> None:
    """CatalogError where ``size`` more bytes are too many for one file, for the quota, or for the disk."""
    quota = float(os.environ.get(QUOTA_VARIABLE) or _QUOTA) * 1e9
    held = sum(_size(path) for path in root.rglob("*")) if root.is_dir() else 0
    here = next(path for path in (root, *root.absolute().parents) if path.is_dir())
    if size <= 0:
        raise CatalogError("the file is empty", remedy="Choose another.")
    if size > LARGEST:
        raise CatalogError(
            f"a file of {size / 1e9:.1f} GB is larger than {LARGEST / 1e9:.1f} GB",
            remedy="Read it on the server: deep-potential ingest FILE.",
        )
    if held + size > quota:
        raise CatalogError(
            f"the catalogues take {held / 1e9:.1f} GB and may take {quota / 1e9:g} GB",
            remedy=f"Remove some, or raise {QUOTA_VARIABLE}.",
        )
    if 2 * size + _KEPT_FREE > shutil.disk_usage(here).free:
        raise CatalogError("the server's disk is too full for it", remedy="Free some space there.")


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _suffixes(name: str) -> str:
    """The end of a name as far as it may tell a kind of file."""
    parts = [part for part in Path(name).suffixes[-2:] if part[1:].isascii() and part[1:].isalnum()]
    return "".join(parts).lower()[:16]


def _sweep(folder: Path) -> None:
    """Removes what a server that was killed left behind."""
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                path.unlink()
