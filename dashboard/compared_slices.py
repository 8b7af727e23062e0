"""Three planes of every compared run at common limits, and beside each run but the first what it has more than that."""

import html
from collections.abc import Sequence

import panel as pn

from core.diagnostics.comparison import common_spans, slice_difference
from core.diagnostics.slices import AXES, TRUE_VIEWS, VIEWS, FieldSlice, Slicer
from core.errors import DeepPotentialError
from core.jobs.status import duration, run_status
from core.pipelines import POTENTIAL_SEED
from core.runs import readings
from core.runs.registry import Run
from dashboard.candidates import Candidate
from dashboard.failures import alert
from dashboard.plane_controls import plane_controls
from dashboard.plots.field_slices import ASPECT, PLANES, SliceFigure, colour_limits
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import Latest, card, later, one_update, text, with_document

_COLUMN = {"flex": "1 1 250px", "min-width": "250px"}
_WORDS = {"flex": "1 1 170px", "min-width": "170px"}
_NARROW = 1.38
"""Width over height of figures of which five stand beside each other."""
_VIEW_NAMES = {"difference": "median − truth"}
_Planes = tuple[FieldSlice, ...]


def missing_potentials(run: Run) -> str:
    """Why there are no slices of a run yet and what to do; empty where there is nothing missing."""
    if POTENTIAL_SEED in readings.measured_pipelines(run):
        return ""
    status = run_status(run)
    if status.state == "running":
        left = f", about {duration(status.seconds_left)} left" if status.seconds_left is not None else ""
        return f"No potential yet: the run is going on{left}. Open this page again when it is done."
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
        self._drawn: dict[str, _Planes] = {}
        self._latest = Latest(services, self._arrived)
        self._restyle()
        session.param.watch(lambda *events: self.request(), ["quantity", "at_x", "at_y", "at_z"])
        session.param.watch(lambda *events: with_document(self._redraw), ["show", "contours"])
        session.param.watch(lambda event: with_document(self._restyle), "theme")
        if self.slicers:
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
            fig.on_tap(lambda place: with_document(self._tapped, place))
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
        return plane_controls(self.session, self.views, next(iter(self.slicers.values())).span)

    def request(self) -> None:
        """Compute what the session asks for."""
        at = (self.session.at_x, self.session.at_y, self.session.at_z)
        self._latest.request(later(self._compute, self.session.quantity, at))

    def _compute(self, quantity: str, at: tuple[float, float, float]) -> dict[str, _Planes]:
        return {
            key: tuple(slicer.plane(quantity, normal, at[AXES.index(normal)]) for normal, _, _ in PLANES)
            for key, slicer in self.slicers.items()
        }

    def _arrived(self, drawn: dict[str, _Planes]) -> None:
        self._drawn = drawn
        self._redraw()

    def _redraw(self) -> None:
        if not self._drawn:
            return
        view = self.session.show if self.session.show in self.views.values() else "median"
        less = {key: tuple(map(slice_difference, self._drawn[key], self._drawn[self.first])) for key in self._differing}
        with one_update():
            self._show(self.figures, self._drawn, view)
            self._show(self.differences, less, "difference")

    def _show(self, figures: dict[str, list[SliceFigure]], drawn: dict[str, _Planes], view: str) -> None:
        """All of one kind at the same limits of the colours."""
        if not drawn:
            return
        limits = colour_limits([plane for planes in drawn.values() for plane in planes], view)
        at = {axis: getattr(self.session, f"at_{axis}") for axis in AXES}
        for key, planes in drawn.items():
            for fig, plane in zip(figures[key], planes, strict=True):
                fig.show(plane, view, limits, contours=self.session.contours)
                fig.cross(at)

    def _tapped(self, place: dict[str, float]) -> None:
        self.session.param.update(**{f"at_{axis}": round(value, 3) for axis, value in place.items()})

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
        note = (
            '<p class="muted">Colours have the same limits in all runs, and in all differences. Faded: not trusted.</p>'
        )
        row = pn.Row(*columns, margin=0, sizing_mode="stretch_width", styles={"overflow-x": "auto", "gap": "8px"})
        return card(row, text(note if self.slicers else ""))


def _head(letters: str, words: str) -> str:
    return f'<p style="margin:0"><strong>{letters}</strong> <span class="muted">{html.escape(words)}</span></p>'


def _column(head: str, content: list[SliceFigure] | pn.viewable.Viewable) -> pn.Column:
    if not isinstance(content, list):
        return pn.Column(text(head, margin=0), content, margin=0, styles=_WORDS)
    panes = [pn.pane.Bokeh(f.figure, sizing_mode="scale_width", margin=0) for f in content]
    return pn.Column(text(head, margin=0), *panes, margin=0, styles=_COLUMN)
