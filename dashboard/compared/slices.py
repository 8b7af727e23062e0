"""Three planes of every compared run at common limits, and beside each run but the first what it has more than that."""

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import panel as pn

from core.diagnostics.comparison import common_spans, slice_difference
from core.diagnostics.slices import TRUE_VIEWS, VIEWS, Arrows, FieldSlice, Slicer
from core.diagnostics.turned_axes import along_axes
from core.errors import DeepPotentialError
from core.jobs.status import duration, run_status
from core.pipelines import POTENTIAL_SEED
from core.runs import readings
from core.runs.registry import Run
from dashboard.compared.candidates import Candidate
from dashboard.failures import alert
from dashboard.plots.field_limits import Limits
from dashboard.plots.field_slices import ASPECT, PLANES, SliceFigure
from dashboard.services import Services
from dashboard.session import Session
from dashboard.slices.colour_choice import colour_controls, limits_of
from dashboard.slices.drawn_slices import Asked, asked_by
from dashboard.slices.plane_controls import DRAWN_ANEW, make_valid, move_crosshair, plane_controls, with_chosen_baryons
from dashboard.slices.slice_words import arrow_words
from dashboard.widgets import Latest, card, later, one_update, text, with_document

_COLUMN = {"flex": "1 1 250px", "min-width": "250px"}
_WORDS = {"flex": "1 1 170px", "min-width": "170px"}
_NARROW = 1.38
"""Width over height of figures of which five stand beside each other."""
_VIEW_NAMES = {"difference": "median − truth"}
_NOTE = '<p class="muted">Colours have the same limits in all runs, and in all differences. Faded: not trusted.</p>'
_Planes = tuple[FieldSlice, ...]


class _Drawn(NamedTuple):
    """The planes of every run for what was asked, and arrows where they were."""

    asked: Asked
    planes: dict[str, _Planes]
    arrows: dict[str, tuple[Arrows, ...]]


def missing_potentials(run: Run) -> str:
    """Why there are no slices of a run yet and what to do; empty where there is nothing missing."""
    if POTENTIAL_SEED in readings.measured_pipelines(run):
        return ""
    status = run_status(run)
    if status.state == "running":
        left = f", about {duration(status.seconds_left)} left" if status.seconds_left is not None else ""
        return f"No potential yet: the run is going on{left}. Open this page again when it is done."
    if status.state == "paused":
        return f"No potential yet: the run is paused, {status.error}."
    return f"No potential yet: the run is {status.state}. Go on with it on the page Train."


class ComparedSlices(pn.viewable.Viewer):
    """The pictures; a run that has none keeps its column, which says why."""

    def __init__(self, session: Session, services: Services, chosen: Sequence[Candidate]):
        super().__init__()
        self.session, self.chosen = session, chosen
        self.slicers: dict[str, Slicer] = {}
        self.reasons: dict[str, pn.viewable.Viewable] = {}
        for candidate in chosen:
            self._open(services, candidate)
        if self.slicers:
            spans = common_spans(list(self.slicers.values()))
            self.slicers = {key: slicer.over(spans) for key, slicer in self.slicers.items()}
        self.first = chosen[0].letter
        # Without the first run there is nothing to differ from.
        self._differing = [key for key in self.slicers if key != self.first and self.first in self.slicers]
        self.figures = {key: self._three() for key in self.slicers}
        self.differences = {key: self._three() for key in self._differing}
        self._drawn: _Drawn | None = None
        self._limits: Limits | None = None
        self._note = text()
        self._latest = Latest(services, self._arrived, live=True)
        self._restyle()
        session.param.watch(lambda *events: self.request(), DRAWN_ANEW)
        redrawn = ["show", "contours", "colours", "colour_low", "colour_high"]
        session.param.watch(lambda *events: with_document(self._redraw), redrawn)
        session.param.watch(lambda event: with_document(self._restyle), "theme")
        if self.slicers:
            make_valid(session, list(self.views.values()), list(self.slicers.values()))
            self.request()

    def _open(self, services: Services, candidate: Candidate) -> None:
        """The slicer of a run, or the reason why there is none."""
        if candidate.run is None:
            self.reasons[candidate.letter] = text(
                f'<div class="alert" role="alert">{html.escape(candidate.error)}</div>'
            )
            return
        try:
            if words := missing_potentials(candidate.run):
                self.reasons[candidate.letter] = text(f'<p class="muted">{html.escape(words)}</p>')
            else:
                self.slicers[candidate.letter] = services.slicer(candidate.run)
        except DeepPotentialError as error:
            self.reasons[candidate.letter] = alert(error)

    def _three(self) -> list[SliceFigure]:
        span = next(iter(self.slicers.values())).span
        # Labels and colour bars take the more of a figure the narrower it is.
        aspect = _NARROW if len(self.slicers) > 2 else ASPECT
        figures = [SliceFigure(normal, a, b, span(a), span(b), aspect=aspect) for normal, a, b in PLANES]
        for fig in figures:
            fig.on_tap(lambda along, turn: with_document(self._tapped, along, turn))
        return figures

    @property
    def views(self) -> dict[str, str]:
        """The views that all runs have, by what they are called: those with a truth only where all are mocks."""
        known = all(slicer.truth is not None for slicer in self.slicers.values())
        return {_VIEW_NAMES.get(v, v): v for v in VIEWS if known or v not in TRUE_VIEWS}

    def controls(self) -> list[pn.viewable.Viewable]:
        """Quantity, view and planes, for the rail; nothing where there is nothing to see."""
        if not self.slicers:
            return []
        planes = plane_controls(self.session, self.views, list(self.slicers.values()))
        return [*planes, *colour_controls(self.session, lambda: self._limits)]

    def request(self) -> None:
        """Compute what the session asks for."""
        if self.slicers:
            self._latest.request(later(self._compute, asked_by(self.session, judged=False)))

    def _compute(self, asked: Asked) -> _Drawn:
        along, turn = along_axes(asked.place, asked.turn), asked.turn
        slicers = {key: with_chosen_baryons(slicer, asked.baryons) for key, slicer in self.slicers.items()}
        planes = {
            key: tuple(slicer.plane(asked.quantity, normal, along[normal], turn=turn) for normal, _, _ in PLANES)
            for key, slicer in slicers.items()
        }
        arrows = {
            key: tuple(slicer.arrows(normal, along[normal], turn=turn) for normal, _, _ in PLANES)
            for key, slicer in slicers.items()
            if asked.arrows
        }
        return _Drawn(asked, planes, arrows)

    def _arrived(self, drawn: _Drawn) -> None:
        self._drawn = drawn
        self._redraw()

    def _redraw(self) -> None:
        drawn = self._drawn
        if drawn is None:
            return
        view = self.session.show if self.session.show in self.views.values() else "median"
        of = drawn.planes
        less = {key: tuple(map(slice_difference, of[key], of[self.first])) for key in self._differing}
        longest = max((a.longest for arrows in drawn.arrows.values() for a in arrows), default=0.0)
        with one_update():
            self._show(self.figures, of, view)
            self._show(self.differences, less, "difference", typed=False)
            for key, figures in self.figures.items():
                for i, fig in enumerate(figures):
                    fig.arrows.show(drawn.arrows[key][i] if drawn.arrows else None, longest)
            self._note.object = _NOTE + arrow_words(longest)

    def _show(
        self, figures: Mapping[str, list[SliceFigure]], drawn: Mapping[str, _Planes], view: str, *, typed: bool = True
    ) -> None:
        """All of one kind at the same limits of the colours."""
        if not drawn or self._drawn is None:
            return
        limits = limits_of(self.session, list(drawn.values()), view, typed=typed)
        self._limits = limits[0] if typed else self._limits
        asked = self._drawn.asked
        for key, planes in drawn.items():
            for fig, plane, span in zip(figures[key], planes, limits, strict=True):
                fig.show(plane, view, span, contours=self.session.contours)
                fig.cross(asked.place, asked.turn)

    def _tapped(self, along: dict[str, float], turn: float = 0.0) -> None:
        move_crosshair(self.session, next(iter(self.slicers.values())), along, turn)

    def _restyle(self) -> None:
        for figures in (*self.figures.values(), *self.differences.values()):
            for fig in figures:
                fig.restyle(self.session.palette)

    def __panel__(self) -> pn.Column:
        columns = []
        for candidate in self.chosen:
            key = candidate.letter
            columns.append(_column(_head(key, candidate.title), self.figures.get(key) or self.reasons[key]))
            if key in self.differences:
                columns.append(
                    _column(_head(f"{key} − {self.first}", "difference of the medians"), self.differences[key])
                )
        row = pn.Row(*columns, margin=0, sizing_mode="stretch_width", styles={"overflow-x": "auto", "gap": "8px"})
        return card(row, self._note)


def _head(letters: str, words: str) -> str:
    return f'<p style="margin:0"><strong>{letters}</strong> <span class="muted">{html.escape(words)}</span></p>'


def _column(head: str, content: list[SliceFigure] | pn.viewable.Viewable) -> pn.Column:
    if not isinstance(content, list):
        return pn.Column(text(head, margin=0), content, margin=0, styles=_WORDS)
    panes = [pn.pane.Bokeh(f.figure, sizing_mode="scale_width", margin=0) for f in content]
    return pn.Column(text(head, margin=0), *panes, margin=0, styles=_COLUMN)
