"""What people say of a run: its tags, and that it is archived. The one part of a finished run that may change.

Each is an empty file, so that pages and commands set them at once without losing each other's, and none can be damaged.
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from core.errors import InputError, refused

_TAGS = "tags"
_ARCHIVED = "ARCHIVED"
_REMEDY = "Make its directory writable."
_TAG = re.compile(r"\w[\w.+-]{0,39}")


def checked_tag(text: str) -> str:
    """A tag as it is kept, in small letters; InputError where it is not a word."""
    tag = unicodedata.normalize("NFC", text.strip().casefold())
    if not _TAG.fullmatch(tag):
        raise InputError(
            f"{text[:60]!r} is not a tag", remedy="Use one word of up to 40 letters, digits, dots, hyphens and + signs."
        )
    return tag


def tags(path: Path) -> tuple[str, ...]:
    """The tags of the run in a directory, in order."""
    place = path / _TAGS
    return tuple(sorted(file.name for file in place.iterdir())) if place.is_dir() else ()


def change_tags(path: Path, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Give the run in a directory tags and take others from it; InputError where one is not a word."""
    added, removed = [checked_tag(tag) for tag in add], [checked_tag(tag) for tag in remove]
    with refused("it cannot be written to", path, _REMEDY):
        (path / _TAGS).mkdir(exist_ok=True)
        for tag in removed:
            (path / _TAGS / tag).unlink(missing_ok=True)
        for tag in added:
            (path / _TAGS / tag).touch()


def is_archived(path: Path) -> bool:
    """Whether the run in a directory is out of the way: not offered, and still there for who names it."""
    return (path / _ARCHIVED).exists()


def archive(path: Path, *, archived: bool = True) -> None:
    """Put the run in a directory out of the way, or back."""
    with refused("it cannot be written to", path, _REMEDY):
        if archived:
            (path / _ARCHIVED).touch()
        else:
            (path / _ARCHIVED).unlink(missing_ok=True)
