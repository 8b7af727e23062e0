"""From a file to a stored catalogue: open it, choose the stars, turn them into phase space, store them."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.catalog.cuts import CutFlow
from core.catalog.growing import GrowingColumn
from core.catalog.plausibility import check_plausible, check_present
from core.catalog.recipe import Recipe, load_recipe
from core.catalog.selection import Selection, plan_selection
from core.catalog.store import LONGEST_NAME, Catalogue, CatalogueStore, checked_name
from core.catalog.tables.opening import local_file, open_table
from core.catalog.tables.table import check_memory
from core.errors import CatalogError, refused


def ingest(
    path: str | Path,
    recipe: Recipe | str | Path | None = None,
    *,
    name: str | None = None,
    store: CatalogueStore | None = None,
) -> Catalogue:
    """The catalogue made of the table in ``path``, stored; the same file and recipe give the same catalogue.

    ``recipe`` is a preset, a TOML file or a Recipe; without one the coordinates are detected and only
    complete stars at a positive parallax are asked for. ``name`` defaults to what the file says of itself,
    else to the file's own name. Raises CatalogError or ConfigError with file, column, reason and remedy;
    nothing is stored then.
    """
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe) if recipe else Recipe()
    store = store or CatalogueStore.default()
    file = local_file(path)
    if name is not None:
        checked_name(name)
    with _readable(file):
        before = file.stat()
        with open_table(file, chosen.table) as table:
            selection = plan_selection(table, chosen)
            columns, cut_flow = read_selected(selection)
            check_plausible(selection, columns)
            metadata = table.metadata or {}
        digest = _sha256(file)
        _check_unchanged(file, before)
    return store.add(
        columns,
        name=name or usable_name(metadata.get("name") or Path(file.name.removesuffix(".gz")).stem),
        region=selection.region,
        frame=metadata.get("frame", "rotating"),
        synthetic=metadata.get("synthetic", False),
        truth=metadata.get("truth"),
        cut_flow=cut_flow,
        recipe=selection.recipe.to_json(),
        source={"file": file.name, "sha256": digest, "provenance": metadata.get("provenance")},
    )


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Tells what keeps a file from being read to its end as a CatalogError."""
    with refused("it cannot be read to its end", file, "Was it changed meanwhile?", kind=CatalogError):
        try:
            yield
        except MemoryError as error:
            raise CatalogError(
                "it does not fit in the memory that is there for it", file=file, remedy="Split the file."
            ) from error


def read_selected(selection: Selection) -> tuple[dict[str, np.ndarray], CutFlow]:
    """The columns of the surviving stars and the count of survivors.

    Raises CatalogError where the table has no rows or no star survives, naming the cut that removed the
    last ones.
    """
    table = selection.table
    names = sorted({m.column for m in selection.matches.values()} | set(selection.extra.values()))
    integers = {m.column for m in selection.matches.values() if m.quantity.is_integer}
    columns: dict[str, GrowingColumn] = {}
    totals, row, held = np.zeros(0, int), 0, 0
    for chunk in table.chunks(names, integers):
        kept, counts = selection.apply(chunk, row)
        for name, values in kept.items():
            columns.setdefault(name, GrowingColumn(values.dtype)).append(values)
        totals = np.array(counts) + (totals if len(totals) else 0)
        row += counts[0]
        held += sum(values.nbytes for values in kept.values())
        check_memory(table.file, held)
    if row == 0:
        raise CatalogError("it has column names and no rows", file=table.file, remedy="Check the query or the export.")
    cut_flow = selection.cut_flow(totals.tolist())
    if cut_flow.survivors == 0:
        check_present(selection)
        raise CatalogError(
            f"no star is left after {cut_flow.last_blow().label!r} ({cut_flow})",
            file=table.file,
            remedy=_advice(selection, cut_flow),
        )
    return {name: column.whole() for name, column in columns.items()}, cut_flow


def _advice(selection: Selection, cut_flow: CutFlow) -> str:
    label = cut_flow.last_blow().label
    if label in (c.name for c in selection.recipe.cuts):
        return "Relax this cut in the recipe, or check the units of its columns."
    if label == f"{selection.depth} > 0":
        column = selection.matches[selection.depth].column
        return f"All values of {column!r} are zero, negative or absurdly small: check the column."
    return "Check the columns, their units and the volume."


def usable_name(name: str) -> str:
    """The nearest thing to ``name`` that can name a catalogue."""
    return "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name)[:LONGEST_NAME].strip() or "stars"


def _check_unchanged(file: Path, before: os.stat_result) -> None:
    after = file.stat()
    if (after.st_size, after.st_mtime_ns, after.st_ino) != (before.st_size, before.st_mtime_ns, before.st_ino):
        raise CatalogError(
            "the file was changed while it was read", file=file, remedy="Wait until it is complete, and try again."
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
