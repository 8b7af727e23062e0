"""Scalars: the distribution of each over the ensembles, its averaging volume, and the table to copy from."""

import html
import io
import json
from collections.abc import Mapping
from typing import Any

import panel as pn

from core.diagnostics import scalar_tables
from core.diagnostics.scalar_draws import ScalarDraws, from_json
from core.pipelines import BARYONS, RESAMPLED, TITLES, shown_pipelines
from core.runs.registry import Run
from dashboard.plots.distributions import DistributionFigure
from dashboard.scalars.averaging_panel import Averaged, AveragingPanel
from dashboard.scalars.scalar_pair import ScalarPair
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import caption, card, facts, one_update, text, with_document

_CELL = {"flex": "1 1 270px", "min-width": "0"}
"""Three distributions beside each other where there is room, one below the other where there is none."""


class ScalarDistributions(pn.viewable.Viewer):
    """The page."""

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session, self.run = session, run
        self.document: Mapping[str, Any] = run.scalars
        self.scalars = _scalars(self.document)
        self._figures: dict[str, DistributionFigure] = {}
        self._charts = pn.FlexBox(gap="0px", margin=0, sizing_mode="stretch_width")
        self._origin, self._table = text(), text()
        self._relations = pn.Column(sizing_mode="stretch_width", margin=0)
        self._latex = pn.widgets.TextAreaInput(visible=False, sizing_mode="stretch_width")
        self.pair = ScalarPair(session)
        self.averaging = AveragingPanel(session, services, run, self._take)
        self._take(self.averaging.shown)
        session.param.watch(lambda *events: with_document(self._draw), ["theme", "overlay_truth"])

    @property
    def has_truth(self) -> bool:
        """Whether the stars are a mock's."""
        return any(s.truth is not None for s in self.scalars)

    def controls(self) -> list[pn.viewable.Viewable]:
        """Pipelines, overlays and exports, for the rail."""
        counts: dict[str, str] = {}
        for pipeline, words in TITLES.items():
            draws = [len(s.pipelines[pipeline]) for s in self.scalars if pipeline in s.pipelines]
            if draws and pipeline != BARYONS:  # an assumed error, not an ensemble
                counts[words] = f"{draws[0]} draws"
        truth = pn.widgets.Checkbox.from_param(
            self.session.param.overlay_truth, label="truth of the mock", margin=(4, 0)
        )
        overlay = [caption("Overlay"), truth] if self.has_truth else []
        return [caption("Pipelines"), text(facts(counts)), *overlay, caption("Take away"), *self._exports()]

    def _exports(self) -> list[pn.viewable.Viewable]:
        """What is seen, to take away: made when it is asked for."""
        fill = {"sizing_mode": "stretch_width", "margin": (4, 0)}
        copy = pn.widgets.Button(label="Copy as LaTeX", **fill)
        copy.js_on_click(args={"words": self._latex}, code="navigator.clipboard.writeText(words.value)")
        copy.on_click(lambda event: _copied())
        forms = {"CSV": scalar_tables.csv, "JSON": json.dumps}
        saves = [
            pn.widgets.FileDownload(
                callback=lambda write=write: io.StringIO(write(self.document)),
                filename=f"{self.run.path.name}-scalars.{name.lower()}",
                label=f"Save as {name}",
                **fill,
            )
            for name, write in forms.items()
        ]
        return [copy, self._latex, *saves]

    def _take(self, found: Averaged) -> None:
        """Show the run's own scalars, or those averaged anew."""
        self.document, self.scalars = found.document, _scalars(found.document)
        words = html.escape("; ".join(found.averaging.words()))
        self._origin.object = (
            "<p>These are the run's own numbers.</p>"
            if found.averaging.is_of_run
            else f'<p><span class="caution">Averaged anew</span> from the run\'s potentials, which stay as they are: '
            f'<span class="muted">{words}</span></p>'
        )
        if self.has_truth and any(s.baryons for s in self.scalars):
            self._origin.object += '<p class="muted">Truth of ρDM: the density of the mock less the same baryons.</p>'
        self._table.object = f'<div class="scroll">{_table(self.scalars, self.document)}</div>'
        self._relations[:] = _correlations(self.scalars, self.document)
        self.pair.show(self.scalars)
        self._latex.value = scalar_tables.latex(self.document)
        self._draw()

    def _draw(self) -> None:
        palette, truth = self.session.palette, self.session.overlay_truth
        drawn = [s for s in self.scalars if _is_drawn(s.name)]
        figures = {s.name: self._figures.get(s.name) or DistributionFigure() for s in drawn}
        with one_update():
            for scalar in drawn:
                figures[scalar.name].show(scalar, palette, truth=truth)
            if list(figures) != list(self._figures):
                self._charts[:] = [
                    pn.Column(pn.pane.Bokeh(f.figure, sizing_mode="stretch_width", margin=4), margin=0, styles=_CELL)
                    for f in figures.values()
                ]
        self._figures = figures

    def __panel__(self) -> pn.Column:
        numbers = card(self._origin, self._charts), card(self._table)
        return pn.Column(self.averaging, *numbers, self._relations, self.pair, sizing_mode="stretch_width", margin=0)


def _scalars(document: Mapping[str, Any]) -> list[ScalarDraws]:
    return [from_json(name, entry) for name, entry in document.items()]


def _is_drawn(name: str) -> bool:
    """Whether a scalar has a chart; the others are in the table.

    The fraction of negative density is one number, not a distribution, and three more charts for each volume of one's
    own would bury the others.
    """
    quantity, _, volume = name.partition("@")
    return name != "negative_density_fraction" and not (volume and quantity.startswith("acceleration"))


def _copied() -> None:
    if pn.state.notifications is not None:
        pn.state.notifications.success("The table is on the clipboard.", duration=2000)


def _table(scalars: list[ScalarDraws], document: Mapping[str, Any]) -> str:
    """Best estimate, its error, what every pipeline adds to it in quadrature, truth and volume.

    What measures no uncertainty, the weak form and the null test, has half of its 16–84 % range.
    """
    pipelines = shown_pipelines(p for s in scalars for p in s.pipelines)
    errors_by = [f"σ {words}" for words in pipelines.values()]
    heads = ["quantity", "best fit", "error", *errors_by, "truth", "averaged over", "verdict"]
    lines = ["<tr>" + "".join(f"<th>{html.escape(h)}</th>" for h in heads) + "</tr>"]
    for s in scalars:
        errors = {p: _half_range(s, p) for p in pipelines if p in s.pipelines} | s.errors
        total = s.error
        scale = total or max(errors.values(), default=0.0)
        cells = [f"{html.escape(s.label)} <span class='muted'>[{html.escape(s.unit)}]</span>" if s.unit else s.label]
        best = f"<strong>{scalar_tables.signed(scalar_tables.significant(s.best, scale))}</strong>"
        cells.append(best + _in_particle_units(document[s.name]))
        cells.append("–" if total is None else scalar_tables.significant(total, total))
        cells += [_of_pipeline(s, p, errors[p]) if p in errors else "–" for p in pipelines]
        cells.append("–" if s.truth is None else scalar_tables.signed(scalar_tables.significant(s.truth, scale)))
        cells += [f'<span class="muted">{_averaged_over(s)}</span>', _verdict(s, document[s.name])]
        lines.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    return f'<table class="numbers">{"".join(lines)}</table><p class="muted">{scalar_tables.ERROR_IN_WORDS}</p>'


def _of_pipeline(scalar: ScalarDraws, pipeline: str, error: float) -> str:
    """A pipeline's part in the error, and the shift where most of it comes from that."""
    words = scalar_tables.significant(error, error)
    shift = scalar.shift(pipeline)
    if pipeline not in RESAMPLED or abs(shift) <= _half_range(scalar, pipeline):
        return words
    number = scalar_tables.significant(shift, abs(shift))
    by = scalar_tables.signed(number) if shift < 0 else f"+{number}"
    return f'{words}<br><span class="muted" style="white-space:nowrap">shift {by}</span>'


def _averaged_over(scalar: ScalarDraws) -> str:
    """The volume, and what was subtracted in it."""
    words = html.escape(scalar.volume)
    if scalar.baryons is None:
        return words
    size, error = (float(scalar.baryons[key]) for key in ("density", "error"))
    model = html.escape(str(scalar.baryons["model"]))
    title = html.escape(str(scalar.baryons["source"]))
    return f'{words}<br><span title="{title}">less baryons {size:.4f} ± {error:.4f} ({model})</span>'


def _in_particle_units(entry: Mapping[str, Any]) -> str:
    energy = entry.get("gev_per_cm3")
    if energy is None:
        return ""
    best = scalar_tables.signed(f"{energy['best']:.2f}")
    error = "" if energy["error"] is None else f" ± {energy['error']:.2f}"
    return f'<br><span class="muted">{best}{error} GeV/cm³</span>'


def _correlations(scalars: list[ScalarDraws], document: Mapping[str, Any]) -> list[pn.viewable.Viewable]:
    """How the errors of any two quantities go together, as a triangle; nothing where the run does not say."""
    known = [s for s in scalars if any(r is not None for r in document[s.name].get("correlations", {}).values())]
    if not known:
        return []
    heads = "".join(f"<th>{html.escape(s.label)}</th>" for s in known[:-1])
    lines = [f"<tr><th>correlation</th>{heads}</tr>"]
    for i, row in enumerate(known[1:], 1):
        cells = [_coloured(document[row.name]["correlations"].get(other.name)) for other in known[:i]]
        lines.append(f"<tr><th>{html.escape(row.label)}</th>{''.join(cells)}</tr>")
    words = "correlations of the errors, all pipelines together"
    return [
        card(
            text(
                f'<p class="caps">{words}</p><div class="scroll"><table class="numbers">{"".join(lines)}</table></div>'
            )
        )
    ]


def _coloured(correlation: float | None) -> str:
    """A cell that is the more tinted the stronger the correlation."""
    if correlation is None:
        return "<td>–</td>"
    tone = "var(--action)" if correlation > 0 else "var(--caution)"
    tint = f"color-mix(in srgb, {tone} {45 * abs(correlation):.0f}%, transparent)"
    return f'<td style="background:{tint}">{scalar_tables.signed(f"{correlation:z.2f}")}</td>'


def _half_range(scalar: ScalarDraws, pipeline: str) -> float:
    low, _, high = scalar.interval(pipeline)
    return (high - low) / 2


def _verdict(scalar: ScalarDraws, entry: Mapping[str, Any]) -> str:
    """What may be said in words: tests of the frame's motion and of ρ < 0, else whether the volume is reliable."""
    if "verdict" in entry:
        tone = "good" if entry["constrained"] else "caution"
        return f'<span class="{tone}">{html.escape(entry["verdict"])}</span>'
    if scalar.name == "negative_density_fraction":
        return '<span class="good">none</span>' if scalar.best == 0 else '<span class="caution">unphysical</span>'
    warning = entry.get("warning")
    return f'<span class="caution">{html.escape(str(warning))}</span>' if warning else ""
