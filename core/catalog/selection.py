"""Which stars of a table make the catalogue, and their w: the complete ones, the cuts, the volume.

A selection is a plan made once per table and a pure function of each chunk of rows, so that a table of any
length passes through in constant memory; the survivor counts of the chunks add up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from core.array_types import Mask, PhaseSpace
from core.catalog.astrometry import phase_space_of
from core.catalog.columns import Match, find_column, has_quantity, match_columns, measured, numbers, plain
from core.catalog.cuts import Cut, CutFlow, CutStep, nearest
from core.catalog.metadata import region_of
from core.catalog.quantities import CARTESIAN, QUANTITIES
from core.catalog.recipe import Recipe
from core.catalog.tables.table import Chunk, Table
from core.errors import CatalogError
from core.phase_space.region import Everything, Region
from core.phase_space.solar_position import SolarPosition

FARTHEST = 1e9
"""Distances beyond this [kpc] are no distances; w would not fit 32 bits."""


@dataclass(frozen=True)
class Selection:
    """The plan of one table; ``missing`` names for each cut that is skipped the columns the table lacks."""

    table: Table
    recipe: Recipe
    matches: Mapping[str, Match]
    extra: Mapping[str, str]
    missing: Mapping[Cut, str]
    region: Region

    def apply(self, chunk: Chunk, first_row: int) -> tuple[dict[str, np.ndarray], list[int]]:
        """Columns of a chunk's surviving stars, as they will be stored, and the survivors of each step."""
        values = {name: measured(chunk, match, self.table, first_row) for name, match in self.matches.items()}
        if "parallax" in values:
            values["parallax"] = values["parallax"] - self.recipe.zero_point
        alive, counts = self._present(values)
        column = self._column_of(chunk, values)
        for cut in self.recipe.cuts:
            if cut not in self.missing:
                alive = alive & cut.passed(column)
                counts.append(int(alive.sum()))
        w = self._phase_space({name: value[alive] for name, value in values.items()})
        if not isinstance(self.region, Everything):
            with np.errstate(over="ignore"):  # a star at 1e19 kpc is outside, whatever its square
                inside = self.region.contains_points(w, SolarPosition())
            w, alive = w[inside], _narrowed(alive, inside)
            counts.append(len(w))
        kept = {name: w[:, i] for i, name in enumerate(CARTESIAN)}
        for name, value in values.items():
            if name not in CARTESIAN:
                kept[name] = value[alive].astype(QUANTITIES[name].dtype)
        return kept, counts

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The quantities that tell where a star is and how it moves."""
        return _required(self.recipe)

    @property
    def depth(self) -> str:
        """The quantity that tells how far a star is."""
        return "distance" if self.recipe.distance == "column" else "parallax"

    def _present(self, values: dict[str, np.ndarray]) -> tuple[Mask, list[int]]:
        """Stars with all six coordinates, and the survivors of each of the steps that ask for them."""
        if self.recipe.coordinates == "cartesian":
            alive = _finite(values, CARTESIAN)
            return alive, [len(alive), int(alive.sum())]
        alive = _finite(values, ("ra", "dec", "pmra", "pmdec", self.depth))
        counts = [len(alive), int(alive.sum())]
        alive &= _finite(values, ("radial_velocity",))
        counts.append(int(alive.sum()))
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = values["distance"] if self.depth == "distance" else 1 / values["parallax"]
            alive &= (distance > 0) & (distance < FARTHEST)
        counts.append(int(alive.sum()))
        return alive, counts

    def _column_of(self, chunk: Chunk, values: Mapping[str, np.ndarray]) -> Callable[[str], np.ndarray]:
        def column(name: str) -> np.ndarray:
            if name in values:
                return values[name]
            if name == "distance" and name not in self.extra:
                return 1 / values["parallax"]
            return numbers(chunk, self.extra[name])

        return column

    def _phase_space(self, values: Mapping[str, np.ndarray]) -> Float[np.ndarray, "n 6"]:
        if self.recipe.coordinates == "cartesian":
            return np.stack([values[name] for name in CARTESIAN], 1).astype(np.float32)
        distance = values["distance"] if self.depth == "distance" else 1 / values["parallax"]
        w: PhaseSpace = phase_space_of(
            values["ra"], values["dec"], distance, values["pmra"], values["pmdec"], values["radial_velocity"]
        )
        return w.astype(np.float32)

    def cut_flow(self, counts: list[int]) -> CutFlow:
        """The table of survivors, given the sums of the counts of all chunks."""
        labels = ["read", "all six coordinates present"]
        if self.recipe.coordinates == "astrometric":
            labels = ["read", "astrometry present", "radial velocity present", f"{self.depth} > 0"]
        steps = [CutStep(label, None) for label in labels]
        steps += [
            CutStep(c.name, None, f"skipped (no column {self.missing[c]})" if c in self.missing else "")
            for c in self.recipe.cuts
        ]
        if not isinstance(self.region, Everything):
            steps.append(CutStep(str(self.region), None))
        remaining = iter(counts)
        return CutFlow(tuple(s if s.note else replace(s, survivors=next(remaining)) for s in steps))


def _finite(values: Mapping[str, np.ndarray], names: tuple[str, ...]) -> Mask:
    return np.logical_and.reduce([np.isfinite(values[name]) for name in names])


def _narrowed(alive: Mask, inside: Bool[np.ndarray, "survivors"]) -> Mask:
    """``alive`` without those of its true entries that are not ``inside``."""
    narrowed = alive.copy()
    narrowed[alive] = inside
    return narrowed


def plan_selection(table: Table, recipe: Recipe) -> Selection:
    """How ``recipe`` applies to ``table``.

    Raises CatalogError for a required column that is absent, a unit that does not fit, and a cut whose
    column is absent unless it is optional; each names the nearest column there is.
    """
    recipe = replace(recipe, coordinates=_coordinates(table, recipe))
    matches = match_columns(table, recipe, _wanted(table, recipe))
    for name in _required(recipe):
        if name not in matches:
            # a column that is already understood as another quantity is not this one misspelt
            others = set(table.names) - {match.column for match in matches.values()}
            listed = nearest(name, others) if others else nearest("", table.names)
            remedy = f'{listed} Name it in a recipe: [columns] {name} = "…".'
            if name == "parallax" and has_quantity(table, "distance"):
                remedy = "It has distances: use them with a recipe that says distance.method = 'column' and their unit."
            raise CatalogError("the file has no such column", file=table.file, column=name, remedy=remedy)
    extra, missing = _columns_of_cuts(table, recipe, matches)
    region = region_of(table.metadata or {}, table.file)
    if recipe.volume and recipe.volume != region:
        region = region & recipe.volume
    return Selection(table, recipe, matches, extra, missing, region)


def _required(recipe: Recipe) -> tuple[str, ...]:
    if recipe.coordinates == "cartesian":
        return CARTESIAN
    return (
        "ra",
        "dec",
        "distance" if recipe.distance == "column" else "parallax",
        "pmra",
        "pmdec",
        "radial_velocity",
    )


def _wanted(table: Table, recipe: Recipe) -> list[str]:
    """The quantities to look for: in sky coordinates no Cartesian ones, which may be Galactocentric."""
    left_out: set[str] = set()
    if recipe.coordinates == "astrometric":
        left_out |= set(CARTESIAN)
        if recipe.distance == "parallax":
            left_out |= {"distance", "distance_error"}
        if table.metadata is None and "group" not in recipe.columns:
            left_out.add("group")  # in other people's tables it is the name of a moving group or a cluster
    elif "distance" not in recipe.units:
        left_out |= {"distance", "distance_error"}
    return [name for name in QUANTITIES if name not in left_out]


def _coordinates(table: Table, recipe: Recipe) -> str:
    """What "auto" means: the kind of coordinates of which the table has more; the sky where it has both."""
    if recipe.coordinates != "auto":
        return recipe.coordinates
    names = {plain(name) for name in table.names} | set(recipe.columns)
    answers = {q.name: bool(names & {q.name, *q.aliases}) for q in QUANTITIES.values()}
    sky = _required(replace(recipe, coordinates="astrometric"))
    return "cartesian" if sum(answers[n] for n in CARTESIAN) > sum(answers[n] for n in sky) else "astrometric"


def _columns_of_cuts(
    table: Table, recipe: Recipe, matches: Mapping[str, Match]
) -> tuple[dict[str, str], dict[Cut, str]]:
    """The columns of the file that only cuts need, and the optional cuts that lack one."""
    available = set(matches) | {plain(name) for name in table.names}
    if recipe.coordinates == "astrometric":
        available.add("distance")
    extra: dict[str, str] = {}
    missing: dict[Cut, str] = {}
    for cut in recipe.cuts:
        absent = sorted(cut.columns - available)
        if absent and not cut.optional:
            raise CatalogError(
                f"the cut {cut.name!r} needs it and the file has no such column",
                file=table.file,
                column=absent[0],
                remedy=f"{nearest(absent[0], available)} A cut marked optional = true is skipped instead.",
            )
        if absent:
            missing[cut] = ", ".join(absent)
            continue
        computed = {*matches, "distance"} if recipe.coordinates == "astrometric" else set(matches)
        extra |= {name: find_column(table, name) for name in cut.columns - computed}
    return extra, missing
