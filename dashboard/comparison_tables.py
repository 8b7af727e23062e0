"""What a comparison says in numbers and words: scalars, pattern speeds, quality of the flows, settings; as HTML."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.diagnostics import scalar_tables
from core.diagnostics.comparison import scalar_difference
from core.diagnostics.scalars import QUANTITIES, ScalarDraws, from_json
from core.errors import CorruptArtifactError, DeepPotentialError
from core.runs import readings
from core.runs.registry import Run
from core.runs.star_files import FLOW_SUMMARY, read_summary
from core.settings import Setting, differences
from dashboard.candidates import Candidate
from dashboard.run_picker import pattern_speed_words
from dashboard.widgets import grouped

Scalars = Mapping[str, ScalarDraws]


@dataclass(frozen=True)
class Measured:
    """A run with its scalars, or with why it has none."""

    candidate: Candidate
    run: Run
    document: Mapping[str, Any]
    scalars: Scalars
    error: str = ""


def measured(chosen: Sequence[Candidate]) -> list[Measured]:
    """The runs that can be read, with their scalars as far as they are known and whole."""
    found = []
    for candidate in chosen:
        if candidate.run is None:
            continue
        try:
            document = candidate.run.scalars
            scalars = {name: from_json(name, entry) for name, entry in document.items()}
            found.append(Measured(candidate, candidate.run, document, scalars))
        except DeepPotentialError as error:
            found.append(Measured(candidate, candidate.run, {}, {}, str(error)))
    return found


def scalar_table(runs: Sequence[Measured]) -> str:
    """Best estimate and error of every run, and how far the others are from the first in units of the error."""
    known = [m for m in runs if m.scalars]
    missing = "".join(f'<p class="caution">{m.candidate.letter}: {html.escape(m.error)}</p>' for m in runs if m.error)
    if not known:
        return missing or '<p class="muted">No run has scalars.</p>'
    first, others = runs[0], runs[1:]
    heads = ["quantity", *(f"{m.candidate.letter} · {html.escape(m.candidate.title)}" for m in runs)]
    heads += [f"{m.candidate.letter} − {first.candidate.letter}" for m in others]
    common = [_common(m, first) for m in others]
    rows = ["<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for quantity in QUANTITIES:
        if not any(quantity.name in m.scalars for m in known):
            continue
        unit = f" <span class='muted'>[{html.escape(quantity.unit)}]</span>" if quantity.unit else ""
        cells = [f"{html.escape(quantity.label)}{unit}"]
        cells += [_value(m.scalars.get(quantity.name)) for m in runs]
        cells += [_less(m, first, quantity.name, alike) for m, alike in zip(others, common, strict=True)]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f'{missing}<div class="scroll"><table class="numbers">{"".join(rows)}</table></div>'


def _common(run: Measured, first: Measured) -> frozenset[str]:
    """The pipelines that drew the same unknowns; none where a file cannot be read, so that all errors count."""
    try:
        return readings.common_pipelines(run.run, first.run)
    except DeepPotentialError:
        return frozenset()


def _value(scalar: ScalarDraws | None) -> str:
    if scalar is None:
        return "–"
    words = f"<strong>{_signed(scalar.best, scalar.error)}</strong>"
    if scalar.error:
        words += f' <span class="muted">± {scalar_tables.significant(scalar.error, scalar.error)}</span>'
    return f'<span style="white-space:nowrap">{words}{_truth(scalar.truth, scalar.error)}</span>'


def _truth(value: float | None, error: float | None) -> str:
    return "" if value is None else f'<br><span class="muted">truth {_signed(value, error)}</span>'


def _signed(value: float, error: float | None) -> str:
    return scalar_tables.signed(scalar_tables.significant(value, error or 0.0))


def _less(run: Measured, first: Measured, name: str, common: frozenset[str]) -> str:
    """The difference and its size in σ, or why there is none."""
    ours, theirs = run.scalars.get(name), first.scalars.get(name)
    if ours is None or theirs is None:
        return "–"
    if ours.volume != theirs.volume:
        volumes = f"{theirs.volume} and {ours.volume}"
        return f'<span class="caution" title="{html.escape(volumes)}">other volume</span>'
    unresolved = [m.candidate.letter for m in (first, run) if m.document[name].get("constrained") is False]
    if unresolved:
        return f'<span class="muted">not constrained in {" and ".join(unresolved)}</span>'
    difference = scalar_difference(ours, theirs, common=common)
    words = _signed(difference.value, difference.error)
    both = ours.truth is not None and theirs.truth is not None
    known = _truth(ours.truth - theirs.truth if both else None, difference.error)
    if difference.sigmas is None:
        return words + known
    tone = "caution" if abs(difference.sigmas) > FAR else "muted"
    sigmas = scalar_tables.signed(f"{difference.sigmas:.1f}")
    return f'<span style="white-space:nowrap">{words} <span class="{tone}">{sigmas} σ</span>{known}</span>'


FAR = 3.0
"""Differences beyond so many σ are pointed at."""


def other_volumes(runs: Sequence[Measured]) -> list[str]:
    """Which runs average over other volumes than the first, in words."""
    known = [m for m in runs if m.scalars]
    sentences = []
    for run in known[1:]:
        pairs = [(known[0].scalars[n].volume, s.volume) for n, s in run.scalars.items() if n in known[0].scalars]
        differing = dict.fromkeys(pair for pair in pairs if pair[0] != pair[1])
        if differing:
            there, here = next(iter(differing))
            first = known[0].candidate.letter
            sentences.append(
                f"{run.candidate.letter} averages over other volumes than {first} ({here}; in {first} {there}): "
                "such scalars are not compared."
            )
    return sentences


def speed_words(run: Measured) -> str:
    """Ω_p of a run with its verdict and the reason, or what is known instead."""
    speed = run.document.get("pattern_speed")
    if speed is None:
        return f'<p class="muted">{html.escape(run.error or "an inertial frame has no pattern speed")}</p>'
    try:
        words = pattern_speed_words(speed)
    except CorruptArtifactError as error:
        return f'<p class="caution">{html.escape(str(error))}</p>'
    return f'<p style="margin:0">{words}<br><span class="muted">{html.escape(str(speed.get("reason", "")))}</span></p>'


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
    mean = sum(summary.held_out) / len(summary.held_out)
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
    rows = ["<tr><th></th>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    rows += [
        f"<tr><td>{html.escape(name)}</td>"
        + "".join(f"<td>{column.get(name, '–')}</td>" for column in columns)
        + "</tr>"
        for name in names
    ]
    return f'<div class="scroll"><table class="numbers">{"".join(rows)}</table></div>'


def settings_table(heads: Sequence[str], runs: Sequence[Run]) -> str:
    """What differs between the specifications of the runs, and nothing else."""
    manifests = [run.manifest for run in runs]
    facts = {
        "catalogue": [f"{m.catalogue.name} · {m.catalogue.id}" for m in manifests],
        "region": [str(m.region) for m in manifests],
        "preset": [m.preset for m in manifests],
    }
    rows = {name: values for name, values in facts.items() if len(set(values)) > 1}
    rows |= {_name(row[0]): [_said(s.value) for s in row] for row in differences([m.config for m in manifests])}
    if not rows:
        return '<p class="muted">The same stars and the same settings.</p>'
    columns = [{name: html.escape(values[i]) for name, values in rows.items()} for i in range(len(runs))]
    return columns_table(heads, columns)


def _name(setting: Setting) -> str:
    return f"{setting.key} [{setting.unit}]" if setting.unit else setting.key


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
