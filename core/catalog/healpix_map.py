"""Reads how far is seen in each direction from a HEALPix map in FITS.

The map is the first column of the first binary table, one value or a vector of values per row, as healpy, the Planck
archive and most dust maps write it.
"""

import warnings
import zlib
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from core.catalog.tables.opening import local_file
from core.catalog.tables.table import truncated
from core.errors import RegionError
from core.phase_space.distance_mask import FINEST, DistanceMask

_UNSEEN = -1.6375e30
"""What HEALPix programs write in a pixel without a value."""

_DECIMALS = 4
"""A tenth of a parsec: no depth is known better, and a run writes every digit."""

_LARGEST = 1 << 28
"""Bytes of a table; the finest map that is used has 1.6 million in a column."""


def read_distance_mask(path: str | Path) -> DistanceMask:
    """The map of largest distances in the file ``path``, rounded to 0.1 pc.

    Pixels without a value become 0: nothing is seen there. A file that does not name its coordinates is taken to be
    Galactic. Raises InputError naming the file, what is wrong with it and what to do.
    """
    file = local_file(path)
    try:
        with warnings.catch_warnings():
            # astropy warns of truncation and of odd cards; what it then gives is checked here
            warnings.simplefilter("ignore")
            with file.open("rb") as stream, fits.open(stream, memmap=False) as hdus:
                return _mask(next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)), None))
    except RegionError as error:
        raise RegionError(error.reason, file=file, remedy=error.remedy) from error
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, IndexError, fits.VerifyError) as error:
        raise truncated(file, f"its FITS headers or data cannot be read ({error})") from error


def _mask(hdu: fits.BinTableHDU | None) -> DistanceMask:
    if hdu is None:
        raise RegionError("it holds no table", remedy="Give a HEALPix map as a FITS binary table.")
    nested = _nested(hdu.header)
    column = hdu.columns[0]
    in_kpc = _kpc(column.unit)
    if hdu.header["NAXIS1"] * hdu.header["NAXIS2"] > _LARGEST:
        raise RegionError(
            f"its table is larger than {_LARGEST / 1e6:.0f} MB",
            remedy=f"Degrade the map to nside {FINEST} or less.",
        )
    values = np.ravel(np.asarray(hdu.data.field(0)))
    if values.dtype.kind not in "iuf":
        raise RegionError(f"its first column {column.name!r} is not of numbers", remedy="Put the distances there.")
    distances = np.where(np.isclose(values, _UNSEEN), 0.0, values.astype(float) * in_kpc)
    mask = DistanceMask(tuple(np.round(distances, _DECIMALS).tolist()), nested)
    if hdu.header.get("NSIDE", mask.nside) != mask.nside:
        raise RegionError(
            f"it has the pixels of nside {mask.nside}, but says NSIDE = {hdu.header['NSIDE']}",
            remedy="Download or copy the map again.",
        )
    return mask


def _nested(header: Any) -> bool:
    """Whether the order of pixels is NESTED; RegionError where the map is none of the whole Galactic sky."""
    ordering = str(header.get("ORDERING", "")).strip().upper()
    if ordering not in ("RING", "NESTED", "NEST"):
        raise RegionError(
            f"its order of pixels is not known: ORDERING = {ordering!r}",
            remedy="Write the map with ORDERING = 'RING' or 'NESTED'.",
        )
    indexing = str(header.get("INDXSCHM", "IMPLICIT")).strip().upper()
    if indexing != "IMPLICIT":
        raise RegionError(
            f"it lists part of the sky: INDXSCHM = {indexing!r}",
            remedy="Write all pixels in order, with 0 where nothing is seen.",
        )
    system = str(header.get("COORDSYS", "G")).strip().upper()
    if not system.startswith("G"):
        raise RegionError(
            f"it is not in Galactic coordinates: COORDSYS = {system!r}", remedy="Rotate the map to Galactic (l, b)."
        )
    return ordering != "RING"


def _kpc(unit: str | None) -> float:
    """``unit`` in kpc."""
    try:
        return float(u.Unit(unit or "").to(u.kpc))
    except (u.UnitsError, ValueError, TypeError) as error:
        raise RegionError(
            f"its distances are in {unit!r}" if unit else "the unit of its distances is not given",
            remedy="Write TUNIT1 = 'kpc' or 'pc' into the header.",
        ) from error
