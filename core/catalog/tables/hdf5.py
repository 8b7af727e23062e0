"""HDF5 tables: one compound dataset (as astropy writes) or a group of equally long columns.

Links and storage outside the file are refused: HDF5 would read any file of this machine for them.
"""

import contextlib
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from core.catalog.tables.table import CHUNK_ROWS, Chunk, Table, check_expansion, choose, not_numbers, truncated
from core.catalog.tables.text import units_of_yaml
from core.errors import CatalogError

_DEEPEST = 8


def open_hdf5(stream: BinaryIO, file: Path, table: str | int | None, stack: contextlib.ExitStack) -> Table:
    """The table of an HDF5 file; it and ``stream`` stay open until ``stack`` closes."""
    try:
        root = stack.enter_context(h5py.File(stream, "r"))
        found = dict(_tables(file, root, ""))
        paths = sorted(found)
        path = paths[choose(file, paths, table, "table")]
        return _table(file, root, path, found[path])
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise truncated(file, f"its structure cannot be read ({error})") from error


def _tables(file: Path, group: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path of every table below ``group`` with its columns: the dataset and, in a compound, the field."""
    columns: dict[str, Any] = {}
    if path.count("/") > _DEEPEST:  # hard links can form a circle
        raise CatalogError(f"its groups are nested deeper than {_DEEPEST}", file=file, remedy="Store a flat table.")
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise CatalogError(f"{path}/{name} is a link", file=file, remedy="Copy the data into the file.")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _tables(file, item, f"{path}/{name}")
        elif item.external or item.is_virtual:
            raise CatalogError(
                f"the data of {path}/{name} are in another file", file=file, remedy="Copy them into the file."
            )
        elif item.dtype.names and item.ndim == 1:
            yield f"{path}/{name}", {field: (item, field) for field in item.dtype.names}
        elif item.ndim == 1 and not name.endswith(".__table_column_meta__"):
            columns[name] = (item, None)
    lengths = {len(item) for item, _ in columns.values()}
    if len(lengths) > 1:
        raise CatalogError(
            f"the columns in {path or '/'} differ in length", file=file, remedy="Store one table per group."
        )
    if columns:
        yield path or "/", columns


def _table(file: Path, root: Any, path: str, columns: dict[str, Any]) -> Table:
    first_item, _ = next(iter(columns.values()))
    units = {
        name: str(item.attrs.get("unit", item.attrs.get("units", "")))
        for name, (item, field) in columns.items()
        if field is None
    }
    header = f"{path}.__table_column_meta__"
    if header in root:
        units |= units_of_yaml(line.decode("utf-8", "replace") for line in root[header])

    def chunks(names: Sequence[str], integers: Set[str]) -> Iterator[Chunk]:
        check_expansion(file, 8 * len(names) * len(first_item))
        for name in names:
            item, field = columns[name]
            kind = item.dtype[field] if field else item.dtype
            if kind.kind not in "fiub" or kind.shape:
                raise not_numbers(file, name, f"values of type {kind}")
        try:
            for first in range(0, len(first_item), CHUNK_ROWS):
                rows = slice(first, first + CHUNK_ROWS)
                yield {name: _native(item, field, rows) for name, (item, field) in columns.items() if name in names}
        except (OSError, RuntimeError) as error:
            raise truncated(file, f"its rows cannot be read ({error})") from error

    return Table(
        file,
        "HDF5",
        tuple(columns),
        chunks,
        units={k: u for k, u in units.items() if u},
        rows=len(first_item),
    )


def _native(item: Any, field: str | None, rows: slice) -> np.ndarray:
    values = item.fields(field)[rows] if field else item[rows]
    return values.astype(values.dtype.newbyteorder("="))
