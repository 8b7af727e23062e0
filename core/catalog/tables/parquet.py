"""Parquet files: ours, astropy's, pandas'. Units are in the fields' metadata or in astropy's table header."""

from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.catalog.metadata import PARQUET_KEY, decode_metadata
from core.catalog.tables.table import CHUNK_ROWS, Chunk, Table, check_expansion, check_memory, not_numbers, truncated
from core.catalog.tables.text import units_of_yaml

_ASTROPY_KEY = b"table_meta_yaml"


def open_parquet(stream: BinaryIO, file: Path) -> Table:
    """The table of a parquet file, its pages checked against their checksums where it has them."""
    try:
        # read as it is asked for: by default whole row groups wait in memory, a catalogue's size more
        lean = {"pre_buffer": False, "buffer_size": 1 << 20}
        parquet = pq.ParquetFile(stream, page_checksum_verification=True, **lean)
        schema = parquet.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise truncated(file, f"its footer cannot be read ({error})") from error
    header = schema.metadata or {}
    written = header.get(PARQUET_KEY)

    def chunks(names: Sequence[str], integers: Set[str]) -> Iterator[Chunk]:
        check_expansion(file, 8 * len(names) * parquet.metadata.num_rows)
        # of one row group at a time these columns are in memory
        check_memory(file, max((_bytes(parquet, i, names) for i in range(parquet.num_row_groups)), default=0))
        try:
            for batch in parquet.iter_batches(CHUNK_ROWS, columns=list(names), use_threads=False):
                yield {name: _numbers(batch.column(name), file, name) for name in names}
        except (pa.ArrowException, OSError) as error:
            raise truncated(file, f"its pages cannot be read ({error})") from error

    return Table(
        file,
        "parquet",
        tuple(schema.names),
        chunks,
        units=_units(schema, header.get(_ASTROPY_KEY)),
        rows=parquet.metadata.num_rows,
        metadata=decode_metadata(written, file) if written else None,
    )


def _bytes(parquet: pq.ParquetFile, group: int, names: Sequence[str]) -> int:
    row_group = parquet.metadata.row_group(group)
    columns = (row_group.column(i) for i in range(row_group.num_columns))
    return sum(c.total_uncompressed_size for c in columns if c.path_in_schema in names)


def _units(schema: pa.Schema, astropy_header: bytes | None) -> dict[str, str]:
    units = units_of_yaml(astropy_header.decode("utf-8", "replace").splitlines()) if astropy_header else {}
    for field in schema:
        unit = (field.metadata or {}).get(b"unit", b"").decode("utf-8", "replace")
        if unit:
            units[field.name] = unit
    return units


def _numbers(column: pa.Array, file: Path, name: str) -> np.ndarray:
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise not_numbers(file, name, f"values of type {kind}")
    if not column.null_count:
        return column.to_numpy(zero_copy_only=False)
    # filled rather than converted: pyarrow makes floating-point numbers of integers with nulls
    blank = pa.scalar(False if pa.types.is_boolean(column.type) else 0, column.type)
    values = pc.fill_null(column, blank).to_numpy(zero_copy_only=False)
    return np.ma.masked_array(values, column.is_null().to_numpy(zero_copy_only=False))
