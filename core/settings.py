"""Settings: frozen dataclasses whose every value has one default, bounds, a unit and a line of documentation.

The command line, the form of the dashboard and the tables of the documentation are generated from these fields.
A section is a frozen dataclass made of :func:`setting` fields and of other sections; dotted keys such as
``flow.members`` walk through it.
"""

import dataclasses
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from core.errors import ConfigError, suggestion

Section = TypeVar("Section")


def setting(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    aliases: Mapping[str, str] | None = None,
) -> Any:
    """A field of a section. ``low`` and ``high`` are inclusive bounds in ``unit``; ``aliases`` rename choices."""
    metadata = {
        "doc": doc,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": choices,
        "aliases": aliases or {},
    }
    return dataclasses.field(default=default, metadata=metadata)


def section(factory: Any) -> Any:
    """A field that is a section of its own."""
    return dataclasses.field(default_factory=factory)


@dataclass(frozen=True)
class Setting:
    """One value of a configuration with what a form or a help text needs to know of it."""

    key: str
    type: type
    value: Any
    default: Any
    doc: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    aliases: Mapping[str, str]


def settings(config: Any, prefix: str = "") -> Iterator[Setting]:
    """Every value of ``config`` in the order of its definition, keyed by its dotted name."""
    types = get_type_hints(type(config))
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            yield from settings(value, f"{prefix}{f.name}.")
        else:
            yield Setting(key=prefix + f.name, type=types[f.name], value=value, default=f.default, **f.metadata)


def differences(configs: Sequence[Any]) -> list[tuple[Setting, ...]]:
    """The settings that are not the same in all of ``configs``: each as it is in every one of them."""
    rows = zip(*map(settings, configs), strict=True)
    return [row for row in rows if len({s.value for s in row}) > 1]


def replace(config: Section, overrides: Mapping[str, Any]) -> Section:
    """``config`` with the values of dotted keys replaced.

    Raises ConfigError for an unknown key (with the nearest known one), a wrong type or a value out of bounds.
    """
    known = {s.key: s for s in settings(config)}
    checked: dict[str, Any] = {}
    for key, value in overrides.items():
        if key not in known:
            raise ConfigError(f"unknown setting {key!r}", remedy=suggestion(key, known))
        checked[key] = _checked(known[key], value)
    return _rebuilt(config, checked)


def _rebuilt(config: Any, values: Mapping[str, Any], prefix: str = "") -> Any:
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        key, value = prefix + f.name, getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            changes[f.name] = _rebuilt(value, values, key + ".")
        elif key in values:
            changes[f.name] = values[key]
    return dataclasses.replace(config, **changes)


def _checked(s: Setting, value: Any) -> Any:
    """``value`` as the type of the setting, inside its bounds."""
    try:
        value = _parsed(s.type, value)
    except (ValueError, TypeError, OverflowError):
        raise ConfigError(
            f"{s.key} must be {_described(s)}; got {value!r}", remedy=f"Its default is {s.default}."
        ) from None
    value = s.aliases.get(value, value) if s.choices else value
    if s.choices and value not in s.choices:
        raise ConfigError(f"{s.key} has no choice {value!r}", remedy=suggestion(str(value), s.choices))
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    below = numeric and s.low is not None and not value >= s.low
    above = numeric and s.high is not None and not value <= s.high
    if below or above:
        raise ConfigError(f"{s.key} = {value} is outside its bounds", remedy=f"It must be {_described(s)}.")
    return value


def _parsed(kind: type, value: Any) -> Any:
    """``value`` (a string from the command line, or JSON) as ``kind``; ValueError where it is something else."""
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if isinstance(value, bool):
            return value
        if str(value).lower() not in words:
            raise ValueError(value)
        return words[str(value).lower()]
    if isinstance(value, bool):
        raise ValueError(value)
    if kind is int:
        number = float(value)
        if not number.is_integer():
            raise ValueError(value)
        return int(number)
    if kind is float and math.isfinite(float(value)):
        return float(value)
    if kind is str and isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError(value)


def _described(s: Setting) -> str:
    kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    bounds = [
        f"at least {s.low:g}" if s.low is not None else "",
        f"at most {s.high:g}" if s.high is not None else "",
    ]
    words = [kinds[s.type], *[b for b in bounds if b]]
    return ", ".join(words) + (f" [{s.unit}]" if s.unit else "")


def to_dict(config: Any) -> dict[str, Any]:
    """Nested plain values, ready for JSON."""
    return dataclasses.asdict(config)


def from_dict(default: Section, values: Mapping[str, Any]) -> Section:
    """``default`` with every value named in the nested mapping replaced; the inverse of :func:`to_dict`."""
    return replace(default, dict(_flat(values)))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def parse_assignment(text: str) -> tuple[str, str]:
    """``"flow.members=4"`` as its key and value."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"{text!r} is not of the form key=value", remedy="For example: --set flow.members=8.")
    return key.strip(), value.strip()


def from_toml(default: Section, text: str) -> Section:
    """``default`` with the values of a TOML document; ConfigError names the line where it is malformed."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration is not TOML: {error}") from error
    if "schema" in values:
        raise ConfigError(
            f"it is written for schema {values['schema']!r}, which this version does not know",
            remedy="Update this program, or remove the line and check each setting.",
        )
    return from_dict(default, values)


def to_toml(config: Any) -> str:
    """The whole configuration as a TOML document that :func:`from_toml` reads back, with its documentation."""
    tables: dict[str, list[str]] = {}
    for s in settings(config):
        table, _, name = s.key.rpartition(".")
        unit = f" [{s.unit}]" if s.unit else ""
        tables.setdefault(table, []).append(f"{name} = {json.dumps(s.value)}  # {s.doc}{unit}")
    parts = [(f"[{table}]\n" if table else "") + "\n".join(lines) for table, lines in tables.items()]
    return "\n\n".join(parts) + "\n"
