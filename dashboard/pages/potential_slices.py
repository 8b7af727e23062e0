"""Potential: three planes with a shared crosshair, a profile through it, and the numbers under it.

Median, spread, truth and difference are views of one evaluation, so switching between them computes nothing.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import panel as pn

from core.diagnostics.slices import AXES, FIELDS, TRUE_VIEWS, VIEWS, FieldProfile, FieldSlice
from core.errors import DeepPotentialError
from core.runs.registry import Run
from dashboard.failures import alert
from dashboard.plane_controls import plane_controls
from dashboard.plots.field_slices import PLANES, ProfileFigure, SliceFigure, colour_limits
from dashboard.profile_panel import ProfilePanel
from dashboard.run_picker import pattern_speed_words
from dashboard.services import Services
from dashboard.session import Session
from dashboard.steadiness_panel import SteadinessPanel
from dashboard.widgets import Latest, caption, card, facts, later, number, one_update, text, with_document


@dataclass(frozen=True)
class Drawn:
    """Everything the page shows for one place of the crosshair."""

    planes: tuple[FieldSlice, ...]
    profile: FieldProfile
    under: dict[str, tuple[float, float, float | None]]


class PotentialSlices(pn.viewable.Viewer):
    """The page."""

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session, self.run = session, run
        self.slicer = services.slicer(run)
        self._latest = Latest(services, self._arrived)
        self._planes: dict[tuple[str, float, str], FieldSlice] = {}
        self._drawn: Drawn | None = None
        self.figures: list[SliceFigure] = [
            SliceFigure(n, a, b, self.slicer.span(a), self.slicer.span(b)) for n, a, b in PLANES
        ]
        self.profile = ProfileFigure()
        self.profiles = ProfilePanel(session, services, run)
        self.steadiness = SteadinessPanel(session, run)
        self._under = text('<p class="muted">evaluating the potential …</p>')
        for fig in self.figures:
            fig.on_tap(lambda place: with_document(self._tapped, place))
        self._restyle()
        session.param.watch(lambda *events: self.request(), ["quantity", "at_x", "at_y", "at_z"])
        session.param.watch(lambda *events: with_document(self._redraw), ["show", "contours"])
        session.param.watch(lambda event: with_document(self._restyle), "theme")
        self.request()

    @property
    def views(self) -> list[str]:
        """The views that this run has: those with a truth only for mocks."""
        return [v for v in VIEWS if self.slicer.truth is not None or v not in TRUE_VIEWS]

    def controls(self) -> list[pn.viewable.Viewable]:
        """Quantity, view and planes, for the rail."""
        return plane_controls(self.session, {view: view for view in self.views}, self.slicer.span)

    def request(self) -> None:
        """Compute what the session asks for."""
        at = (self.session.at_x, self.session.at_y, self.session.at_z)
        self._latest.request(later(self._compute, self.session.quantity, at))

    def _compute(self, quantity: str, at: tuple[float, float, float]) -> Drawn:
        planes = []
        for normal, _, _ in PLANES:
            key = (quantity, at[AXES.index(normal)], normal)
            if key not in self._planes:
                if len(self._planes) > 30:
                    self._planes.clear()
                self._planes[key] = self.slicer.plane(quantity, normal, key[1])
            planes.append(self._planes[key])
        return Drawn(tuple(planes), self.slicer.profile(quantity, "z", at), self._values_at(at))

    def _values_at(self, at: tuple[float, float, float]) -> dict[str, tuple[float, float, float | None]]:
        """Median, spread and truth of every quantity under the crosshair."""
        values = {}
        for name in FIELDS:
            members, truth = self.slicer.values(name, np.array([at]))
            low, median, high = np.percentile(members[:, 0], [16, 50, 84])
            values[name] = float(median), float((high - low) / 2), None if truth is None else float(truth[0])
        return values

    def _arrived(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._redraw()

    def _redraw(self) -> None:
        if self._drawn is None:
            return
        view = self.session.show if self.session.show in self.views else "median"
        limits = colour_limits(list(self._drawn.planes), view)
        at = {axis: getattr(self.session, f"at_{axis}") for axis in AXES}
        with one_update():
            for fig, plane in zip(self.figures, self._drawn.planes, strict=True):
                fig.show(plane, view, limits, contours=self.session.contours)
                fig.cross(at)
            self.profile.show(self._drawn.profile)
            self._under.object = _under_crosshair(at, self._drawn.under)

    def _tapped(self, place: dict[str, float]) -> None:
        inside = {a: float(np.clip(v, *self.slicer.span(a))) for a, v in place.items()}
        self.session.param.update(**{f"at_{axis}": round(value, 3) for axis, value in inside.items()})

    def _restyle(self) -> None:
        for fig in self.figures:
            fig.restyle(self.session.palette)
        self.profile.restyle(self.session.palette)

    def _trust(self) -> list[pn.viewable.Viewable]:
        """Verdicts beside the picture; where they cannot be read, why: the picture does not need them."""
        if not self.run.has("scalars.json"):
            return []
        try:
            return self._verdicts(self.run.scalars)
        except DeepPotentialError as error:
            return [alert(error)]

    def _verdicts(self, scalars: Mapping[str, Any]) -> list[pn.viewable.Viewable]:
        cards: list[pn.viewable.Viewable] = []
        speed = scalars.get("pattern_speed")
        if speed:
            words = facts({"Ωp [km/s/kpc]": pattern_speed_words(speed)})
            reason = html.escape(str(speed.get("reason", "")))
            cards.append(card(caption("Pattern speed"), text(f'{words}<p class="muted">{reason}</p>')))
        negative = scalars.get("negative_density_fraction", {}).get("best", float("nan"))
        trust = {
            "negative density": f"{100 * negative:.1f} %",
            "potentials": str(self.slicer.potential.members),
            "trusted volume": html.escape(str(self.slicer.trusted)),
        }
        note = (
            '<p class="muted">Outside the trusted volume the picture is faded: no data inside, edge effects beyond.</p>'
        )
        cards.append(card(caption("Trust"), text(facts(trust) + note)))
        return cards

    def __panel__(self) -> pn.Column:
        figures = (*(f.figure for f in self.figures), self.profile.figure)
        panes = [
            pn.Column(pn.pane.Bokeh(f, sizing_mode="scale_width", margin=0), margin=0, styles=_HALF) for f in figures
        ]
        pictures = card(pn.FlexBox(*panes, gap="0px", margin=0), min_width=330, flex="1 1 640px")
        under = card(
            caption("Under the crosshair"), self._under, text('<p class="muted">Click a plane to move it.</p>')
        )
        numbers = pn.Column(under, *self._trust(), min_width=280, margin=0, styles={"flex": "1 1 280px"})
        slices = pn.FlexBox(pictures, numbers, gap="12px", align_items="flex-start", margin=0)
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
