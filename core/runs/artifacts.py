"""Files that are either whole or absent: written to a temporary sibling, flushed to disk, renamed, sealed by a digest.

Arrays are safetensors whose metadata carry a SHA-256 of everything else in the file, because the format by itself lets
a flipped bit through. No pickle is ever written or read.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import CorruptArtifactError

_DIGEST = "sha256"


def write_bytes(path: Path, content: bytes) -> None:
    """Publish ``content`` at ``path`` so that a crash or a power cut leaves the old file or the new one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Publish a JSON document."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """A JSON document; CorruptArtifactError where it is not one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise CorruptArtifactError(f"{path} is not valid JSON: {error}") from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Publish named arrays with JSON-valued metadata, sealed by a digest of both."""
    named = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    described = {key: json.dumps(value) for key, value in metadata.items()}
    write_bytes(path, save(named, {**described, _DIGEST: _seal(named, described)}))


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and metadata of :func:`write_arrays`; CorruptArtifactError where the seal does not fit."""
    content = path.read_bytes()
    try:
        arrays = load(content)
        length = int.from_bytes(content[:8], "little")
        described = json.loads(content[8 : 8 + length])["__metadata__"]
    except (SafetensorError, ValueError, KeyError) as error:
        raise CorruptArtifactError(f"{path} is damaged: {error}") from error
    seal = described.pop(_DIGEST, None)
    if seal != _seal(arrays, described):
        raise CorruptArtifactError(f"{path} is damaged: its content does not match its SHA-256")
    return arrays, {key: json.loads(value) for key, value in described.items()}


def _seal(arrays: Mapping[str, np.ndarray], described: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
