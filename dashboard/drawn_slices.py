"""What the page of the potential shows for one place of the crosshair, computed in a thread and kept for the next."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.diagnostics.reliability import DENSITY, FORCE, Classes, Reliability, legend
from core.diagnostics.slices import AXES, FIELDS, FieldProfile, FieldSlice, Slicer
from core.pipelines import shown_pipelines
from core.runs.registry import Run
from dashboard.plots.field_slices import PLANES
from dashboard.services import Services

Place = tuple[float, float, float]

_KEPT = 30


@dataclass(frozen=True)
class Drawn:
    """Slices, profile, values under the crosshair, and the reliability of the places where it was asked for."""

    planes: tuple[FieldSlice, ...]
    profile: FieldProfile
    under: dict[str, tuple[float, float, float | None]]
    classes: tuple[np.ndarray, ...] | None


class DrawnSlices:
    """Slices and reliability of one run for one session."""

    def __init__(self, services: Services, run: Run):
        self._services, self._run = services, run
        self.slicer: Slicer = services.slicer(run)
        self._planes: dict[tuple[str, str, float], FieldSlice] = {}
        self._classes: dict[tuple[str, str, float], Classes] = {}

    @cached_property
    def judge(self) -> Reliability:
        """What judges places; it reads the potentials of all uncertainties."""
        return self._services.reliability(self._run)

    def at(self, quantity: str, place: Place, *, judged: bool) -> Drawn:
        """Everything for a crosshair at ``place`` [kpc]."""
        offsets = [(normal, place[AXES.index(normal)]) for normal, _, _ in PLANES]
        planes = tuple(self._plane(quantity, *offset) for offset in offsets)
        classes = tuple(self._judged(aspect_of(quantity), *offset) for offset in offsets) if judged else None
        return Drawn(planes, self.slicer.profile(quantity, "z", place), self._values(place), classes)

    def _plane(self, quantity: str, normal: str, offset: float) -> FieldSlice:
        key = quantity, normal, offset
        if key not in self._planes:
            _make_room(self._planes)
            self._planes[key] = self.slicer.plane(quantity, normal, offset)
        return self._planes[key]

    def _judged(self, aspect: str, normal: str, offset: float) -> np.ndarray:
        key = aspect, normal, offset
        if key not in self._classes:
            _make_room(self._classes)
            self._classes[key] = self.judge.classes(aspect, self.slicer.grid(normal, offset))
        side = round(np.sqrt(len(self._classes[key])))
        return self._classes[key].reshape(side, side)

    def _values(self, place: Place) -> dict[str, tuple[float, float, float | None]]:
        """Median, spread and truth of every quantity under the crosshair."""
        values = {}
        for name in FIELDS:
            members, truth = self.slicer.values(name, np.array([place]))
            low, median, high = np.percentile(members[:, 0], [16, 50, 84])
            values[name] = float(median), float((high - low) / 2), None if truth is None else float(truth[0])
        return values

    def legend(self) -> str:
        """The thresholds of the reliability, in words."""
        return legend(list(shown_pipelines(self.judge.ensembles).values()))


def aspect_of(quantity: str) -> str:
    """Whether the reliability of a quantity is that of the density or that of the force."""
    return DENSITY if quantity == "density" else FORCE


def _make_room(kept: dict[tuple[str, str, float], FieldSlice] | dict[tuple[str, str, float], Classes]) -> None:
    if len(kept) > _KEPT:
        kept.clear()
