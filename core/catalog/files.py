"""Writes catalogue files that ingest reads back with all they say of themselves: parquet or FITS."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from core.catalog.metadata import FITS_KEYWORD, PARQUET_KEY, encode_metadata
from core.catalog.quantities import QUANTITIES
from core.catalog.tables.opening import open_table
from core.errors import CatalogError, refused

_FITS_FORMATS = {"f4": "E", "f8": "D", "i2": "I", "i4": "J", "i8": "K", "u1": "B", "b1": "L"}


def write_catalogue(path: str | Path, columns: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Writes ``columns`` (equal lengths) to a .parquet or .fits file, whole or not at all.

    Columns with the name of a quantity carry its unit, which is assumed to be theirs. ``metadata``: name,
    synthetic, region (JSON), frame ("rotating" or "inertial"), truth, provenance; what can be JSON. Raises
    CatalogError for another suffix and where the disk refuses.
    """
    file = Path(path)
    writers = {".parquet": _write_parquet, ".fits": _write_fits}
    if file.suffix.lower() not in writers:
        raise CatalogError(
            f"cannot write a file of the kind {file.suffix!r}",
            file=file,
            remedy="End its name with .parquet or .fits.",
        )
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    with refused("the file cannot be written", file, "Check the directory and the disk.", kind=CatalogError):
        try:
            with temporary.open("wb") as stream:
                writers[file.suffix.lower()](stream, columns, encode_metadata(metadata))
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def read_metadata(path: str | Path) -> dict[str, Any] | None:
    """What :func:`write_catalogue` wrote beside the columns; None for a file of other origin."""
    with open_table(path) as table:
        return dict(table.metadata) if table.metadata is not None else None


def _unit(name: str) -> str:
    return QUANTITIES[name].unit if name in QUANTITIES else ""


def _write_parquet(stream: Any, columns: Mapping[str, np.ndarray], metadata: str) -> None:
    arrays = {name: pa.array(np.ascontiguousarray(values)) for name, values in columns.items()}
    fields = [
        pa.field(name, array.type, nullable=False, metadata={"unit": _unit(name)} if _unit(name) else None)
        for name, array in arrays.items()
    ]
    schema = pa.schema(fields, metadata={PARQUET_KEY: metadata.encode()})
    # floats of one column differ in their last bytes and share the first: split by byte they compress
    encodings = {
        name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(array.type) else "PLAIN" for name, array in arrays.items()
    }
    pq.write_table(
        pa.Table.from_arrays(list(arrays.values()), schema=schema),
        stream,
        compression="zstd",
        use_dictionary=False,
        column_encoding=encodings,
        write_page_checksum=True,
    )


def _write_fits(stream: Any, columns: Mapping[str, np.ndarray], metadata: str) -> None:
    made = [
        fits.Column(name, _FITS_FORMATS[f"{v.dtype.kind}{v.dtype.itemsize}"], array=v, unit=_unit(name) or None)
        for name, v in columns.items()
    ]
    hdu = fits.BinTableHDU.from_columns(made)
    hdu.header[FITS_KEYWORD] = metadata
    hdu.add_datasum(when="")  # the time would make two files of the same stars different
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
