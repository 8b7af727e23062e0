"""What a comparison says of flows and settings in numbers and words, as HTML."""

import html
from collections.abc import Mapping, Sequence

from core.diagnostics import scalar_tables
from core.errors import CorruptArtifactError
from core.runs.compared import differing_settings
from core.runs.registry import Run
from core.runs.star_files import FLOW_SUMMARY, read_summary
from dashboard.widgets import grouped


def quality_cells(run: Run) -> dict[str, str]:
    """Stars, flows and held-out likelihood of a run."""
    config = run.manifest.config
    cells = {"stars": grouped(run.manifest.stars)}
    if not run.has(FLOW_SUMMARY):
        return cells | {"flows": '<span class="muted">not trained yet</span>'}
    try:
        summary = read_summary(run.products / FLOW_SUMMARY)
    except CorruptArtifactError:
        return cells | {"flows": '<span class="caution">damaged</span>'}
    words = f"{len(summary.held_out)} × {html.escape(config.flow.family)}"
    if summary.rejected:
        words += f' <span class="caution">{len(summary.rejected)} left out</span>'
    function = "ln p(v|x)" if config.flow.mode == "conditional" else "ln f"
    mean = summary.mean_held_out
    wrong = [slope.where for slope in summary.slopes if not slope.agrees]
    counts = f'<span class="caution">differs at {html.escape(", ".join(wrong))}</span>' if wrong else "agrees"
    likelihood = f'{scalar_tables.signed(f"{mean:.4f}")} <span class="muted">{function}</span>'
    return cells | {
        "flows": words,
        "held-out likelihood [nat]": likelihood,
        "gradients of ln n": counts if summary.slopes else "–",
    }


def columns_table(heads: Sequence[str], columns: Sequence[Mapping[str, str]]) -> str:
    """A column of cells for every head, with a line for every name that any of them has; all of it HTML."""
    names = dict.fromkeys(name for column in columns for name in column)
    rows = ["<tr><td></td>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    rows += [
        f"<tr><td>{html.escape(name)}</td>"
        + "".join(f"<td>{column.get(name, '–')}</td>" for column in columns)
        + "</tr>"
        for name in names
    ]
    return f'<div class="scroll"><table class="numbers">{"".join(rows)}</table></div>'


def settings_table(heads: Sequence[str], runs: Sequence[Run]) -> str:
    """What differs between the specifications of the runs, and nothing else."""
    rows = differing_settings(runs)
    if not rows:
        return '<p class="muted">The same stars and the same settings.</p>'
    columns = [{name: html.escape(values[i]) for name, values in rows.items()} for i in range(len(runs))]
    return columns_table(heads, columns)
