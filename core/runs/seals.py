"""What a task wrote, held against what is there now: the end of every task records the SHA-256 of its products.

Arrays and tables carry a seal of their own. Documents are plain JSON, for everybody to read, and have only this one.
"""

from pathlib import Path
from typing import Any

from core.errors import CorruptArtifactError
from core.runs.artifacts import file_digest, read_json

DONE_FILE = "DONE"
"""Left in the directory of a task by its end: the digest of every product."""


def changed_products(run_path: Path, marker: Path) -> list[str] | None:
    """The products that are no longer what a task wrote; None where its marker cannot be read."""
    try:
        recorded = dict(read_json(marker))
        return [name for name, digest in recorded.items() if not _is(run_path / name, digest)]
    except (CorruptArtifactError, TypeError, ValueError, OSError):
        return None


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and file_digest(path) == digest


def read_product(path: Path) -> Any:
    """A JSON product of a run; CorruptArtifactError where it is not what its task wrote, as far as that is recorded."""
    run_path = path.parent.parent
    name = str(path.relative_to(run_path))
    for marker in run_path.glob(f"tasks/*/{DONE_FILE}"):
        recorded = read_json(marker)
        if not isinstance(recorded, dict):
            raise CorruptArtifactError(f"{marker} is damaged: it does not hold digests by their names")
        if name in recorded and recorded[name] != file_digest(path):
            remedy = f"Make it anew with: deep-potential run {run_path}"
            raise CorruptArtifactError(f"{path} is damaged: it is not what its task wrote. {remedy}")
    return read_json(path)
