"""Potential: three planes with a shared crosshair, a profile through it, and the numbers under it.

Median, spread, truth and difference are views of one evaluation, so switching between them computes nothing.
"""

import html
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import panel as pn

from core.diagnostics.reliability import UNUSABLE, WORDS
from core.diagnostics.slices import AXES, FIELDS, TRUE_VIEWS, VIEWS
from core.errors import DeepPotentialError
from core.runs.products import preview_left_out
from core.runs.registry import Run
from dashboard.drawn_slices import Drawn, DrawnSlices, aspect_of
from dashboard.failures import alert
from dashboard.pattern_speed_panel import PatternSpeedPanel
from dashboard.plane_controls import plane_controls
from dashboard.plots.field_slices import PLANES, ProfileFigure, SliceFigure, colour_limits
from dashboard.profile_panel import ProfilePanel
from dashboard.run_picker import drift_words
from dashboard.services import Services
from dashboard.session import Session
from dashboard.steadiness_panel import SteadinessPanel
from dashboard.widgets import Latest, caption, card, facts, number, one_update, swatch, text, with_document

RELIABILITY = "reliability"
"""A view of its own beside those of a slice."""


class PotentialSlices(pn.viewable.Viewer):
    """The page."""

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session, self.run = session, run
        self.drawn = DrawnSlices(services, run)
        self.slicer = self.drawn.slicer
        self._latest = Latest(services, self._arrived)
        self._drawn: Drawn | None = None
        self.figures: list[SliceFigure] = [
            SliceFigure(n, a, b, self.slicer.span(a), self.slicer.span(b)) for n, a, b in PLANES
        ]
        self.profile = ProfileFigure()
        self.profiles = ProfilePanel(session, services, run)
        self.steadiness = SteadinessPanel(session, run)
        self._legend = text(visible=False)
        self._under = text('<p class="muted">evaluating the potential …</p>')
        for fig in self.figures:
            fig.on_tap(lambda place: with_document(self._tapped, place))
        self._restyle()
        session.param.watch(lambda *events: self.request(), ["quantity", "at_x", "at_y", "at_z"])
        session.param.watch(lambda *events: self.request(), ["quantity", "at_x", "at_y", "at_z"])
        session.param.watch(lambda *events: with_document(self._redraw), ["show", "contours", "grey"])
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
        """Quantity, view and planes, for the rail."""
        grey = pn.widgets.Checkbox.from_param(
            self.session.param.grey, label=f"grey out “{WORDS[UNUSABLE]}”", margin=(4, 0)
        )
        return [*plane_controls(self.session, {view: view for view in self.views}, self.slicer.span), grey]

    def request(self) -> None:
        """Compute what the session asks for."""
        at = (self.session.at_x, self.session.at_y, self.session.at_z)
        self._latest.request(partial(self.drawn.at, self.session.quantity, at, judged=self._judged))

    def _arrived(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._redraw()

    def _redraw(self) -> None:
        drawn = self._drawn
        if drawn is None:
            return
        if self._judged and drawn.classes is None:
            self.request()
            return
        view = self.session.show if self.session.show in self.views else "median"
        at = {axis: getattr(self.session, f"at_{axis}") for axis in AXES}
        with one_update():
            self._show_planes(drawn, view)
            for fig in self.figures:
                fig.cross(at)
            self.profile.show(drawn.profile)
            self._under.object = _under_crosshair(at, drawn.under)

    def _show_planes(self, drawn: Drawn, view: str) -> None:
        if view == RELIABILITY and drawn.classes is not None:
            for fig, plane, classes in zip(self.figures, drawn.planes, drawn.classes, strict=True):
                fig.show_classes(plane, classes)
        else:
            limits = colour_limits(list(drawn.planes), view)
            for i, (fig, plane) in enumerate(zip(self.figures, drawn.planes, strict=True)):
                unusable = drawn.classes[i] == UNUSABLE if self.session.grey and drawn.classes is not None else None
                fig.show(plane, view, limits, contours=self.session.contours, unusable=unusable)
        self._legend.visible = self._judged
        if self._judged:
            self._legend.object = self._reliability_legend()

    def _reliability_legend(self) -> str:
        """The colours of the classes and the thresholds, as HTML."""
        palette = self.session.palette
        keys = "".join(swatch(palette.of_class(c), words) for c, words in WORDS.items())
        of = f"Reliability of the {aspect_of(self.session.quantity)}."
        return f'<p class="strip">{keys}</p><p class="muted">{html.escape(f"{of} {self.drawn.legend()}")}</p>'

    def _tapped(self, place: dict[str, float]) -> None:
        inside = {a: float(np.clip(v, *self.slicer.span(a))) for a, v in place.items()}
        self.session.param.update(**{f"at_{axis}": round(value, 3) for axis, value in inside.items()})

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
        return card(caption("Trust"), text(facts(trust) + note))

    def __panel__(self) -> pn.Column:
        figures = (*(f.figure for f in self.figures), self.profile.figure)
        panes = [
            pn.Column(pn.pane.Bokeh(f, sizing_mode="scale_width", margin=0), margin=0, styles=_HALF) for f in figures
        ]
        speed, trust = self._verdicts()
        pictures = card(pn.FlexBox(*panes, gap="0px", margin=0), self._legend)
        left = pn.Column(pictures, *speed, min_width=330, margin=0, styles={"flex": "1 1 640px"})
        under = card(
            caption("Under the crosshair"), self._under, text('<p class="muted">Click a plane to move it.</p>')
        )
        numbers = pn.Column(under, *trust, min_width=280, margin=0, styles={"flex": "1 1 280px"})
        slices = pn.FlexBox(left, numbers, gap="12px", align_items="flex-start", margin=0)
        return pn.Column(slices, self.profiles, self.steadiness, sizing_mode="stretch_width", margin=0)


_HALF = {"flex": "1 1 300px", "min-width": "0"}
"""Two planes beside each other and the numbers beside them, or one below the other where there is no room."""


def _under_crosshair(at: dict[str, float], values: dict[str, tuple[float, float, float | None]]) -> str:
    rows = {"x, y, z [kpc]": ", ".join(f"{at[axis]:.2f}" for axis in AXES).replace("-", "\u2212")}
    for name, (median, spread, truth) in values.items():
        label = f"{FIELDS[name].label} [{FIELDS[name].unit}]"
        known = f'<br><span class="muted">truth {number(truth, 4)}</span>' if truth is not None else ""
        rows[label] = f'<span class="value"><strong>{number(median, 4)}</strong> ± {number(spread, 2)}</span>{known}'
    return facts(rows)
