"""What every kind of file becomes: column names, units, and chunks of rows to walk through once.

Chunks keep the memory of an ingest small whatever the size of the file.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CatalogError

CHUNK_ROWS = 1 << 18
_LARGEST_EXPANSION = 100
"""Tables shrink to a tenth or so; what grows a hundredfold and beyond ``HARMLESS`` bytes is no table."""
HARMLESS = 1 << 28

Chunk = Mapping[str, np.ndarray]
"""Native numeric columns of some consecutive rows; a masked array where values are missing."""


@dataclass(frozen=True)
class Table:
    """An open table.

    ``chunks(names, integers)`` walks once through the rows of the named columns; those in ``integers`` must
    not pass through a floating-point number. ``units`` holds the non-empty unit strings of the file,
    ``rows`` is None where only reading tells, ``metadata`` what this program wrote beside the columns.
    """

    file: Path
    kind: str
    names: tuple[str, ...]
    chunks: Callable[[Sequence[str], Set[str]], Iterator[Chunk]]
    units: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    metadata: Mapping[str, Any] | None = None


def not_numbers(file: Path, column: str, found: str) -> CatalogError:
    """The error for a column that is needed and is not one number per star."""
    return CatalogError(
        f"it holds {found}, not one number per star",
        file=file,
        column=column,
        remedy='Convert it, or name another column in a recipe ("" leaves it out).',
    )


def truncated(file: Path, detail: str) -> CatalogError:
    """The error for a file that ends too early or is damaged."""
    return CatalogError(
        f"the file is truncated or damaged: {detail}",
        file=file,
        remedy="Download or copy it again and compare its size.",
    )


def physical_memory() -> int:
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        return 64 << 30


def check_memory(file: Path, needed: int) -> None:
    """CatalogError where ``needed`` bytes would not fit in memory: too large a file, or a bomb."""
    memory = physical_memory()
    if needed > memory:
        raise CatalogError(
            f"reading it takes {needed / 1e9:,.0f} GB or more and the machine has {memory / 1e9:,.0f} GB",
            file=file,
            remedy="Split the file, or check that it is what it claims to be.",
        )


def check_expansion(file: Path, needed: int) -> None:
    """CatalogError where a compressed ``file`` holds ``needed`` bytes or more, too many to be a table: a bomb."""
    if needed > max(HARMLESS, _LARGEST_EXPANSION * file.stat().st_size):
        raise CatalogError(
            f"it unpacks to {needed / 1e6:,.0f} MB or more, {_LARGEST_EXPANSION} times its size",
            file=file,
            remedy="No catalogue shrinks so much: check where it comes from.",
        )


def choose(file: Path, tables: Sequence[str], wanted: str | int | None, what: str) -> int:
    """Which of several ``tables`` to read: the only one, or the one a recipe names; else CatalogError."""
    if not tables:
        raise CatalogError(f"the file holds no {what}", file=file, remedy="Check that it is a catalogue, and complete.")
    if wanted is None and len(tables) == 1:
        return 0
    if isinstance(wanted, int) and 0 <= wanted < len(tables):
        return wanted
    if isinstance(wanted, str) and tables.count(wanted) == 1:
        return tables.index(wanted)
    listed = ", ".join(f"{i}: {name or 'without a name'}" for i, name in enumerate(tables))
    reason = f"the file holds {len(tables)} {what}s" if wanted is None else f"there is no {what} {wanted!r}"
    raise CatalogError(f"{reason} ({listed})", file=file, remedy='Choose one in a recipe: table = 0 or table = "name".')
