"""Whether the flow has the right density of stars: gradients of ln n beside those of the star counts, as a table."""

import html

from core.diagnostics.scalar_tables import signed, significant
from core.diagnostics.star_counts import Slope
from core.errors import CorruptArtifactError
from core.runs.registry import Run
from core.runs.star_files import FLOW_SUMMARY, FlowSummary, read_summary


def density_check(run: Run) -> str:
    """The table of a run as HTML, or what is wrong with the file that holds it: the maps can be seen all the same."""
    if not run.has(FLOW_SUMMARY):
        return ""
    try:
        return _table(read_summary(run.products / FLOW_SUMMARY))
    except CorruptArtifactError as error:
        return f'<p class="caution">{html.escape(str(error))}</p>'


def _table(summary: FlowSummary) -> str:
    """Under a line that says what it says, and which flows were left out."""
    lines = [
        f'<p class="caution">Flow {flow} is left out: {html.escape(reason)}</p>'
        for flow, reason in summary.rejected.items()
    ]
    if not summary.slopes:
        return "".join(lines)
    wrong = [slope.where for slope in summary.slopes if not slope.agrees]
    verdict = f'<span class="caution">differs at {html.escape(", ".join(wrong))}</span>'
    if not wrong:
        verdict = '<span class="good">agrees everywhere</span>'
    heads = ("gradient of ln n along", "stars [kpc⁻¹]", "flow [kpc⁻¹]", "difference", "verdict")
    rows = ["<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>", *map(_row, summary.slopes)]
    lines.append(f"<p>Density of stars against star counts: {verdict}</p>")
    return "".join(lines) + f'<table class="numbers">{"".join(rows)}</table>'


def _row(slope: Slope) -> str:
    difference = slope.flow - slope.stars
    error = (slope.stars_error**2 + slope.flow_error**2) ** 0.5
    cells = [
        html.escape(slope.where),
        _measured(slope.stars, slope.stars_error),
        _measured(slope.flow, slope.flow_error),
        f"{signed(f'{difference / error:.1f}')} σ",
        '<span class="good">agrees</span>' if slope.agrees else '<span class="caution">differs</span>',
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _measured(value: float, error: float) -> str:
    """A value with its error, both to two digits of the error."""
    words = signed(significant(value, error))
    return f'{words} <span class="muted">± {significant(error, error)}</span>'
