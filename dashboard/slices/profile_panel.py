"""Profiles below the slices: rotation curve, and force, column and density across the plane at the Sun's place."""

import html

import panel as pn

from core.diagnostics.profiles import Profile
from core.pipelines import shown_pipelines
from core.runs.registry import Run
from dashboard.plots.palette import Palette
from dashboard.plots.profiles import profile_figure
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import Latest, caption, card, later, swatch, text, with_document

_CELL = {"flex": "1 1 260px", "min-width": "0"}
"""Four beside each other where there is room, two or one where there is less."""


class ProfilePanel(pn.viewable.Viewer):
    """The panel; empty for a run in an inertial frame, which knows no plane."""

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session = session
        self.profiles: tuple[Profile, ...] = ()
        self._legend = text('<p class="muted">evaluating the profiles …</p>')
        self._cells = pn.FlexBox(gap="0px", margin=0, sizing_mode="stretch_width")
        self._card = card(caption("Profiles"), self._legend, self._cells)
        self._card.visible = run.manifest.config.potential.frame == "rotating"
        session.param.watch(lambda event: with_document(self._draw), "theme")
        if self._card.visible:
            Latest(services, self._arrived).request(later(services.profiles, run))

    def _arrived(self, profiles: tuple[Profile, ...]) -> None:
        self.profiles = profiles
        self._card.visible = bool(profiles)
        self._draw()

    def _draw(self) -> None:
        if not self.profiles:
            return
        palette = self.session.palette
        self._legend.object = legend(self.profiles, palette)
        self._cells[:] = [
            pn.Column(
                pn.pane.Bokeh(profile_figure(p, palette), sizing_mode="stretch_width", margin=0), margin=0, styles=_CELL
            )
            for p in self.profiles
        ]

    def __panel__(self) -> pn.Column:
        return self._card


def legend(profiles: tuple[Profile, ...], palette: Palette) -> str:
    """Which colour is which pipeline, what is dashed or dotted, and where the places are; as HTML."""
    names = shown_pipelines(name for profile in profiles for name in profile.pipelines)
    marks = [swatch(palette.of(name), words) for name, words in names.items()]
    if any(profile.truth is not None for profile in profiles):
        marks.append('<span style="white-space:nowrap"><span aria-hidden="true">╌╌</span> truth</span>')
    sources = dict.fromkeys(p.source for profile in profiles for p in profile.published)
    if sources:
        marks.append(f"<span>● {html.escape('; '.join(sources))}</span>")
    note = "Median and 16–84 %; R in the midplane, Z and |Z| at the Sun's place, north positive. Faded: not trusted."
    return f'<p class="strip">{"".join(marks)}<span>{html.escape(note)}</span></p>'
