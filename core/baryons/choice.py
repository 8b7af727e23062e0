"""The value of ``scalars.baryons``: the name of a model, or the whole TOML document of one.

A file is read once, where it is named on the command line, and its content becomes the value: so a run holds its model
and may be moved.
"""

from pathlib import Path

from core.baryons.document import from_toml
from core.baryons.literature import LITERATURE
from core.baryons.model import MIDPLANE, BaryonModel, one_number
from core.errors import ConfigError, suggestion

NAMES = (MIDPLANE, *LITERATURE)
"""What may be chosen by name; ``midplane`` is one number."""

KEY = "scalars.baryons"


def chosen_model(choice: str, density: float, error: float) -> BaryonModel:
    """The model of a ``choice``; that of ``midplane`` has the ``density`` and ``error`` [Msun/pc³].

    Raises ConfigError where there is no such model, or the document cannot be used.
    """
    if choice == MIDPLANE:
        return one_number(density, error)
    if choice in LITERATURE:
        return LITERATURE[choice]
    if "=" in choice:
        return from_toml(choice)
    known = suggestion(choice, NAMES) or ""
    raise ConfigError(
        f"{KEY} has no model {choice!r}", remedy=f"{known} A TOML file is named with --set {KEY}=FILE.toml.".strip()
    )


def with_content(assignments: dict[str, str]) -> dict[str, str]:
    """Settings from the command line, the file of a model of the baryons replaced by its content."""
    named = assignments.get(KEY, "")
    if not named.endswith(".toml"):
        return assignments
    try:
        text = Path(named).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the file cannot be read", file=named, remedy="Check its name and that it is text."
        ) from error
    try:
        from_toml(text)
    except ConfigError as error:
        raise ConfigError(error.reason, file=named, remedy=error.remedy) from error
    return {**assignments, KEY: text}
