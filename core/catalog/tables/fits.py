"""FITS binary (and ASCII) tables, read in blocks of rows so that a wide table passes through memory once."""

import os
import warnings
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits

from core.catalog.metadata import FITS_KEYWORD, decode_metadata
from core.catalog.tables.table import CHUNK_ROWS, Chunk, Table, choose, not_numbers, truncated
from core.errors import CatalogError

_NUMBERS = tuple("LBIJKED")
"""Formats of a binary column of one number per row (L: boolean)."""

_ASCII_NUMBERS = "IFED"
"""First letters of the formats of numbers in an ASCII table, such as F10.4."""


def open_fits(stream: BinaryIO, file: Path, table: str | int | None) -> Table:
    """The table HDU of a FITS file; ``stream`` must be a real file, open while the table is used."""
    with warnings.catch_warnings():
        # astropy warns of truncation and odd cards; the size check below and the columns decide
        warnings.simplefilter("ignore")
        try:
            _check_sizes(stream, file)
            hdus = fits.open(stream, memmap=True, mode="readonly")
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
            _refuse_compressed(file, hdus)
            hdu = tables[choose(file, [h.name for h in tables], table, "table")]
            return _table(stream, file, hdu)
        except (OSError, ValueError, TypeError, KeyError, IndexError, fits.VerifyError) as error:
            raise truncated(file, f"its FITS headers cannot be read ({error})") from error


def _check_sizes(stream: BinaryIO, file: Path) -> None:
    """CatalogError where a header declares more than the file holds: astropy would seek to nowhere."""
    size, number = os.fstat(stream.fileno()).st_size, 0
    stream.seek(0)
    while stream.tell() < size:
        header = fits.Header.fromfile(stream, endcard=True)
        if stream.tell() + header.data_size > size:
            raise truncated(file, f"{_declared(header, number)}, and {size - stream.tell()} bytes follow")
        stream.seek(header.data_size_padded, os.SEEK_CUR)
        number += 1
        if not _is_header(stream):
            break  # what follows the last HDU is no part of it
    stream.seek(0)


def _declared(header: Any, number: int) -> str:
    if header.get("NAXIS") == 2 and "TFIELDS" in header:
        return f"its header declares {header['NAXIS2']} rows of {header['NAXIS1']} bytes"
    return f"header {number} declares {header.data_size} bytes"


def _is_header(stream: BinaryIO) -> bool:
    here = stream.tell()
    card = stream.read(80)
    stream.seek(here)
    return card.startswith(b"XTENSION")


def _refuse_compressed(file: Path, hdus: Any) -> None:
    if any(hdu.header.get("ZTABLE") for hdu in hdus):
        raise CatalogError("the table is compressed with fpack", file=file, remedy="Unpack it with funpack first.")


def _table(stream: BinaryIO, file: Path, hdu: Any) -> Table:
    header, columns = hdu.header, hdu.columns
    rows, width = int(header["NAXIS2"]), int(header["NAXIS1"])
    start = hdu.fileinfo()["datLoc"]
    held = os.fstat(stream.fileno()).st_size - start
    ascii_table = isinstance(hdu, fits.TableHDU)
    if rows < 0 or width < 0 or rows * width > held:
        raise truncated(file, f"its header declares {rows} rows of {width} bytes, and {max(held, 0)} bytes follow")
    repeated = next((name for name in columns.names if columns.names.count(name) > 1), None)
    if repeated is not None:
        raise CatalogError(
            f"the file has {columns.names.count(repeated)} columns of this name",
            file=file,
            column=repeated,
            remedy="Rename them.",
        )
    if "DATASUM" in header and not hdu.verify_datasum():
        raise truncated(file, "its data do not have the checksum that its header says (DATASUM)")
    layout = columns.dtype.newbyteorder(">")
    if not ascii_table and layout.itemsize != width:
        raise truncated(file, f"its header declares columns of {layout.itemsize} bytes in rows of {width}")
    written = header.get(FITS_KEYWORD)

    def chunks(names: Sequence[str], integers: Set[str]) -> Iterator[Chunk]:
        for name in names:
            _check_numbers(file, columns[name], ascii_table=ascii_table)
        if ascii_table:
            yield from _ascii_chunks(file, hdu, names)
            return
        for first in range(0, rows, CHUNK_ROWS):
            stream.seek(start + first * width)
            block = np.fromfile(stream, layout, min(CHUNK_ROWS, rows - first))
            if len(block) < min(CHUNK_ROWS, rows - first):
                raise truncated(file, f"it ended at row {first + len(block)} of {rows} while it was read")
            yield {name: _native(block[name], columns[name]) for name in names}

    return Table(
        file,
        "FITS",
        tuple(columns.names),
        chunks,
        units={c.name: c.unit for c in columns if c.unit},
        rows=rows,
        metadata=decode_metadata(written, file) if written else None,
    )


def _check_numbers(file: Path, column: Any, *, ascii_table: bool) -> None:
    code = str(column.format).strip()
    if (code[0] in _ASCII_NUMBERS) if ascii_table else (code.removeprefix("1") in _NUMBERS):
        return
    raise not_numbers(file, column.name, "text" if "A" in code else f"FITS values of format {code!r}")


def _native(values: np.ndarray, column: Any) -> np.ndarray:
    """Big-endian raw values as numbers, with scale, offset and null value of the column applied."""
    values = values.astype(values.dtype.newbyteorder("="))
    if str(column.format).endswith("L"):
        return np.ma.masked_where(values == 0, values == ord("T"))
    missing = values == column.null if isinstance(column.null, int) and values.dtype.kind in "iu" else None
    scale, zero = column.bscale or 1, column.bzero or 0
    if scale == 1 and zero == 2 ** (8 * values.dtype.itemsize - 1) and values.dtype.kind == "i":
        # unsigned integers are stored shifted by half their range: flipping the top bit shifts them back
        values = values.view(f"u{values.dtype.itemsize}") ^ values.dtype.type(-zero).view(f"u{values.dtype.itemsize}")
    elif scale != 1 or zero != 0:
        values = values * float(scale) + float(zero)
    return values if missing is None else np.ma.masked_array(values, missing)


def _ascii_chunks(file: Path, hdu: Any, names: Sequence[str]) -> Iterator[Chunk]:
    try:
        data = hdu.data
        for first in range(0, len(data), CHUNK_ROWS):
            yield {name: np.asarray(data.field(name)[first : first + CHUNK_ROWS]) for name in names}
    except (ValueError, TypeError) as error:
        raise truncated(file, f"a value of its ASCII table is not a number ({error})") from error
