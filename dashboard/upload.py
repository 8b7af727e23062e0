"""A catalogue from the visitor's own disk: a button that sends the file to the server, and says how it was read."""

from pathlib import Path

import param
from panel.custom import JSComponent

from core.catalog.presets import PRESETS

ASSETS = Path(__file__).parent / "assets"
HEADER = "X-Deep-Potential"
"""Holds the name of a file that is sent; the browser of a page elsewhere may not set it."""

_offered = False


def offer() -> None:
    """This server takes files: pages show the button."""
    global _offered
    _offered = True


def is_offered() -> bool:
    """Whether this server takes files."""
    return _offered


class CatalogueUpload(JSComponent):
    """Sends a file in one stream with its progress; ``stored`` is the id of the catalogue that was made of it."""

    recipes = param.List(default=["", *PRESETS], constant=True)
    header = param.String(default=HEADER, constant=True)
    stored = param.String(default="", doc="Id of the catalogue that was made of the last file.")

    _esm = ASSETS / "upload.js"
    _stylesheets = (ASSETS / "controls.css", ASSETS / "upload.css")
