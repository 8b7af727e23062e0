"""Scalars: the distribution of each over the ensembles, its averaging volume, and the table to copy from."""

import html
from collections.abc import Mapping
from typing import Any

import panel as pn

from core.diagnostics import scalar_tables
from core.diagnostics.scalars import ScalarDraws, from_json, trusted_shell
from core.pipelines import BARYONS, TITLES, shown_pipelines
from core.runs.registry import Run
from dashboard.plots.diagrams import averaging_diagram
from dashboard.plots.distributions import distribution
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import caption, card, facts, text

_CELL = {"flex": "1 1 270px", "min-width": "0"}
"""Three distributions beside each other where there is room, one below the other where there is none."""


class ScalarDistributions(pn.viewable.Viewer):
    """The page."""

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session, self.run = session, run
        self.document: Mapping[str, Any] = run.scalars
        self.scalars = [from_json(name, entry) for name, entry in self.document.items()]
        # The fraction of negative density is one number, not a distribution: it is in the table.
        self._drawn = [scalar for scalar in self.scalars if scalar.name != "negative_density_fraction"]
        self._panes = [pn.pane.HoloViews(sizing_mode="stretch_width", margin=4) for _ in self._drawn]
        self._volumes = text(margin=4)
        volumes = [text('<p class="caps">averaging volumes</p>'), self._volumes]
        cells = [pn.Column(*cell, margin=0, styles=_CELL) for cell in (*([pane] for pane in self._panes), volumes)]
        self._charts = card(pn.FlexBox(*cells, gap="0px", margin=0, sizing_mode="stretch_width"))
        self._table = card(text(f'<div class="scroll">{_table(self.scalars, self.document)}</div>'))
        self._correlations = _correlations(self.scalars, self.document)
        self._draw()
        session.param.watch(lambda *events: self._draw(), ["theme", "overlay_truth"])

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
        latex = scalar_tables.latex(self.document)
        copy = pn.widgets.Button(label="Copy as LaTeX", sizing_mode="stretch_width", margin=(4, 0))
        copy.js_on_click(args={"words": latex}, code="navigator.clipboard.writeText(words)")
        copy.on_click(lambda event: _copied())
        words = scalar_tables.csv(self.document)
        name = f"{self.run.path.name}-scalars.csv"
        save = pn.widgets.Button(label="Save as CSV", sizing_mode="stretch_width", margin=(4, 0))
        code = (
            "const a = document.createElement('a');"
            "a.href = URL.createObjectURL(new Blob([words], {type: 'text/csv'})); a.download = name; a.click();"
        )
        save.js_on_click(args={"words": words, "name": name}, code=code)
        return [copy, save]

    def _draw(self) -> None:
        palette, truth = self.session.palette, self.session.overlay_truth
        with pn.io.hold():
            for pane, scalar in zip(self._panes, self._drawn, strict=True):
                pane.object = distribution(scalar, palette, truth=truth)
            config = self.run.manifest.config
            region = self.run.flow.region
            shell, ball = trusted_shell(config, region), region.spatial_part().bounding_ball()
            reach = ball[1] if ball else shell.outer
            self._volumes.object = averaging_diagram(shell.inner, shell.outer, config.scalars.slab, reach, palette)

    def __panel__(self) -> pn.Column:
        return pn.Column(self._charts, self._table, *self._correlations, sizing_mode="stretch_width", margin=0)


def _copied() -> None:
    if pn.state.notifications is not None:
        pn.state.notifications.success("The table is on the clipboard.", duration=2000)


def _table(scalars: list[ScalarDraws], document: Mapping[str, Any]) -> str:
    """Best estimate, its error, half of the 16–84 % range in every pipeline, truth and volume."""
    pipelines = shown_pipelines(p for s in scalars for p in s.pipelines)
    errors_by = [f"σ {words}" for words in pipelines.values()]
    heads = ["quantity", "best fit", "error", *errors_by, "truth", "averaged over", "verdict"]
    lines = ["<tr>" + "".join(f"<th>{html.escape(h)}</th>" for h in heads) + "</tr>"]
    for s in scalars:
        errors = {p: _half_range(s, p) for p in pipelines if p in s.pipelines}
        total = s.error
        scale = total or max(errors.values(), default=0.0)
        cells = [f"{html.escape(s.label)} <span class='muted'>[{html.escape(s.unit)}]</span>" if s.unit else s.label]
        cells.append(f"<strong>{scalar_tables.signed(scalar_tables.significant(s.best, scale))}</strong>")
        cells.append("–" if total is None else scalar_tables.significant(total, total))
        cells += [scalar_tables.significant(errors[p], errors[p]) if p in errors else "–" for p in pipelines]
        cells.append("–" if s.truth is None else scalar_tables.signed(scalar_tables.significant(s.truth, scale)))
        cells += [f'<span class="muted">{html.escape(s.volume)}</span>', _verdict(s, document[s.name])]
        lines.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    return f'<table class="numbers">{"".join(lines)}</table>'


def _correlations(scalars: list[ScalarDraws], document: Mapping[str, Any]) -> list[pn.viewable.Viewable]:
    """How the errors of any two quantities go together, as a triangle; nothing where the run does not say."""
    known = [s for s in scalars if any(r is not None for r in document[s.name].get("correlations", {}).values())]
    if not known:
        return []
    heads = "".join(f"<th>{html.escape(s.label)}</th>" for s in known[:-1])
    lines = [f"<tr><th></th>{heads}</tr>"]
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
    """What may be said in words: tests of Ω_p and ρ < 0, and of the others whether their volume is reliable."""
    if "verdict" in entry:
        tone = "good" if entry["constrained"] else "caution"
        return f'<span class="{tone}">{html.escape(entry["verdict"])}</span>'
    if scalar.name == "negative_density_fraction":
        return '<span class="good">none</span>' if scalar.best == 0 else '<span class="caution">unphysical</span>'
    warning = entry.get("warning")
    return f'<span class="caution">{html.escape(str(warning))}</span>' if warning else ""
