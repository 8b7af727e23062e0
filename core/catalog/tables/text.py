"""CSV and ECSV: text read with pyarrow, every needed column as the type it must have, so that ids stay exact.

An ECSV file is the same text below a header in YAML that holds the units.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from astropy.table.meta import YamlParseError, get_header_from_yaml

from core.catalog.tables.table import Chunk, Table, truncated
from core.errors import CatalogError

_MISSING = ["", "nan", "NaN", "NAN", "null", "NULL", "None", "N/A", "n/a", "NA", "--", "-"]
_LONGEST_HEADER = 1 << 20
_BLOCK_BYTES = 1 << 22
"""The reader holds several of them; a line, and all that stands before the first row, must fit into one."""


def open_csv(stream: BinaryIO, file: Path) -> Table:
    """A text table with one line of names; comment lines that start with # may stand before it."""
    skipped, line = 0, _line(stream, file)
    while line.startswith("#") and "," not in line:
        skipped, line = skipped + 1, _line(stream, file)
    delimiter = max(",;\t|", key=line.count)
    return _open_text(stream, file, "CSV", line, skipped, delimiter, {})


def open_ecsv(stream: BinaryIO, file: Path) -> Table:
    """A text table with astropy's header (names, types, units) in comment lines."""
    comments, line = [], _line(stream, file)
    while line.startswith("#"):
        comments.append(line[2:])
        line = _line(stream, file)
    header = _header(comments[1:])
    return _open_text(stream, file, "ECSV", line, len(comments), header.get("delimiter", " "), _units(header))


def units_of_yaml(lines: Iterable[str]) -> dict[str, str]:
    """Units of the columns in the header that astropy writes (into ECSV, parquet and HDF5)."""
    return _units(_header(lines))


def _header(lines: Iterable[str]) -> dict[str, Any]:
    """The header in YAML; empty where it is damaged, so that the columns are read as if without units."""
    try:
        return dict(get_header_from_yaml(list(lines)))
    except (YamlParseError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def _units(header: dict[str, Any]) -> dict[str, str]:
    columns = header.get("datatype", [])
    return {c["name"]: str(c["unit"]) for c in columns if isinstance(c, dict) and c.get("name") and c.get("unit")}


def _line(stream: BinaryIO, file: Path) -> str:
    raw = stream.readline(_LONGEST_HEADER)
    if len(raw) == _LONGEST_HEADER:
        raise CatalogError(
            f"its first line is longer than {_LONGEST_HEADER / 1e6:.0f} MB",
            file=file,
            remedy="Check that it is a table in text form, with one star on each line.",
        )
    try:
        return raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise CatalogError("its header is not UTF-8 text", file=file, remedy="Save it as UTF-8.") from error


def _open_text(
    stream: BinaryIO, file: Path, kind: str, line: str, skipped: int, delimiter: str, units: dict[str, str]
) -> Table:
    names = next(csv.reader([line], delimiter=delimiter), [])
    names = [name.removeprefix("#").strip() for name in names]
    if len(names) < 2:
        raise CatalogError(
            f"its first line names no columns: {line[:60]!r}",
            file=file,
            remedy="A CSV file starts with the names, separated by commas.",
        )

    # columns are called by their number, as a header may repeat the name of one that is not wanted
    layout = pc.ReadOptions(
        use_threads=False,  # else an error does not say in which line it is
        block_size=_BLOCK_BYTES,
        skip_rows=skipped + 1,
        column_names=[str(i) for i in range(len(names))],
    )

    def chunks(wanted: Sequence[str], integers: Set[str]) -> Iterator[Chunk]:
        stream.seek(0)
        keys = {name: str(names.index(name)) for name in wanted}
        types = {key: pa.int64() if name in integers else pa.float64() for name, key in keys.items()}
        wanted_types = pc.ConvertOptions(include_columns=list(types), column_types=types, null_values=_MISSING)
        try:
            for batch in pc.open_csv(stream, layout, pc.ParseOptions(delimiter=delimiter), wanted_types):
                yield {name: _masked(batch.column(key)) for name, key in keys.items()}
        except pa.ArrowInvalid as error:
            raise _explained(error, file, names) from error
        except (pa.ArrowException, OSError) as error:
            raise truncated(file, str(error)) from error

    return Table(file, kind, tuple(names), chunks, units=units)


def _masked(column: pa.Array) -> np.ndarray:
    if not column.null_count:
        return column.to_numpy(zero_copy_only=False)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    return np.ma.masked_array(column.fill_null(0).to_numpy(zero_copy_only=False), missing)


def _explained(error: pa.ArrowInvalid, file: Path, names: Sequence[str]) -> CatalogError:
    """pyarrow's message with the column's name in place of its number."""
    text = str(error)
    value = re.search(r"CSV column #(\d+): (?:Row #(\d+): )?.*?to (\w+): invalid value '(.*)'", text, re.S)
    if value:
        column, line, kind, found = value.groups()
        what = "a whole number" if kind == "int64" else "a number"
        remedy = 'Correct it, or name another column in a recipe ("" leaves it out).'
        if re.fullmatch(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*", found):
            remedy = "Write numbers with a decimal point, not a comma."
        return CatalogError(
            f"line {line}: {found[:40]!r} is not {what}", file=file, column=names[int(column)], remedy=remedy
        )
    ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text)
    if ragged:
        line, expected, got = ragged.groups()
        return CatalogError(
            f"line {line} has {got} values where the header names {expected}",
            file=file,
            remedy="The file is cut, or a separator is missing or stands inside a value: correct or write it again.",
        )
    if "Empty CSV" in text:
        return CatalogError("it has a header and no rows", file=file, remedy="Check how it was written.")
    return truncated(file, next(iter(text.splitlines()), "not a table"))
