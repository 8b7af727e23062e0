"""What no sample of stars looks like, although each of its values may be one: refused when a catalogue is made.

Rows are found by walking through the table once more, which only a refused file has to pay for.
"""

from collections.abc import Mapping

import numpy as np

from core.catalog.columns import measured
from core.catalog.cuts import grouped
from core.catalog.quantities import NO_ID
from core.catalog.selection import Selection
from core.errors import CatalogError

_MEANT = "Correct the file, or name another column in a recipe."
_FEW = 20
"""Stars that may all happen to lie in a patch of sky whose degrees could be radians."""


def check_plausible(selection: Selection, columns: Mapping[str, np.ndarray]) -> None:
    """CatalogError where the stars that were chosen cannot be a sample of f(x, v), naming the column."""
    if len(columns["x"]) < 2:
        raise CatalogError(
            "only one star is left, and one star has no distribution",
            file=selection.table.file,
            remedy="Relax the cuts, or check that the file is complete.",
        )
    _check_constant(selection, columns)
    _check_radians(selection, columns)
    if "source_id" in columns:
        _check_repeated(selection, columns["source_id"])


def check_present(selection: Selection) -> None:
    """CatalogError where a coordinate has no value in any row, naming its column."""
    rows, present = 0, dict.fromkeys(selection.coordinates, 0)
    matches = {name: selection.matches[name] for name in selection.coordinates}
    for chunk in selection.table.chunks(sorted({m.column for m in matches.values()}), set()):
        for name, match in matches.items():
            values = measured(chunk, match, selection.table, rows)
            present[name] += int(np.isfinite(values).sum())
        rows += len(values)
    for name, count in present.items():
        if count == 0:
            select = f"query the archive with {name} IS NOT NULL, or " if name == "radial_velocity" else ""
            raise CatalogError(
                f"none of the {grouped(rows)} rows has a value: all are blank, not finite, or written as one of "
                "-99, -999, -9999 and 1e20",
                file=selection.table.file,
                column=matches[name].column,
                remedy=f"Check how the file was made: {select}name another column in a recipe.",
            )


def _check_constant(selection: Selection, columns: Mapping[str, np.ndarray]) -> None:
    for name in selection.coordinates:
        values = columns[name]
        if values[0] == values[-1] and np.all(values == values[0]):
            raise CatalogError(
                f"all {grouped(len(values))} stars have the same value, {values[0]:g}",
                file=selection.table.file,
                column=selection.matches[name].column,
                remedy=_MEANT,
            )


def _check_radians(selection: Selection, columns: Mapping[str, np.ndarray]) -> None:
    """A file without units whose angles would all be possible in radians may hold radians."""
    if "ra" not in selection.coordinates or len(columns["ra"]) < _FEW:
        return
    said = any(
        selection.table.units.get(selection.matches[name].column) or selection.recipe.units.get(name)
        for name in ("ra", "dec")
    )
    small = columns["ra"].max() <= 2 * np.pi and np.abs(columns["dec"]).max() <= np.pi / 2
    if small and not said:
        raise CatalogError(
            "all values lie between 0 and 2π, all declinations within ±π/2, and no unit says whether they are degrees",
            file=selection.table.file,
            column=selection.matches["ra"].column,
            remedy='Say it in a recipe: [units] ra = "deg", dec = "deg", or both "rad".',
        )


def _check_repeated(selection: Selection, ids: np.ndarray) -> None:
    ordered = np.sort(ids[ids != NO_ID])
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(again):
        rows = _rows_of(selection, int(again[0]))
        raise CatalogError(
            f"rows {' and '.join(map(str, rows[:2]))} have the same identifier {again[0]}; "
            f"{grouped(len(again))} {'row repeats' if len(again) == 1 else 'rows repeat'} that of another",
            file=selection.table.file,
            column=selection.matches["source_id"].column,
            remedy='Remove the copies; where they are no copies, leave the column out: [columns] source_id = "".',
        )


def _rows_of(selection: Selection, identifier: int) -> list[int]:
    """The rows, from 1, that carry ``identifier``."""
    match, found, first = selection.matches["source_id"], [], 0
    for chunk in selection.table.chunks([match.column], {match.column}):
        values = measured(chunk, match, selection.table, first)
        found += (np.flatnonzero(values == identifier) + first + 1).tolist()
        first += len(values)
    return found
