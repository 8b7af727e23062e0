"""A recipe, in TOML, says how to make a catalogue of a table: names, units, distances, cuts, volume.

::

    coordinates = "astrometric"     # or "cartesian", or "auto": decided by the columns that are there
    table = "sources"               # where a file holds several: the name or the number (from 0) of the one to read
    [columns]                       # where a name differs; "" leaves a quantity out
    radial_velocity = "vhelio"
    selection_weight = "w"          # for how many stars each stands, where the selection is corrected for
    [units]                         # where the file does not say
    distance = "pc"
    [distance]
    method = "parallax"             # or "column": the quantity ``distance``
    zero_point = -0.017             # mas; subtracted from every parallax before anything else
    [[cuts]]                        # in this order; any column of the file may be named
    name = "good astrometry"
    keep = "ruwe < 1.4"
    optional = true                 # skipped where the column is absent
    [volume]                        # the support of n(x): a radius [kpc], an expression, or a region's JSON
    radius = 1.0
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import astropy.units as u

from core.catalog.cuts import Cut
from core.catalog.presets import PRESETS
from core.catalog.quantities import QUANTITIES
from core.errors import ConfigError, RegionError, suggestion
from core.phase_space.region import Expression, Region, Shell, from_json

COORDINATES = ("auto", "astrometric", "cartesian")
DISTANCE_METHODS = ("parallax", "column")


@dataclass(frozen=True)
class Recipe:
    """How a table becomes a catalogue.

    ``columns`` and ``units`` are keyed by quantity; ``zero_point`` [mas] is subtracted from every parallax;
    ``volume`` is None where the stars are not confined.
    """

    name: str = "general"
    coordinates: str = "auto"
    table: str | int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    distance: str = "parallax"
    zero_point: float = 0.0
    cuts: tuple[Cut, ...] = ()
    volume: Region | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values under the keys of the TOML file, ready for JSON."""
        return {
            "name": self.name,
            "coordinates": self.coordinates,
            "table": self.table,
            "columns": dict(self.columns),
            "units": dict(self.units),
            "distance": {"method": self.distance, "zero_point": self.zero_point},
            "cuts": [{"name": c.name, "keep": c.keep, "optional": c.optional} for c in self.cuts],
            "volume": self.volume.to_json() if self.volume else None,
        }


def load_recipe(name: str | Path) -> Recipe:
    """The preset of that name, or the recipe in the TOML file of that name.

    Raises ConfigError for an unknown preset (with the nearest one), a missing or malformed file.
    """
    if isinstance(name, str) and name in PRESETS:
        return parse_recipe(PRESETS[name], name=name)
    path = Path(name)
    if path.suffix.lower() != ".toml" and not path.is_file():
        raise ConfigError(f"there is no recipe {str(name)!r}", remedy=suggestion(str(name), PRESETS))
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the recipe cannot be read: {error}", file=path, remedy="Give a preset or a TOML file."
        ) from error
    try:
        return parse_recipe(text, name=path.stem)
    except ConfigError as error:
        raise ConfigError(error.reason, remedy=error.remedy, file=path) from error


def parse_recipe(text: str, *, name: str = "recipe") -> Recipe:
    """The recipe written in ``text``; ConfigError names the key that is unknown or malformed."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the recipe is not TOML: {error}", remedy="See the presets for examples.") from error
    known = {"name", "coordinates", "table", "columns", "units", "distance", "cuts", "volume"}
    _only(values, known, "the recipe")
    distance = _table(values, "distance")
    _only(distance, {"method", "zero_point"}, "[distance]")
    cuts = values.get("cuts", [])
    if not isinstance(cuts, list):
        raise ConfigError("'cuts' is not a list", remedy="Start each cut with a line [[cuts]].")
    return Recipe(
        name=_word(values, "name", name),
        coordinates=_choice(values, "coordinates", COORDINATES),
        table=_table_name(values.get("table")),
        columns=_by_quantity(_table(values, "columns"), "columns"),
        units=_units(_by_quantity(_table(values, "units"), "units")),
        distance=_choice(distance, "method", DISTANCE_METHODS),
        zero_point=_number(distance, "zero_point", 0.0),
        cuts=tuple(_cut(c) for c in cuts),
        volume=_volume(values["volume"]) if "volume" in values else None,
    )


def _only(values: Any, known: set[str], where: str) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} is not a table", remedy=f"It has the keys {', '.join(sorted(known))}.")
    for key in values:
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {where}", remedy=suggestion(key, known))


def _table(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = values.get(key, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"{key!r} is not a table", remedy=f"Start it with a line [{key}].")
    return table


def _word(values: Mapping[str, Any], key: str, default: str) -> str:
    word = values.get(key, default)
    if not isinstance(word, str):
        raise ConfigError(f"{key!r} must be text; got {word!r}")
    return word


def _choice(values: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str:
    word = _word(values, key, choices[0])
    if word not in choices:
        raise ConfigError(f"{key!r} has no choice {word!r}", remedy=suggestion(word, choices))
    return word


def _number(values: Mapping[str, Any], key: str, default: float) -> float:
    number = values.get(key, default)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ConfigError(f"{key!r} must be a number; got {number!r}")
    return float(number)


def _table_name(value: Any) -> str | int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise ConfigError(f"'table' must be a name or a number; got {value!r}")
    return value


def _by_quantity(values: Mapping[str, Any], where: str) -> dict[str, str]:
    _only(values, set(QUANTITIES), f"[{where}]")
    return {key: _word(values, key, "") for key in values}


def _units(units: dict[str, str]) -> dict[str, str]:
    for name, text in units.items():
        try:
            unit, expected = u.Unit(text), u.Unit(QUANTITIES[name].unit)
        except ValueError as error:
            raise ConfigError(
                f"{text!r}, the unit of {name!r}, is not a unit",
                remedy=f"For example: {QUANTITIES[name].unit}.",
            ) from error
        if not unit.is_equivalent(expected):
            raise ConfigError(
                f"{name!r} cannot be in {text!r}", remedy=f"Give a unit such as {QUANTITIES[name].unit!r}."
            )
    return units


def _cut(values: Any) -> Cut:
    _only(values, {"name", "keep", "optional"}, "[[cuts]]")
    keep = " ".join(_word(values, "keep", "").split())
    if not keep:
        raise ConfigError("a cut has no condition", remedy='Add a line such as keep = "ruwe < 1.4".')
    optional = values.get("optional", False)
    if not isinstance(optional, bool):
        raise ConfigError(f"'optional' must be true or false; got {optional!r}")
    return Cut(_word(values, "name", keep), keep, optional)


def _volume(values: Any) -> Region:
    if isinstance(values, Mapping) and "kind" in values:
        try:
            return from_json(values)
        except (RegionError, TypeError, ValueError) as error:
            raise ConfigError(f"[volume] is malformed: {error}", remedy="The simplest is radius = 1.0.") from error
    _only(values, {"radius", "expression"}, "[volume]")
    if set(values) == {"radius"}:
        radius = _number(values, "radius", 0.0)
        if not 0 < radius < float("inf"):
            raise ConfigError(f"the radius {radius:g} of [volume] has no volume", remedy="Give it in kpc, above 0.")
        return Shell(radius)
    if set(values) == {"expression"}:
        try:
            return Expression(_word(values, "expression", ""))
        except RegionError as error:
            raise ConfigError(f"[volume]: {error.reason}", remedy=error.remedy) from error
    raise ConfigError("[volume] needs one of radius and expression", remedy="The simplest is radius = 1.0.")
