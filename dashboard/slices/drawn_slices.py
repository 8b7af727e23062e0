"""What the page of the potential shows for one place of the crosshair, computed in a thread and kept for the next."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter

import numpy as np

from core import ensemble
from core.diagnostics.reliability import DENSITY, FORCE, Classes, Reliability, legend
from core.diagnostics.slices import COUNT, Arrows, FieldProfile, FieldSlice, Slicer
from core.diagnostics.turned_axes import Place, along_axes, turn_of
from core.pipelines import shown_pipelines
from dashboard.plots.field_slices import PLANES
from dashboard.session import Session
from dashboard.slices.plane_controls import crosshair, with_chosen_baryons

Value = tuple[float, float, float | None]
"""Median, spread and truth."""

_Cut = tuple[str, float, float, int]
"""Normal, offset and angle of a plane, and its cells along an axis."""

_COARSE = 64
"""As many places as are evaluated at once: fewer would cost as much."""
_PATIENCE = 0.15
"""Seconds that a plane may take and still follow the mouse."""

_KEPT = 30


@dataclass(frozen=True)
class Asked:
    """What is to be drawn: a quantity on planes through a place [kpc], with what lies over them."""

    quantity: str
    place: Place
    turn: float = 0.0
    along: str = "z"
    baryons: str = ""
    judged: bool = False
    arrows: bool = False
    count: int = COUNT


def asked_by(session: Session, *, judged: bool) -> Asked:
    """What a session asks for."""
    s = session
    return Asked(s.quantity, crosshair(s), s.turn, s.along, s.baryons, judged, s.arrows)


@dataclass(frozen=True)
class Drawn:
    """Slices, profile, values under the crosshair, and arrows and reliability where they were asked for."""

    asked: Asked
    planes: tuple[FieldSlice, ...]
    profile: FieldProfile
    under: dict[str, Value]
    classes: tuple[np.ndarray, ...] | None
    arrows: tuple[Arrows, ...] | None

    @property
    def longest(self) -> float:
        """The longest arrow of all planes [(km/s)²/kpc]."""
        return max((arrows.longest for arrows in self.arrows or ()), default=0.0)


class DrawnSlices:
    """Slices and reliability of one run for one session; ``judge`` is called where places have to be judged."""

    def __init__(self, slicer: Slicer, judge: Callable[[], Reliability]):
        self.slicer, self._make_judge = slicer, judge
        self._planes: dict[tuple[str, str, _Cut], FieldSlice] = {}
        self._classes: dict[tuple[str, _Cut], Classes] = {}
        self._is_slow = False

    @cached_property
    def judge(self) -> Reliability:
        """What judges places; it reads the potentials of all uncertainties."""
        return self._make_judge()

    def first(self, asked: Asked) -> Asked:
        """What to draw first: the same on a coarse grid, where a fine one has been slow."""
        return replace(asked, count=_COARSE) if self._is_slow else asked

    def at(self, asked: Asked) -> Drawn:
        """Everything that is asked for."""
        slicer = with_chosen_baryons(self.slicer, asked.baryons)
        along = along_axes(asked.place, asked.turn)
        cuts = [self._cut(asked, normal, along[normal]) for normal, _, _ in PLANES]
        return Drawn(
            asked,
            tuple(self._plane(slicer, asked, cut) for cut in cuts),
            slicer.profile(asked.quantity, asked.along, asked.place, turn=asked.turn),
            _values(slicer, asked.place),
            tuple(self._judged(aspect_of(asked.quantity), cut) for cut in cuts) if asked.judged else None,
            tuple(slicer.arrows(n, offset, turn=turn) for n, offset, turn, _ in cuts) if asked.arrows else None,
        )

    def _cut(self, asked: Asked, normal: str, offset: float) -> _Cut:
        """A plane; the fine one where it is known."""
        turn = turn_of(normal, asked.turn)
        fine = normal, offset, turn, COUNT
        return fine if (asked.quantity, asked.baryons, fine) in self._planes else (normal, offset, turn, asked.count)

    def _plane(self, slicer: Slicer, asked: Asked, cut: _Cut) -> FieldSlice:
        key = asked.quantity, asked.baryons, cut
        if key not in self._planes:
            _make_room(self._planes)
            normal, offset, turn, count = cut
            start = perf_counter()
            self._planes[key] = slicer.plane(asked.quantity, normal, offset, count, turn=turn)
            self._is_slow = perf_counter() - start > _PATIENCE if count == COUNT else self._is_slow
        return self._planes[key]

    def _judged(self, aspect: str, cut: _Cut) -> np.ndarray:
        key = aspect, cut
        if key not in self._classes:
            _make_room(self._classes)
            normal, offset, turn, count = cut
            self._classes[key] = self.judge.classes(aspect, self.slicer.grid(normal, offset, count, turn=turn))
        side = round(np.sqrt(len(self._classes[key])))
        return self._classes[key].reshape(side, side)

    def legend(self) -> str:
        """The thresholds of the reliability, in words."""
        return legend(list(shown_pipelines(self.judge.ensembles).values()))


def _values(slicer: Slicer, place: Place) -> dict[str, Value]:
    """Every quantity at a place."""
    values = {}
    for name in slicer.quantities:
        members, truth = slicer.values(name, np.array([place]))
        low, median, high = ensemble.quantiles(members[:, 0], [0.16, 0.5, 0.84])
        values[name] = float(median), float((high - low) / 2), None if truth is None else float(truth[0])
    return values


def aspect_of(quantity: str) -> str:
    """Whether the reliability of a quantity is that of the density or that of the force."""
    return DENSITY if quantity in ("density", "dark_matter") else FORCE


def _make_room(kept: dict[tuple[str, str, _Cut], FieldSlice] | dict[tuple[str, _Cut], Classes]) -> None:
    if len(kept) > _KEPT:
        kept.clear()
