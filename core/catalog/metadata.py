"""What a catalogue file says of itself beside its columns: name, region, frame, truth of a mock.

One JSON object, in the schema metadata of a parquet file under ``deep_potential``, in the header of a FITS
table under the long string DEEPPOT.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CatalogError, RegionError
from core.phase_space.region import Everything, Region, from_json

PARQUET_KEY = b"deep_potential"
FITS_KEYWORD = "DEEPPOT"
FRAMES = ("rotating", "inertial")
"""Where the truth of a catalogue is stationary: a frame that turns with a pattern, or the inertial one."""


def encode_metadata(metadata: Mapping[str, Any]) -> str:
    """JSON in plain ASCII without quote or ampersand, which FITS would double or take for a continuation."""
    text = json.dumps(dict(metadata), allow_nan=False, separators=(",", ":"), default=_plain)
    return text.replace("'", "\\u0027").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    """numpy numbers and arrays, which a truth is full of, as plain ones."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def decode_metadata(text: str | bytes, file: Path) -> dict[str, Any]:
    """The inverse of :func:`encode_metadata`; CatalogError where it is malformed."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(file, f"not JSON ({error})") from error
    if not isinstance(values, dict):
        raise _malformed(file, "not an object")
    if values.get("frame", "rotating") not in FRAMES:
        raise _malformed(file, f"its frame is {values['frame']!r}, not one of {', '.join(FRAMES)}")
    if not isinstance(values.get("name", ""), str) or not isinstance(values.get("synthetic", False), bool):
        raise _malformed(file, "its name must be text and 'synthetic' true or false")
    if not isinstance(values.get("truth") or {}, dict):
        raise _malformed(file, "its truth is not an object")
    region_of(values, file)
    return values


def region_of(metadata: Mapping[str, Any], file: Path) -> Region:
    """The volume of the stars, everything where none is written."""
    if not metadata.get("region"):
        return Everything()
    try:
        return from_json(metadata["region"])
    except (RegionError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(file, f"its region is no region ({error})") from error


def _malformed(file: Path, detail: str) -> CatalogError:
    return CatalogError(
        f"the metadata 'deep_potential' is malformed: {detail}", file=file, remedy="Write the file again."
    )
