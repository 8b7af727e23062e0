"""The query that fetches from the Gaia archive what a recipe asks for: its columns, and its cuts where ADQL has words.

It is derived from the recipe, which ingest then applies to the answer: so the query may fetch too much, never too
little.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import astropy.units as u
import numpy as np

from core.catalog.adql import UntranslatableError, condition, conjuncts, number
from core.catalog.columns import plain
from core.catalog.cuts import compile_cut
from core.catalog.gaia_columns import DISTANCES, GAIA_SOURCE
from core.catalog.quantities import CARTESIAN, QUANTITIES
from core.catalog.recipe import Recipe
from core.errors import ConfigError, suggestion

SOURCES = 1_811_709_771
"""Rows of gaiadr3.gaia_source; its column random_index numbers them from 0 in no order."""

_NOT_MEASURED = ("group", "selection_weight")
"""Quantities that no archive knows; a recipe that names them means another file."""
_SLACK = 1e-6
"""Of the volume, so that rounding to 32 bits moves no star into it that was not fetched."""


@dataclass(frozen=True)
class GaiaQuery:
    """Columns and conditions in ADQL, and in words what is left to ingest."""

    name: str
    columns: tuple[str, ...]
    conditions: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def _joins(self) -> bool:
        return bool(set(self.columns) & DISTANCES)

    def adql(self, part: tuple[int, int] | None = None) -> str:
        """The query: all of it, or the rows whose random_index is from the first to the last of ``part``."""
        conditions = list(self.conditions)
        if part is not None:
            conditions.append(f"g.random_index BETWEEN {part[0]} AND {part[1]}")
        lines = [f"-- recipe {self.name}: ingest applies it to the answer", *(f"-- left to it: {w}" for w in self.left)]
        lines += ["SELECT", ",\n".join(f"  {_of_table(name)}" for name in self.columns)]
        lines.append("FROM gaiadr3.gaia_source AS g")
        if self._joins:
            lines.append("JOIN external.gaiaedr3_distance AS d ON d.source_id = g.source_id")
        return "\n".join([*lines, "WHERE " + "\n  AND ".join(conditions)]) + "\n"

    def parts(self, count: int) -> list[tuple[int, int]]:
        """Ranges of random_index, ``count`` of nearly equal length, that hold every star once."""
        edges = np.linspace(0, SOURCES, count + 1).astype(int)
        return [(int(low), int(high) - 1) for low, high in pairwise(edges)]


def gaia_query(recipe: Recipe) -> GaiaQuery:
    """The query for a recipe.

    Raises ConfigError where it wants what the archive lacks: Cartesian coordinates, or a column of another name.
    """
    if recipe.coordinates == "cartesian":
        raise ConfigError(
            f"the recipe {recipe.name!r} wants {', '.join(CARTESIAN)}, which the archive does not have",
            remedy="Use one whose coordinates are astrometric, such as gaia-dr3-rvs.",
        )
    named = _columns(recipe)
    depth = "distance" if recipe.distance == "column" else "parallax"
    columns = dict.fromkeys(named.values())
    left = [f"the column {name} of the recipe" for name in _NOT_MEASURED if recipe.columns.get(name)]
    conditions = [f"{_value(recipe, named, name)} IS NOT NULL" for name in ("pmra", "pmdec", "radial_velocity")]
    conditions.append(f"{_value(recipe, named, depth)} > 0")
    conditions += _volume(recipe, named, depth)
    for cut in recipe.cuts:
        absent = [name for name in sorted(cut.columns) if not _is_there(name, named, depth)]
        if absent and cut.optional:
            left.append(f"{_said(cut.name)}, which is optional, for want of {', '.join(absent)}")
            continue
        columns |= dict.fromkeys(_known(plain(n)) for n in sorted(cut.columns) if n not in named and n != "distance")
        for part in conjuncts(compile_cut(cut.keep).tree):
            try:
                conditions.append(condition(part, lambda name: _value(recipe, named, name)))
            except UntranslatableError as error:
                left.append(f"{_said(cut.name)}, for {_said(str(error))}")
    if recipe.volume is not None:
        left.append(f"the shape of the volume {_said(str(recipe.volume))}")
    return GaiaQuery(_said(recipe.name), tuple(columns), tuple(conditions), tuple(left))


def _columns(recipe: Recipe) -> dict[str, str]:
    """The column of the archive for every quantity that ingest will look for."""
    found = {}
    for name in QUANTITIES:
        if name in (*CARTESIAN, *_NOT_MEASURED):
            continue
        column = recipe.columns.get(name, "" if name.startswith("distance") else name)
        if name.startswith("distance") and recipe.distance == "parallax":
            continue
        if name == "distance" and not column:
            raise ConfigError(
                "the archive has no column 'distance'",
                remedy='Name one in the recipe: [columns] distance = "r_med_geo", and [units] distance = "pc".',
            )
        if column:
            found[name] = _known(plain(column))
    return found


def _known(column: str) -> str:
    if column not in GAIA_SOURCE | DISTANCES:
        remedy = suggestion(column, GAIA_SOURCE | DISTANCES)
        raise ConfigError(f"the Gaia archive has no column {column!r}", remedy=remedy)
    return column


def _is_there(name: str, named: dict[str, str], depth: str) -> bool:
    return name in named or name == "distance" or plain(name) in GAIA_SOURCE | DISTANCES


def _of_table(column: str) -> str:
    return f"d.{column}" if column in DISTANCES else f"g.{column}"


def _value(recipe: Recipe, named: dict[str, str], name: str) -> str:
    """A quantity in our units, or another column, as ingest hands it to a cut."""
    if name == "distance" and name not in named:
        return f"(1.0 / (ABS({_value(recipe, named, 'parallax')}) + 1e-30))"  # those below zero are left out anyway
    value = _of_table(named[name] if name in named else _known(plain(name)))
    if name in recipe.units:
        factor = float(u.Unit(recipe.units[name]).to(u.Unit(QUANTITIES[name].unit)))
        value = f"({value} * {number(factor)})" if factor != 1 else value
    if name == "parallax" and recipe.zero_point:
        value = f"({value} - {number(recipe.zero_point)})"
    return value


def _volume(recipe: Recipe, named: dict[str, str], depth: str) -> Iterator[str]:
    """How far a star may be at most."""
    ball = recipe.volume.spatial_part().bounding_ball() if recipe.volume else None
    if ball is not None:
        farthest = (float(np.linalg.norm(ball[0])) + ball[1]) * (1 + _SLACK)
        value = _value(recipe, named, depth)
        yield f"{value} < {number(farthest)}" if depth == "distance" else f"{value} > {number(1 / farthest)}"


def _said(text: str) -> str:
    """Words that stay on the line of a comment."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
