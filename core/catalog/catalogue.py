"""A stored catalogue as a value: what it is, and its columns as memory maps that all readers share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from core.catalog.cuts import CutFlow
from core.catalog.quantities import CARTESIAN
from core.catalog.resampling import mirrored_inside, resample
from core.errors import CatalogError, CorruptArtifactError, InputError, RegionError, suggestion
from core.phase_space.region import Everything, Region, from_json
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition

SCHEMA = 1
NOMINAL_SUN = SolarPosition()
MEND = "Remove its directory and ingest the file again"


@dataclass(frozen=True)
class Catalogue:
    """A catalogue on disk.

    ``record`` is the content of its ``catalogue.json``; ``frame`` is "rotating" or "inertial", ``truth``
    what a mock was made from.
    """

    id: str
    name: str
    path: Path
    n: int
    region: Region
    frame: str
    synthetic: bool
    truth: Mapping[str, Any] | None = field(compare=False)
    cut_flow: CutFlow
    created: str
    record: Mapping[str, Any] = field(compare=False, repr=False)

    def __len__(self) -> int:
        return self.n

    @property
    def units(self) -> dict[str, str]:
        """Unit of every column, in the order in which they are stored."""
        return {c["name"]: c["unit"] for c in self.record["columns"]}

    def has(self, name: str) -> bool:
        """Whether the column is stored."""
        return name in self.units

    def column(self, name: str) -> np.ndarray:
        """A column as a read-only memory map; CatalogError with the nearest name where it is not stored."""
        if not self.has(name):
            raise CatalogError("the catalogue has no such column", column=name, remedy=suggestion(name, self.units))
        file = self.path / "columns" / f"{name}.npy"
        try:
            values = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise CorruptArtifactError(f"{file} cannot be read: {error}. {MEND}") from error
        if values.shape != (self.n,):
            raise CorruptArtifactError(f"{file} holds {values.shape} values for {self.n} stars. {MEND}")
        return values

    def sample(self, region: Region | None = None, sun: SolarPosition = NOMINAL_SUN) -> PhaseSpaceSample:
        """The stars as float32 w, those inside ``region`` where one is given; RegionError if it has none."""
        w = np.stack([self.column(name) for name in CARTESIAN], 1)
        return self._confined(w, region or Everything(), region, sun)

    def resampled(
        self,
        rng: np.random.Generator,
        region: Region | None = None,
        sun: SolarPosition = NOMINAL_SUN,
    ) -> PhaseSpaceSample:
        """The stars drawn anew within their errors (:mod:`core.catalog.resampling`) and found in ``region``.

        Those that leave the stored volume come back mirrored, for those beyond it that would come in.
        """
        drawn = resample(rng, {name: self.column(name) for name in self.units})
        w = mirrored_inside(self.sample().w, drawn, lambda w: self.region.contains_points(w, sun))
        return self._confined(w, self._narrowed(region), region, sun)

    def _narrowed(self, region: Region | None) -> Region:
        """The stored volume inside ``region``."""
        return self.region if region is None or region == self.region else self.region & region

    def _confined(
        self, w: Float[np.ndarray, "n 6"], condition: Region, region: Region | None, sun: SolarPosition
    ) -> PhaseSpaceSample:
        """The stars at ``w`` that meet ``condition``, as a sample of ``region`` in the stored volume."""
        group, weight = (
            np.asarray(self.column(name)) if self.has(name) else None for name in ("group", "selection_weight")
        )
        sample = PhaseSpaceSample(w, self._narrowed(region), group, weight)
        if isinstance(condition, Everything):
            return sample
        inside = condition.contains_points(w, sun)
        if not inside.any():
            raise RegionError(f"no star of {self.name!r} is inside {condition}", remedy="Choose a larger region.")
        return sample.take(inside)


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue in the directory ``path``; CorruptArtifactError where its description is damaged."""
    try:
        record = json.loads((path / "catalogue.json").read_text("utf-8"))
        if record["schema"] > SCHEMA:
            raise InputError(
                f"it was written by a newer version (schema {record['schema']})",
                file=path,
                remedy="Update this program.",
            )
        return Catalogue(
            id=record["id"],
            name=record["name"],
            path=path,
            n=record["n"],
            region=from_json(record["region"]),
            frame=record["frame"],
            synthetic=record["synthetic"],
            truth=record["truth"],
            cut_flow=CutFlow.from_json(record["cut_flow"]),
            created=record["created"],
            record=record,
        )
    except (OSError, ValueError, KeyError, TypeError, RegionError) as error:
        raise CorruptArtifactError(f"the catalogue in {path} cannot be read: {error}. {MEND}") from error
