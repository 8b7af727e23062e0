"""Ω_p, whether it may be believed, and why: the verdict in words and the profile loss L(Ω_p) with its marks."""

import html
from collections.abc import Mapping
from typing import Any

import panel as pn

from core.diagnostics.pattern_speed_profile import NOTE, PatternSpeedProfile, SpeedMarks
from core.errors import DeepPotentialError
from core.runs import readings
from core.runs.registry import Run
from dashboard.failures import alert
from dashboard.plots.palette import Palette
from dashboard.plots.pattern_speed import curve_colours, pattern_speed_figure
from dashboard.runs.run_picker import pattern_speed_words
from dashboard.session import Session
from dashboard.widgets import caption, card, facts, swatch, text, with_document


class PatternSpeedPanel(pn.viewable.Viewer):
    """The card; where a run does not know L(Ω_p), the verdict alone and why.

    Raises CorruptArtifactError where the entry ``speed`` of the scalars is damaged.
    """

    def __init__(self, session: Session, run: Run, speed: Mapping[str, Any]):
        super().__init__()
        self.session, self._marks = session, SpeedMarks.of(speed)
        words = facts({"Ωp [km/s/kpc]": pattern_speed_words(speed)})
        said = text(f'{words}<p class="muted">{html.escape(str(speed.get("reason", "")))}</p>')
        self._said = text(margin=0)
        self._curves = pn.Column(margin=0, styles={"flex": "1 1 320px", "min-width": "0"})
        beside = pn.Column(said, self._said, margin=0, styles={"flex": "1 1 260px", "min-width": "0"})
        self._card = card(caption("Pattern speed"), pn.FlexBox(beside, self._curves, gap="24px", margin=0))
        try:
            self.profile = readings.speed_profile(run)
        except DeepPotentialError as error:
            self.profile = None
            self._curves.append(alert(error))
            return
        if self.profile is None:
            self._said.object = f'<p class="muted">{html.escape(absence(run))}</p>'
            self._curves.visible = False
            return
        session.param.watch(lambda event: with_document(self._draw), "theme")
        self._draw()

    def _draw(self) -> None:
        if self.profile is None:
            return
        palette = self.session.palette
        fig = pattern_speed_figure(self.profile, self._marks, palette)
        keys = text(legend(self.profile, self._marks, palette))
        self._curves[:] = [pn.pane.Bokeh(fig, sizing_mode="stretch_width", margin=0), keys]
        words = f"{self.profile.sentence(self._marks.stars)}. {NOTE}"
        self._said.object = f'<p class="muted">{html.escape(words)}</p>'

    def __panel__(self) -> pn.Column:
        return self._card


def absence(run: Run) -> str:
    """Why there is no L(Ω_p), and what to do."""
    config = run.manifest.config.potential
    if config.solver != "convex":
        return f"L(Ωp) is drawn for potential.solver=convex alone; this run has {config.solver}."
    if config.pattern_speed != "free":
        return f"Ωp was given as {config.pattern_speed} km/s/kpc, so there is no L(Ωp)."
    return "The run has no L(Ωp): an older program made it, or f does not turn at all. Fit the stars again to see it."


def legend(profile: PatternSpeedProfile, marks: SpeedMarks, palette: Palette) -> str:
    """What the lines are, as HTML."""
    shown = zip(profile.curves, curve_colours(palette), strict=False)
    keys = [swatch(colour, name) for name, colour in shown]
    keys.append(f"<span>│ best fit{'' if marks.error is None else ' ± error'}</span>")
    keys += [
        f"<span>{mark} {words}</span>"
        for mark, words, there in (
            ("┊", "the stars' own ⟨vφ/R⟩", marks.stars is not None),
            ("●", "draws of the null test", bool(marks.null)),
            ("╎", "truth", marks.truth is not None),
        )
        if there
    ]
    return f'<p class="strip">{"".join(keys)}</p>'
