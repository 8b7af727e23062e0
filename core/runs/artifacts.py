"""Files that are either whole or absent: written to a temporary sibling, flushed to disk, renamed, sealed by a digest.

Arrays are safetensors whose metadata carry a SHA-256 of everything else in the file, because the format by itself lets
a flipped bit through. No pickle is ever written or read.
"""

import hashlib
import io
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import CorruptArtifactError, refused

_DIGEST = "sha256"


def write_bytes(path: Path, content: bytes) -> None:
    """Publish ``content`` at ``path`` so that a crash or a power cut leaves the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
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


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the digest of them all; :func:`fits_seal` tells whether one has changed since."""
    content = {key: value for key, value in values.items() if key != _DIGEST}
    text = json.dumps(content, sort_keys=True)
    return {**content, _DIGEST: hashlib.sha256(text.encode()).hexdigest()}


def fits_seal(values: Mapping[str, Any]) -> bool:
    """Whether values are as they were sealed; documents of the first days have no seal."""
    return _DIGEST not in values or values[_DIGEST] == sealed(values)[_DIGEST]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Publish named arrays as ``.npz``, for users; InputError where the place cannot be written."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    with refused("cannot be written", path, "Check the directory."):
        write_bytes(path, buffer.getvalue())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Publish named arrays with JSON-valued metadata, sealed by a digest of both."""
    named = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    described = {key: json.dumps(value) for key, value in metadata.items()}
    write_bytes(path, _ordered(save(named, {**described, _DIGEST: _seal(named, described)})))


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


def is_whole(path: Path) -> bool:
    """Whether :func:`read_arrays` can read the file."""
    try:
        read_arrays(path)
    except (FileNotFoundError, CorruptArtifactError):
        return False
    return True


def _ordered(content: bytes) -> bytes:
    """The same safetensors with the keys of its header in order: equal arrays and metadata give equal files."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _seal(arrays: Mapping[str, np.ndarray], described: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
