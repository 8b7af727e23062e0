"""What a user means by a catalogue: a file, an id, a name, or one of the demonstration mocks.

The demonstration catalogues come with the program as files; they enter the store when they are first asked for.
"""

import json
from pathlib import Path

from core.catalog.catalogue import Catalogue
from core.catalog.guarded import read_guarded
from core.catalog.ingest import ingest
from core.catalog.store import EMBEDDED, CatalogueStore, UnknownCatalogueError

DEMO = EMBEDDED / "demo"
"""The demonstration: ``catalogues.json`` maps the id of each catalogue to its file."""


def demo_catalogues() -> dict[str, Path]:
    """The files of the demonstration catalogues by their ids."""
    index = DEMO / "catalogues.json"
    if not index.is_file():
        return {}
    return {key: DEMO / name for key, name in json.loads(index.read_text(encoding="utf-8")).items()}


def open_catalogue(id_or_name: str, store: CatalogueStore | None = None) -> Catalogue:
    """The stored or demonstration catalogue of that id or name; UnknownCatalogueError with the nearest known one."""
    store = store or CatalogueStore.default()
    try:
        return store.open(id_or_name)
    except UnknownCatalogueError:
        for key, file in demo_catalogues().items():
            if id_or_name in (key, file.stem):
                return ingest(file, store=store)
        raise


def resolve_catalogue(text: str) -> Catalogue:
    """The catalogue that a command's argument names; a file is ingested first."""
    if Path(text).is_file():
        return read_guarded(text)
    return open_catalogue(text)
