"""The exception tree: everything a user can cause has a class, an exit code and a message that helps.

Messages name the file, the column or key, the reason and the remedy (INTERFACES: exit codes).
"""

import difflib
import errno
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

FULL_REMEDY = "Make room there and try again; what was there before is as it was."
_MOST_NAMES = 40
"""More than these are a wall of words."""


class DeepPotentialError(Exception):
    """Something went wrong that the program understands; ``exit_code`` is what the command line returns."""

    exit_code = 1


class InputError(DeepPotentialError):
    """A file, an option or a value given by the user cannot be used.

    ``reason`` says what is wrong, ``remedy`` what to do; ``file`` and ``column`` locate it.
    """

    exit_code = 2

    def __init__(
        self,
        reason: str,
        *,
        remedy: str | None = None,
        file: str | Path | None = None,
        column: str | None = None,
    ):
        self.reason, self.remedy, self.file, self.column = reason, remedy, file, column
        where = [str(part) for part in (file, f"column {column!r}" if column else None) if part]
        message = ": ".join([*where, reason])
        super().__init__(_visible(f"{message}. {remedy}" if remedy else message))


def _visible(text: str) -> str:
    """``text`` with control characters, which a file may hold to confuse a terminal, as their escapes."""
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else repr(c)[1:-1] for c in text)


def lacks_room(error: BaseException) -> TypeGuard[OSError]:
    """Whether a disk, or what a user may take of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def refusal(error: OSError) -> str:
    """Why the system refused, in words; of a full disk they are the same everywhere."""
    words = error.strerror or str(error)
    return f"there is no room on the disk ({words})" if lacks_room(error) else words


@contextmanager
def refused(
    what: str, file: str | Path, remedy: str | None = None, *, kind: type[InputError] = InputError
) -> Iterator[None]:
    """Tells what the system refuses meanwhile, as an error of a ``kind``: ``what``, of which file, why, what helps."""
    try:
        yield
    except OSError as error:
        remedy = FULL_REMEDY if lacks_room(error) else remedy
        raise kind(f"{what}: {refusal(error)}", file=file, remedy=remedy) from error


def understood(error: BaseException) -> DeepPotentialError | None:
    """The error in words for a user: ours as it is, a full disk as an InputError; None for whatever is unexpected."""
    if lacks_room(error):
        return InputError(refusal(error), file=error.filename, remedy=FULL_REMEDY)
    return error if isinstance(error, DeepPotentialError) else None


class CatalogError(InputError):
    """A catalogue cannot be read, or nothing of it is left."""


class ConfigError(InputError):
    """A setting is unknown or outside its bounds."""


class RegionError(InputError):
    """A region is malformed, has no volume or holds no stars."""


class UnknownRunError(InputError):
    """No run or catalogue of that name."""


class RunBusyError(DeepPotentialError):
    """The run is already being run by another process."""

    exit_code = 3


class CancelledError(DeepPotentialError):
    """The user asked for the run to stop."""

    exit_code = 4


class CorruptArtifactError(DeepPotentialError):
    """A file of a run does not hold what was written to it."""


class TrainingError(DeepPotentialError):
    """A fit diverged or cannot start; the message says which and why."""


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The remedy for a misspelt ``word``: the nearest ``known`` one, or all of them; None where there are none."""
    names = sorted(known, key=lambda name: (name.lower(), name.swapcase()))
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1)
    if close:
        # Names may differ in case alone, as r and R do.
        alike = [name for name in names if name.lower() == close[0]]
        return f"Did you mean {' or '.join(map(repr, alike))}?"
    if len(names) > _MOST_NAMES:
        return f"Known are {len(names)} names, such as {', '.join(names[:: len(names) // 4][:4])}."
    return f"Known are: {', '.join(names)}." if names else None
