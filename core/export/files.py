"""Tables as FITS (one extension per field, linear axis keywords) or HDF5 (one dataset per field), by suffix.

In both, names and units are those of :mod:`core.export.tables`, and all metadata are one JSON text: the keyword DPMETA
of the first FITS header, the attribute ``metadata`` of the HDF5 file. FITS stores x fastest, HDF5 is indexed [x, y, z].
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.io import fits

from core.errors import InputError, refused
from core.export.tables import UNITS, Tables
from core.runs.artifacts import write_bytes

_KEYWORD, _CLASSES = "DPMETA", "reliability_"
SUFFIXES = (".fits", ".h5", ".hdf5")


def check_target(path: Path) -> None:
    """Raise InputError where no export can be written to ``path``, before the work is done."""
    _kind(path)
    if path.is_dir() or not path.absolute().parent.is_dir():
        reason = "it is a directory" if path.is_dir() else "its directory does not exist"
        raise InputError(f"cannot be written: {reason}", file=path, remedy="Name a file in an existing directory.")


def write_tables(path: Path, tables: Tables) -> None:
    """Write a .fits, .h5 or .hdf5 file, whole or not at all; InputError for another suffix or an unwritable place."""
    content = (_fits if _kind(path) == ".fits" else _hdf5)(path, tables)
    with refused("cannot be written", path, "Check the directory."):
        write_bytes(path, content)


def read_tables(path: str | Path) -> Tables:
    """What :func:`write_tables` wrote; InputError where the file is another or damaged."""
    path = Path(path)
    read = _read_fits if _kind(path) == ".fits" else _read_hdf5
    try:
        return read(path)
    except (OSError, KeyError, ValueError, TypeError) as error:
        reason = f"it is not a table that deep-potential export wrote: {error}"
        raise InputError(reason, file=path, remedy="Make it anew with: deep-potential export.") from error


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"tables are not kept in files of the kind {suffix!r}",
            file=path,
            remedy="End its name with .fits, .h5 or .hdf5.",
        )
    return suffix


def _arrays(tables: Tables) -> Iterator[tuple[str, str, np.ndarray]]:
    """Name, unit and values of every array, masks as 0 and 1."""
    yield from ((name, UNITS[name], table) for name, table in tables.fields.items())
    for (pipeline, name), table in tables.spreads.items():
        yield f"{name}_spread_{pipeline}", UNITS[name], table
    yield "inside", "", tables.inside.astype(np.uint8)
    yield "trusted", "", tables.trusted.astype(np.uint8)
    yield from ((f"{_CLASSES}{aspect}", "", classes) for aspect, classes in tables.reliability.items())


def _tables(axes: tuple[np.ndarray, ...], arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> Tables:
    spreads = {}
    for label in [name for name in arrays if "_spread_" in name]:
        name, pipeline = label.split("_spread_")
        spreads[pipeline, name] = arrays.pop(label)
    classes = {n.removeprefix(_CLASSES): arrays.pop(n) for n in [name for name in arrays if name.startswith(_CLASSES)]}
    masks = arrays.pop("inside").astype(bool), arrays.pop("trusted").astype(bool)
    return Tables(axes, arrays, spreads, *masks, metadata, classes)


def _fits(path: Path, tables: Tables) -> bytes:
    primary = fits.PrimaryHDU()
    primary.header[_KEYWORD] = json.dumps(tables.metadata)
    hdus = [primary]
    for name, unit, table in _arrays(tables):
        hdu = fits.ImageHDU(np.ascontiguousarray(table.T), name=name)
        if unit:
            hdu.header["BUNIT"] = unit
        for i, (letter, axis) in enumerate(zip("XYZ", tables.axes, strict=True), 1):
            hdu.header.update({f"CTYPE{i}": letter, f"CUNIT{i}": "kpc", f"CRPIX{i}": 1.0})
            hdu.header.update({f"CRVAL{i}": axis[0], f"CDELT{i}": (axis[-1] - axis[0]) / (len(axis) - 1)})
        hdus.append(hdu)
    stream = io.BytesIO()
    fits.HDUList(hdus).writeto(stream)
    return stream.getvalue()


def _read_fits(path: Path) -> Tables:
    with fits.open(path) as hdus:
        metadata = json.loads(hdus[0].header[_KEYWORD])
        header = hdus["INSIDE"].header
        axes = tuple(
            header[f"CRVAL{i}"] + header[f"CDELT{i}"] * np.arange(header[f"NAXIS{i}"], dtype=float) for i in (1, 2, 3)
        )
        arrays = {h.name.lower(): np.array(h.data.T, h.data.dtype.newbyteorder("=")) for h in hdus[1:]}
    return _tables(axes, arrays, metadata)


def _hdf5(path: Path, tables: Tables) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["metadata"] = json.dumps(tables.metadata)
        for letter, axis in zip("xyz", tables.axes, strict=True):
            file[letter] = axis
            file[letter].attrs["unit"] = "kpc"
        for name, unit, table in _arrays(tables):
            file.create_dataset(name, data=table, compression="gzip").attrs["unit"] = unit
    return stream.getvalue()


def _read_hdf5(path: Path) -> Tables:
    with h5py.File(path, "r") as file:
        arrays = {name: item[()] for name, item in file.items()}
        metadata = json.loads(file.attrs["metadata"])
    return _tables(tuple(arrays.pop(letter) for letter in "xyz"), arrays, metadata)
