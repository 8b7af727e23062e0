"""Every kind of bad table that a user has handed to such a program, each made in a few lines."""

import gzip
import io
import os
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.table import Table

from core.catalog.astrometry import observables_of
from core.catalog.files import write_catalogue

N = 40
Columns = Mapping[str, Any]
Make = Callable[[Path], None]
"""Writes the file."""


def _gaia() -> dict[str, np.ndarray]:
    """Stars around the Sun as columns of the Gaia archive."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(N, 3))
    x *= (rng.uniform(0.02, 0.8, N) / np.linalg.norm(x, axis=1))[:, None]
    columns = observables_of(np.concatenate([x, rng.normal(size=(N, 3)) * [35.0, 25.0, 18.0]], 1))
    del columns["distance"]
    ids = {"source_id": 3393284752392701313 + 2 * np.arange(N, dtype=np.int64)}
    errors = {f"{name}_error": rng.uniform(0.01, 0.03, N) for name in columns}
    return {**ids, **columns, **errors, "ruwe": rng.uniform(0.9, 1.3, N)}


GAIA = _gaia()


def changed(**columns: Any) -> dict[str, Any]:
    return {**GAIA, **columns}


def one(name: str, row: int, value: Any) -> dict[str, Any]:
    """The stars with one value of one column replaced."""
    return changed(**{name: [*GAIA[name][:row], value, *GAIA[name][row + 1 :]]})


def first(rows: int) -> dict[str, Any]:
    return {name: values[:rows] for name, values in GAIA.items()}


def without(name: str) -> dict[str, Any]:
    return {key: values for key, values in GAIA.items() if key != name}


def csv_bytes(columns: Columns = GAIA) -> bytes:
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows), ""]).encode()


def fits_bytes(columns: Columns = GAIA) -> bytes:
    stream = io.BytesIO()
    Table(dict(columns)).write(stream, format="fits")
    return stream.getvalue()


def parquet_bytes(columns: Columns = GAIA) -> bytes:
    stream = io.BytesIO()
    table = pa.table(dict(columns))
    pq.write_table(table, stream, write_page_checksum=True, compression="none", use_dictionary=False)
    return stream.getvalue()


def votable_bytes(columns: Columns = GAIA, form: str = "tabledata") -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from_table(Table(dict(columns))).to_xml(stream, tabledata_format=form)
    return stream.getvalue()


def content(make: Callable[[], bytes]) -> Make:
    """A file of these bytes."""
    return lambda path: path.write_bytes(make()) and None


def csv(columns: Columns) -> Make:
    return content(lambda: csv_bytes(columns))


def table_in(unit: str, column: str) -> Make:
    """An ECSV file whose ``column`` is in ``unit``."""

    def make(path: Path) -> None:
        table = Table(GAIA)
        table[column].unit = unit
        table.write(path, format="ascii.ecsv")

    return make


def several_fits() -> bytes:
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *(fits.BinTableHDU(Table(GAIA), name=name) for name in ("A", "B"))]).writeto(
        stream
    )
    return stream.getvalue()


def image_fits() -> bytes:
    stream = io.BytesIO()
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(stream)
    return stream.getvalue()


def fits_of_rows(rows: int) -> bytes:
    card = b"NAXIS2  = %20d"
    return fits_bytes().replace(card % N, card % rows)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]


def flipped_fits(path: Path) -> None:
    """One of our own files, which hold a checksum."""
    write_catalogue(path, GAIA, {})
    data = path.read_bytes()
    path.write_bytes(flipped(data, len(data) - 2880 + 40))


def flipped_parquet() -> bytes:
    data = parquet_bytes()
    return flipped(data, data.index(GAIA["pmra"].tobytes()) + 10)


def gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(72):
            stream.write(bytes(1 << 22))


def parquet_bomb(path: Path) -> None:
    """A column of one value, which costs nothing, is all the columns."""
    zeros = pa.array(np.zeros(4_000_000))
    pq.write_table(pa.table(dict.fromkeys(without("source_id"), zeros)), path, row_group_size=4_000_000)


def archive(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as packed:
            packed.writestr("stars.csv", csv_bytes())
    else:
        with tarfile.open(fileobj=stream, mode="w") as packed:
            packed.addfile(tarfile.TarInfo("stars.csv"), io.BytesIO())
    return stream.getvalue()


def hdf5(**items: Any) -> Make:
    """A file with these datasets, links or groups (None) in it."""

    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for name, item in items.items():
                if item is None:
                    file.create_group(name)
                else:
                    file[name] = item

    return make


def hdf5_columns(**columns: Any) -> Make:
    return hdf5(**changed(**columns))


def hdf5_elsewhere(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("ra", (4,), dtype="u1", external=[("/etc/hostname", 0, 4)])


def hdf5_virtual(path: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "ra", (4,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("ra", layout)


def hdf5_bomb(path: Path) -> None:
    """A million million rows of which none was ever written."""
    with h5py.File(path, "w") as file:
        for name in GAIA:
            file.create_dataset(name, (10**12,), "f8", chunks=(1 << 20,))


def object_array(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.array([{}], object), allow_pickle=True)


def votable_of_entities() -> bytes:
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    return votable_bytes().replace(b"?>", b"?>" + laughs, 1)


def votable_from_elsewhere() -> bytes:
    data = votable_bytes(form="binary2")
    start, end = data.index(b"<STREAM"), data.index(b"</STREAM>")
    return data[:start] + b'<STREAM href="file:///etc/hostname">' + data[end:]


def several_votables() -> bytes:
    stream = io.BytesIO()
    file = from_table(Table(GAIA))
    file.resources[0].tables.append(from_table(Table(GAIA)).resources[0].tables[0])
    file.to_xml(stream)
    return stream.getvalue()


def nul_at(place: int) -> bytes:
    data = csv_bytes()
    return data[:place] + b"\0\0" + data[place + 2 :]


def repeated_in_parquet(path: Path) -> None:
    arrays = [pa.array(values) for values in (*GAIA.values(), GAIA["ra"])]
    pq.write_table(pa.table(arrays, names=[*GAIA, "ra"]), path)


def ids_twice() -> dict[str, Any]:
    return changed(source_id=np.append(GAIA["source_id"][:-1], GAIA["source_id"][0]))


def link_in_a_circle(path: Path) -> None:
    path.symlink_to(path.name)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def pickled(protocol: int) -> Callable[[], bytes]:
    return lambda: pickle.dumps({"ra": [1.0]}, protocol=protocol)
