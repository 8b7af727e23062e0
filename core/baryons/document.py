"""A model of the baryons in a TOML document of one's own; units are always named.

name = "my discs"
density_unit = "Msun/pc3"
length_unit = "pc"

[[component]]
name = "HI"
density = 0.02
error = 0.003
profile = "sech2"
scale_height = 150
"""

import math
import tomllib
from collections.abc import Mapping
from typing import Any

from core.baryons.model import PROFILES, BaryonModel, Component
from core.errors import ConfigError, suggestion

_LONGEST = 10_000
_MODEL = {"name", "source", "density_unit", "length_unit", "component"}
_NEEDED = {"name", "density", "error", "profile", "scale_height"}
_COMPONENT = _NEEDED | {"scale_length", "group"}
_EXAMPLES = {"density_unit": "Msun/pc3", "length_unit": "pc"}
_PHYSICAL = {"density_unit": "Msun/pc3", "length_unit": "kpc"}


def from_toml(text: str) -> BaryonModel:
    """The model that a document describes; ConfigError names the component and the key that cannot be used."""
    if len(text) > _LONGEST:
        raise _wrong(f"it is longer than {_LONGEST} characters")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"it is not TOML: {error}") from error
    _know(values, _MODEL, "the model")
    density, length = (_unit(values, key) for key in ("density_unit", "length_unit"))
    tables = values.get("component")
    if not isinstance(tables, list) or not tables or not all(isinstance(t, Mapping) for t in tables):
        raise _wrong("it has no component", "Give each a table [[component]].")
    name = values.get("name", "own model")
    source = values.get("source", "a document of one's own")
    if not isinstance(name, str) or not isinstance(source, str):
        raise _wrong("name and source must be words")
    components = tuple(_component(t, i, density, length) for i, t in enumerate(tables, 1))
    return BaryonModel(name, source, components)


def _component(table: Mapping[str, Any], number: int, density: float, length: float) -> Component:
    who = f"component {table.get('name', number)!r}"
    _know(table, _COMPONENT, who)
    if missing := sorted(_NEEDED - set(table)):
        raise _wrong(f"{who} lacks {', '.join(missing)}", f"A component needs {', '.join(sorted(_NEEDED))}.")
    profile = table["profile"]
    if profile not in PROFILES:
        raise _wrong(f"{who} has no profile {profile!r}", suggestion(str(profile), PROFILES))
    return Component(
        str(table["name"]),
        _number(table, "density", who, positive=True) * density,
        _number(table, "error", who, positive=False) * density,
        profile,
        _number(table, "scale_height", who, positive=True) * length,
        _number(table, "scale_length", who, positive=True) * length if "scale_length" in table else math.inf,
        str(table.get("group", "")),
    )


def _number(table: Mapping[str, Any], key: str, who: str, *, positive: bool) -> float:
    value = table[key]
    number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    if not math.isfinite(number) or number < 0 or (positive and number == 0):
        words = "a positive number" if positive else "a number, zero or more"
        raise _wrong(f"{key} of {who} is {value!r}", f"Give {words}.")
    return number


def _unit(values: Mapping[str, Any], key: str) -> float:
    """The unit that ``key`` names, in Msun/pc³ or kpc."""
    import astropy.units as u  # takes half a second, which only documents need

    example = f"Name it, as in {key} = {_EXAMPLES[key]!r}."
    if key not in values:
        raise _wrong(f"it names no {key.replace('_', ' ')}", example)
    try:
        return float(u.Unit(values[key]).to(_PHYSICAL[key], equivalencies=u.mass_energy()))
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise _wrong(f"{values[key]!r} cannot be a {key.replace('_', ' ')}", example) from error


def _know(values: Mapping[str, Any], known: set[str], who: str) -> None:
    for key in values:
        if key not in known:
            raise _wrong(f"{who} has an unknown key {key!r}", suggestion(key, known))


def _wrong(reason: str, remedy: str | None = None) -> ConfigError:
    return ConfigError(f"the model of the baryons cannot be used: {reason}", remedy=remedy)
