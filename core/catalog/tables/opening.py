"""Opens a catalogue file: decides by its first bytes what it is, refuses what is no table, unpacks gzip.

Only regular local files are opened, as binary streams, so that no library takes a name for an address or a
format for granted.
"""

import contextlib
import gzip
import os
import re
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.catalog.cuts import nearest
from core.catalog.tables.fits import open_fits
from core.catalog.tables.hdf5 import open_hdf5
from core.catalog.tables.parquet import open_parquet
from core.catalog.tables.table import Table, check_expansion, truncated
from core.catalog.tables.text import open_csv, open_ecsv
from core.catalog.tables.votable import open_votable
from core.errors import CatalogError, refused

READABLE = "FITS, VOTable, ECSV, CSV, parquet and HDF5, each also with .gz"

_HEAD = 4096
_BLOCK = 1 << 18

_MAGIC = ((b"SIMPLE  =", "FITS"), (b"PAR1", "parquet"), (b"\x89HDF\r\n\x1a\n", "HDF5"), (b"\x1f\x8b", "gzip"))
_OTHERS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x93NUMPY", "a numpy array"),
    (b"ARROW1", "an Arrow file"),
    (b"\x80", "a Python pickle"),
)
_UTF16 = re.compile(rb"\xff\xfe|\xfe\xff|(?:[\x09-\x7e]\0){4}|(?:\0[\x09-\x7e]){4}")
_SUFFIXES = {
    ".fits": "FITS",
    ".fit": "FITS",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".hdf": "HDF5",
    ".vot": "VOTable",
    ".votable": "VOTable",
    ".xml": "VOTable",
    ".ecsv": "ECSV",
}


@contextlib.contextmanager
def open_table(path: str | Path, table: str | int | None = None) -> Iterator[Table]:
    """The table in the file ``path``; of several the one called ``table`` (name or number).

    Raises CatalogError naming the file, what is wrong with it and what to do.
    """
    file = local_file(path)
    with contextlib.ExitStack() as stack:
        with _closed(file):
            stream: BinaryIO = stack.enter_context(file.open("rb"))
            kind = _kind(stream, file)
            if kind == "gzip":
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                stream = stack.enter_context(_unpacked(file, Path(folder)).open("rb"))
                kind = _kind(stream, file)
        yield _open(kind, stream, file, table, stack)


def _open(kind: str, stream: BinaryIO, file: Path, table: str | int | None, stack: contextlib.ExitStack) -> Table:
    match kind:
        case "FITS":
            return open_fits(stream, file, table)
        case "HDF5":
            return open_hdf5(stream, file, table, stack)
        case "VOTable":
            return open_votable(stream, file, table)
        case "parquet":
            return open_parquet(stream, file)
        case "ECSV":
            return open_ecsv(stream, file)
        case "CSV":
            return open_csv(stream, file)
    raise CatalogError("it is compressed twice", file=file, remedy="Unpack it once with gunzip.")


def local_file(path: str | Path) -> Path:
    """``path`` if it is a regular local file; CatalogError for an address, a directory or a device."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise CatalogError("an address is not read", file=path, remedy="Download the file and give its path.")
    file = Path(path)
    try:
        mode = file.stat().st_mode
    except PermissionError:
        with _closed(file):
            raise
    except (OSError, ValueError) as error:
        raise _not_there(file) from error
    if stat.S_ISDIR(mode):
        raise CatalogError("this is a directory", file=file, remedy="Give one of the files in it.")
    if not stat.S_ISREG(mode):
        raise CatalogError("this is not a regular file", file=file, remedy="Give a file on disk.")
    return file


def _closed(file: Path) -> contextlib.AbstractContextManager[None]:
    return refused("the file cannot be read", file, "Check its permissions and the disk.", kind=CatalogError)


def _not_there(file: Path) -> CatalogError:
    siblings = [p.name for p in file.parent.iterdir()] if os.path.isdir(file.parent) else []
    if os.path.islink(file):
        return CatalogError("this is a link that leads nowhere", file=file, remedy="Give the file itself.")
    advice = nearest(file.name, siblings) if siblings else ""
    remedy = advice if advice.startswith("Did") else "Check the path."
    return CatalogError("there is no such file", file=file, remedy=remedy)


def _kind(stream: BinaryIO, file: Path) -> str:
    """What the first bytes say; CatalogError where it is no table, or not what the file's name promises."""
    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(0)
    if not head:
        raise CatalogError("the file is empty", file=file, remedy="Download or copy it again.")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    for magic, what in _OTHERS:
        if head.startswith(magic):
            raise CatalogError(f"this is {what}, not a table", file=file, remedy=f"Readable are {READABLE}.")
    if head[257:262] == b"ustar":
        raise CatalogError(
            "this is a tar archive, not a table", file=file, remedy="Unpack it and give the file inside."
        )
    return _kind_of_text(head.removeprefix(b"\xef\xbb\xbf").lstrip(), file)


def _kind_of_text(head: bytes, file: Path) -> str:
    lower = head.lower()
    if b"<votable" in lower or re.match(rb"<(\w+:)?votable", lower):
        return "VOTable"
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise CatalogError(
            "this is a web page, not a table",
            file=file,
            remedy="The server sent an error page: download it again.",
        )
    if lower.startswith(b"<"):
        raise CatalogError("this is XML, but not a VOTable", file=file, remedy=f"Readable are {READABLE}.")
    if head.startswith(b"# %ECSV"):
        return "ECSV"
    if _UTF16.match(head):
        raise CatalogError("this is text in UTF-16", file=file, remedy="Save it as UTF-8.")
    suffixes = [s.lower() for s in file.suffixes if s.lower() != ".gz"]
    promised = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    first = head.splitlines()[0][:64] if head else b""
    is_text = first.isascii() and first.decode().isprintable()
    if promised or (b"\0" in head and not is_text):
        seems = f"; it seems to be text and starts with {first[:24].decode()!r}" if is_text else ""
        rename = (
            "If it is a table in text form, let its name end with .csv." if is_text else f"Readable are {READABLE}."
        )
        raise CatalogError(f"this is not {promised or 'a table'}{seems}", file=file, remedy=rename)
    if b"\0" in head:
        raise CatalogError(
            f"line {head[: head.index(0)].count(10) + 1} holds a NUL byte, which no text has",
            file=file,
            remedy="It was damaged, or is no text: download or write it again.",
        )
    return "CSV"


def _unpacked(file: Path, folder: Path) -> Path:
    """The content of a gzip file as a file in ``folder``, with an end to what it may grow to."""
    unpacked = folder / "table"
    try:
        with gzip.open(file, "rb") as packed, unpacked.open("wb") as stream:
            while block := packed.read(_BLOCK):
                check_expansion(file, stream.tell() + len(block))
                stream.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise truncated(file, str(error)) from error
    return unpacked
