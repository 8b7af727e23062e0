"""Finds the quantities in a table whatever its author called them, and gives them in the program's units.

A name counts without regard to case and punctuation. A value is missing where the file masks it, where it
is not finite, where it is one of the known sentinels, or where an error is negative.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import astropy.units as u
import numpy as np

from core.catalog.cuts import nearest
from core.catalog.quantities import LARGEST, NO_ID, QUANTITIES, SENTINELS, Quantity
from core.catalog.recipe import Recipe
from core.catalog.tables.table import Chunk, Table, not_numbers
from core.errors import CatalogError


def plain(name: str) -> str:
    """``name`` in lower case with every character that cannot stand in an expression as an underscore."""
    return re.sub(r"\W", "_", name.strip().lower())


@dataclass(frozen=True)
class Match:
    """A quantity, the column of the file that holds it, and the factor from the file's unit to ours."""

    quantity: Quantity
    column: str
    factor: float


def match_columns(table: Table, recipe: Recipe, wanted: Iterable[str]) -> dict[str, Match]:
    """Those of the ``wanted`` quantities that the table has.

    Raises CatalogError for a column that the recipe names and the table lacks, for two columns that answer
    to one name, and for a unit that does not fit.
    """
    matches = {}
    for name in wanted:
        column = _column(table, recipe, QUANTITIES[name])
        if column:
            matches[name] = Match(QUANTITIES[name], column, _factor(table, recipe, QUANTITIES[name], column))
    return matches


def _column(table: Table, recipe: Recipe, quantity: Quantity) -> str | None:
    if quantity.name in recipe.columns:
        named = recipe.columns[quantity.name]
        return find_column(table, named) if named else None
    by_name = _by_plain_name(table)
    for alias in (quantity.name, *quantity.aliases):
        if alias in by_name:
            return _unambiguous(table, alias, by_name[alias])
    return None


def has_quantity(table: Table, name: str) -> bool:
    """Whether a column of the table is called as the quantity, or as one of its aliases."""
    return bool({plain(column) for column in table.names} & {name, *QUANTITIES[name].aliases})


def find_column(table: Table, name: str) -> str:
    """The column of the table that answers to ``name``; CatalogError with the nearest one where none does."""
    if table.names.count(name) == 1:
        return name
    by_name = _by_plain_name(table)
    if plain(name) not in by_name:
        raise CatalogError(
            "the file has no such column", file=table.file, column=name, remedy=nearest(name, table.names)
        )
    return _unambiguous(table, name, by_name[plain(name)])


def _by_plain_name(table: Table) -> dict[str, list[str]]:
    by_name: dict[str, list[str]] = {}
    for column in table.names:
        by_name.setdefault(plain(column), []).append(column)
    return by_name


def _unambiguous(table: Table, name: str, candidates: list[str]) -> str:
    exact = [c for c in candidates if c == name]
    if len(candidates) == 1 or len(exact) == 1:
        return exact[0] if exact else candidates[0]
    raise CatalogError(
        f"the file has {len(candidates)} columns of this name: {', '.join(candidates)}",
        file=table.file,
        column=name,
        remedy="Rename them.",
    )


def _factor(table: Table, recipe: Recipe, quantity: Quantity, column: str) -> float:
    """From the unit of the file, else of the recipe, else of the Gaia archive, to that of the program."""
    said, given = table.units.get(column, "").strip(), recipe.units.get(quantity.name, "")
    if quantity.name == "distance" and not (said or given):
        raise CatalogError(
            "the file does not say its unit",
            file=table.file,
            column=column,
            remedy='Say it in a recipe: [units] distance = "pc".',
        )
    if given and isinstance(_unit(said), u.UnrecognizedUnit):
        said = ""  # what astropy cannot read says nothing; the recipe does
    factors = [_conversion(table, text, quantity, column) for text in (said, given) if text]
    if len(factors) == 2 and not math.isclose(*factors, rel_tol=1e-9):
        raise CatalogError(
            f"its unit is {said!r} in the file and {given!r} in the recipe",
            file=table.file,
            column=column,
            remedy="Correct the file or leave the unit out of the recipe.",
        )
    return factors[0] if factors else 1.0


def _unit(text: str) -> u.UnitBase:
    """The unit called ``text``, also in capitals or the plural ("MAS/YR", "degrees")."""
    for spelling in (text, text.lower(), text.lower().removesuffix("s")):
        unit = u.Unit(spelling, parse_strict="silent")
        if not isinstance(unit, u.UnrecognizedUnit):
            return unit
    return u.Unit(text, parse_strict="silent")


def _conversion(table: Table, text: str, quantity: Quantity, column: str) -> float:
    try:
        return float(_unit(text).to(u.Unit(quantity.unit)))
    except (u.UnitConversionError, TypeError, ValueError) as error:
        wanted = quantity.unit or "a pure number"
        raise CatalogError(
            f"its unit is {text!r}; expected {wanted}" + (" or one that converts to it" if quantity.unit else ""),
            file=table.file,
            column=column,
            remedy="Correct the unit in the file, or name another column in a recipe.",
        ) from error


def numbers(chunk: Chunk, column: str) -> np.ndarray:
    """The values of a column as float64, NaN where the file masks them."""
    values = chunk[column]
    plain_values = np.asarray(np.ma.getdata(values)).astype(np.float64)
    if isinstance(values, np.ma.MaskedArray):
        plain_values[np.ma.getmaskarray(values)] = np.nan
    return plain_values


def measured(chunk: Chunk, match: Match, table: Table, first_row: int) -> np.ndarray:
    """The values of a quantity in its unit: float64, NaN where missing; or int64, -1 where missing.

    Raises CatalogError naming the row of a value outside the quantity's range, and for an identifier that
    came as a number too large to be exact.
    """
    if match.quantity.is_integer:
        return _identifiers(chunk, match, table, first_row)
    values = numbers(chunk, match.column)
    absent = ~(np.abs(values) < LARGEST)
    for sentinel in SENTINELS:
        absent |= values == sentinel
    values *= match.factor
    if match.quantity.is_error:
        absent |= values < 0
    values[absent] = np.nan
    _check_range(values, match, table, first_row)
    return values


def _identifiers(chunk: Chunk, match: Match, table: Table, first_row: int) -> np.ndarray:
    values = chunk[match.column]
    missing = np.ma.getmaskarray(values)
    values = np.asarray(np.ma.getdata(values))
    if values.dtype.kind == "f":
        missing = missing | ~np.isfinite(values)
        values = np.where(missing, 0, values)
        exact = 2 ** (np.finfo(values.dtype).nmant + 1)
        lost = (np.abs(values) > exact) | (values != np.floor(values))
        if lost.any():
            row = int(np.argmax(lost))
            raise CatalogError(
                f"row {first_row + row + 1}: the identifier {values[row]:.17g} is a floating-point number and has "
                "lost digits",
                file=table.file,
                column=match.column,
                remedy=f'Write integers, or leave it out in a recipe: [columns] {match.quantity.name} = "".',
            )
    elif values.dtype.kind not in "iu" or (values.dtype.kind == "u" and np.any(values > np.iinfo(np.int64).max)):
        raise not_numbers(table.file, match.column, "identifiers that do not fit 64 bits")
    return np.where(missing, NO_ID, values.astype(np.int64))


def _check_range(values: np.ndarray, match: Match, table: Table, first_row: int) -> None:
    quantity = match.quantity
    if np.isinf(quantity.low) and np.isinf(quantity.high):
        return
    outside = (values < quantity.low) | (values > quantity.high)
    if outside.any():
        row = int(np.argmax(outside))
        raise CatalogError(
            f"row {first_row + row + 1}: {f'{values[row]:g} {quantity.unit}'.strip()} is outside "
            f"{quantity.low:g} to {quantity.high:g}",
            file=table.file,
            column=match.column,
            remedy="Correct the value, or its unit in a recipe.",
        )
