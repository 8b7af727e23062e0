"""Potential: three planes with a shared crosshair, a profile through it, and the numbers under it.

Median, spread, truth and difference are views of one evaluation, so switching between them computes nothing.
"""

import html
from collections.abc import Mapping
from functools import partial
from typing import Any

import panel as pn

from core.diagnostics.reliability import UNUSABLE, WORDS
from core.diagnostics.slices import TRUE_VIEWS, VIEWS
from core.diagnostics.turned_axes import AXES
from core.errors import DeepPotentialError
from core.runs.products import preview_left_out
from core.runs.registry import Run
from dashboard.failures import alert
from dashboard.plots.field_limits import Limits
from dashboard.plots.field_profiles import ProfileFigure
from dashboard.plots.field_slices import PLANES, SliceFigure
from dashboard.runs.run_picker import drift_words
from dashboard.scalars.pattern_speed_panel import PatternSpeedPanel
from dashboard.scalars.steadiness_panel import SteadinessPanel
from dashboard.services import Services
from dashboard.session import Session
from dashboard.slices.colour_choice import colour_controls, limits_of
from dashboard.slices.drawn_slices import Drawn, DrawnSlices, asked_by, aspect_of
from dashboard.slices.plane_controls import DRAWN_ANEW, make_valid, move_crosshair, plane_controls
from dashboard.slices.profile_panel import ProfilePanel
from dashboard.slices.slice_words import arrow_words, class_words, plane_words, profile_words, under_crosshair
from dashboard.widgets import Latest, caption, card, facts, one_update, swatch, text, with_document

RELIABILITY = "reliability"
"""A view of its own beside those of a slice."""

_REST = 0.2
"""Seconds in which nothing moves, before a coarse picture is replaced by a fine one."""


class PotentialSlices(pn.viewable.Viewer):
    """The page."""

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session, self.run = session, run
        self.drawn = DrawnSlices(services.slicer(run), partial(services.reliability, run))
        self.slicer = self.drawn.slicer
        make_valid(session, self.views, [self.slicer])
        self._latest = Latest(services, self._arrived, live=True)
        self._drawn: Drawn | None = None
        self._limits: Limits | None = None
        self.figures: list[SliceFigure] = [
            SliceFigure(n, a, b, self.slicer.span(a), self.slicer.span(b)) for n, a, b in PLANES
        ]
        self.profile = ProfileFigure()
        self.words = [text(margin=0) for _ in (*PLANES, self.profile)]
        self.profiles = ProfilePanel(session, services, run)
        self.steadiness = SteadinessPanel(session, run)
        self._arrows, self._legend = text(margin=0), text(visible=False)
        self._under = text('<p class="muted">evaluating the potential …</p>')
        for fig in self.figures:
            fig.on_tap(lambda along, turn: with_document(self._tapped, along, turn))
        self._restyle()
        session.param.watch(lambda *events: self.request(), [*DRAWN_ANEW, "along"])
        redrawn = ["show", "contours", "grey", "colours", "colour_low", "colour_high"]
        session.param.watch(lambda *events: with_document(self._redraw), redrawn)
        session.param.watch(lambda event: with_document(self._restyle), "theme")
        self.request()

    @property
    def views(self) -> list[str]:
        """The views that this run has: those with a truth only for mocks."""
        return [v for v in (*VIEWS, RELIABILITY) if self.slicer.truth is not None or v not in TRUE_VIEWS]

    @property
    def _judged(self) -> bool:
        """Whether the picture needs the reliability of its places."""
        return self.session.grey or self.session.show == RELIABILITY

    def controls(self) -> list[pn.viewable.Viewable]:
        """Quantity, view, planes, colours and profile, for the rail."""
        grey = pn.widgets.Checkbox.from_param(
            self.session.param.grey, label=f"grey out “{WORDS[UNUSABLE]}”", margin=(4, 0)
        )
        along = pn.widgets.RadioButtonGroup.from_param(
            self.session.param.along, options={f"along {axis}": axis for axis in AXES}, sizing_mode="stretch_width"
        )
        planes = plane_controls(self.session, {view: view for view in self.views}, [self.slicer])
        colours = colour_controls(self.session, lambda: self._limits)
        return [*planes, grey, *colours, caption("Profile"), along]

    def request(self) -> None:
        """Compute what the session asks for."""
        asked = asked_by(self.session, judged=self._judged)
        self._latest.request(partial(self.drawn.at, self.drawn.first(asked)))

    def _arrived(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._redraw()
        asked = asked_by(self.session, judged=self._judged)
        if drawn.asked == self.drawn.first(asked) != asked:
            self._latest.request(partial(self.drawn.at, asked), pause=_REST)

    def _redraw(self) -> None:
        drawn = self._drawn
        if drawn is None:
            return
        if self._judged and drawn.classes is None:
            self.request()
            return
        view = self.session.show if self.session.show in self.views else "median"
        with one_update():
            self._show_planes(drawn, view)
            arrows = drawn.arrows or [None] * len(self.figures)
            for fig, of_plane in zip(self.figures, arrows, strict=True):
                fig.cross(drawn.asked.place, drawn.asked.turn)
                fig.arrows.show(of_plane, drawn.longest)
            self.profile.show(drawn.profile)
            self._say(drawn, view)

    def _show_planes(self, drawn: Drawn, view: str) -> None:
        if view == RELIABILITY and drawn.classes is not None:
            for fig, plane, classes in zip(self.figures, drawn.planes, drawn.classes, strict=True):
                fig.show_classes(plane, classes)
            return
        limits = limits_of(self.session, [drawn.planes], view)
        self._limits = limits[0]
        for i, (fig, plane) in enumerate(zip(self.figures, drawn.planes, strict=True)):
            unusable = drawn.classes[i] == UNUSABLE if self.session.grey and drawn.classes is not None else None
            fig.show(plane, view, limits[i], contours=self.session.contours, unusable=unusable)

    def _say(self, drawn: Drawn, view: str) -> None:
        under = drawn.under[drawn.asked.quantity]
        for i, (fig, plane) in enumerate(zip(self.figures, drawn.planes, strict=True)):
            if view == RELIABILITY and drawn.classes is not None:
                self.words[i].object = class_words(plane, drawn.classes[i])
            else:
                self.words[i].object = plane_words(plane, view, under, fig.levels)
        self.words[-1].object = profile_words(drawn.profile, under)
        self._arrows.object = arrow_words(drawn.longest)
        self._under.object = under_crosshair(drawn)
        self._legend.visible = self._judged
        if self._judged:
            self._legend.object = self._reliability_legend()

    def _reliability_legend(self) -> str:
        """The colours of the classes and the thresholds, as HTML."""
        palette = self.session.palette
        keys = "".join(swatch(palette.of_class(c), words) for c, words in WORDS.items())
        of = f"Reliability of the {aspect_of(self.session.quantity)}."
        return f'<p class="strip">{keys}</p><p class="muted">{html.escape(f"{of} {self.drawn.legend()}")}</p>'

    def _tapped(self, along: dict[str, float], turn: float = 0.0) -> None:
        move_crosshair(self.session, self.slicer, along, turn)

    def _restyle(self) -> None:
        for fig in self.figures:
            fig.restyle(self.session.palette)
        self.profile.restyle(self.session.palette)
        if self._legend.visible:
            self._legend.object = self._reliability_legend()

    def _verdicts(self) -> tuple[list[Any], list[Any]]:
        """What is said of Ω_p and of the rest; where it cannot be read, why: the picture does not need it."""
        if not self.run.has("scalars.json"):
            return [], []
        try:
            scalars = self.run.scalars
            speed = scalars.get("pattern_speed")
            return [PatternSpeedPanel(self.session, self.run, speed)] if speed else [], [self._trust(scalars)]
        except DeepPotentialError as error:
            return [], [alert(error)]

    def _trust(self, scalars: Mapping[str, Any]) -> pn.viewable.Viewable:
        negative = scalars.get("negative_density_fraction", {}).get("best", float("nan"))
        trust = drift_words(scalars) | {
            "negative density": f"{100 * negative:.1f} %",
            "potentials": str(self.slicer.potential.members),
            "trusted volume": html.escape(str(self.slicer.trusted)),
        }
        note = (
            '<p class="muted">Outside the trusted volume the picture is faded: no data inside, edge effects beyond.</p>'
        )
        if preview := preview_left_out(self.run.products):
            note = f'<p class="caution">The preview by the weak form is left out: {html.escape(preview)}.</p>' + note
        found = self.steadiness.found
        left = {} if found is None else {"change of f unexplained": f"{100 * found.unexplained:.1f} %"}
        way = [] if found is None else [self.steadiness.way_here("See where, below")]
        return card(caption("Trust"), text(facts(trust | left)), *way, text(note))

    def __panel__(self) -> pn.Column:
        figures = (*(f.figure for f in self.figures), self.profile.figure)
        panes = [
            pn.Column(pn.pane.Bokeh(fig, sizing_mode="scale_width", margin=0), words, margin=0, styles=_HALF)
            for fig, words in zip(figures, self.words, strict=True)
        ]
        speed, trust = self._verdicts()
        pictures = card(pn.FlexBox(*panes, gap="0px", margin=0), self._arrows, self._legend)
        left = pn.Column(pictures, *speed, min_width=330, margin=0, styles={"flex": "1 1 640px"})
        under = card(
            caption("Under the crosshair"), self._under, text('<p class="muted">Click a plane to move it.</p>')
        )
        numbers = pn.Column(under, *trust, min_width=280, margin=0, styles={"flex": "1 1 280px"})
        slices = pn.FlexBox(left, numbers, gap="12px", align_items="flex-start", margin=0)
        return pn.Column(slices, self.profiles, self.steadiness, sizing_mode="stretch_width", margin=0)


_HALF = {"flex": "1 1 300px", "min-width": "0"}
"""Two planes beside each other and the numbers beside them, or one below the other where there is no room."""
