"""VOTables (TABLEDATA, BINARY, BINARY2) through astropy, after a look for what must not be followed.

A VOTable may name a remote STREAM that astropy would fetch, and entities that expand; neither occurs in a
catalogue that came as one file.
"""

import mmap
import re
import struct
import warnings
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError

import numpy as np
from astropy.io import votable
from astropy.utils.xml.iterparser import get_xml_iterator

from core.catalog.tables.table import CHUNK_ROWS, Chunk, Table, choose, not_numbers, truncated
from core.errors import CatalogError

_REMOTE = re.compile(rb"<(?:[\w.-]+:)?(?:STREAM|FITS|PARQUET)\b[^<]*?\bhref\s*=")
_ENTITY = re.compile(rb"<!ENTITY\b")
_TABLE = re.compile(rb"<(?:[\w.-]+:)?TABLE(?=[\s>/])([^>]*)>")
_NAME = re.compile(rb"""\b(?:name|ID)\s*=\s*["']([^"']*)["']""")
_BROKEN = (
    ExpatError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OSError,
    EOFError,
    struct.error,
)
"""What astropy raises, and lets through, for a malformed VOTable."""


def open_votable(stream: BinaryIO, file: Path, table: str | int | None) -> Table:
    """The table of a VOTable; ``stream`` must be a real file, open while the table is used."""
    tables = _inspect(stream, file)
    number = choose(file, tables, table, "table")
    fields = _fields(stream, file, number)
    names = tuple(name for name, _ in fields)

    def chunks(wanted: Sequence[str], integers: Set[str]) -> Iterator[Chunk]:
        # astropy checks these numbers against every table, so with several tables it reads all columns;
        # and it mixes up the columns of BINARY data unless they are in the order of the file
        columns = sorted(names.index(name) for name in wanted) if len(tables) == 1 else None
        parsed = _parsed(stream, file, number, columns)
        array = parsed.array
        # the array's fields are called by the ID, which need not be the name
        labels = {field.name or field.ID: field.ID for field in parsed.fields}
        for name in wanted:
            if array[labels[name]].dtype.kind not in "fiub" or array[labels[name]].ndim > 1:
                raise not_numbers(file, name, "text, arrays or objects")
        for first in range(0, len(array), CHUNK_ROWS):
            rows = array[first : first + CHUNK_ROWS]
            yield {name: _native(rows[labels[name]]) for name in wanted}

    return Table(file, "VOTable", names, chunks, units={name: unit for name, unit in fields if unit})


def _native(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("="))


def _inspect(stream: BinaryIO, file: Path) -> list[str]:
    """Names of the tables; CatalogError for a file that refers to others."""
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        if _REMOTE.search(text):
            raise CatalogError("its data are in another file or place", file=file, remedy="Save it as one file.")
        if _ENTITY.search(text):
            raise CatalogError("it defines XML entities", file=file, remedy="Save it without a DOCTYPE.")
        names = [_NAME.search(t.group(1)) for t in _TABLE.finditer(text)]
    return [n.group(1).decode("utf-8", "replace") if n else "" for n in names]


def _fields(stream: BinaryIO, file: Path, number: int) -> list[tuple[str, str]]:
    """Name and unit of each FIELD of one table, without a look at its rows."""
    stream.seek(0)
    fields: list[tuple[str, str]] = []
    seen = -1
    try:
        with get_xml_iterator(stream) as elements:
            for start, tag, data, _ in elements:
                seen += start and tag == "TABLE"
                if seen == number and start and tag == "FIELD":
                    fields.append((data.get("name") or data.get("ID") or "", data.get("unit") or ""))
                if seen == number and tag in ("DATA", "TABLE") and fields:
                    break
    except _BROKEN as error:
        raise truncated(file, f"its XML cannot be read ({error})") from error
    if not fields:
        raise CatalogError("its table has no columns", file=file, remedy="Check the query that made it.")
    return fields


def _parsed(stream: BinaryIO, file: Path, number: int, columns: list[int] | None) -> Any:
    stream.seek(0)
    with warnings.catch_warnings():
        # deviations from the VOTable standard, of which every archive has some
        warnings.simplefilter("ignore")
        try:
            parsed = votable.parse(stream, columns=columns, table_number=number, verify="ignore", filename=file.name)
            return list(parsed.iter_tables())[number]
        except _BROKEN as error:
            raise truncated(file, f"its rows cannot be read ({error})") from error
