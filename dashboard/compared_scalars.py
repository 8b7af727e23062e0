"""Scalars of the compared runs beside each other, and how far they are apart in units of the error of the difference.

Averages over different volumes are not compared: where runs differ in them, all are evaluated anew in the volume that
the runs have in common.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import panel as pn

from core.diagnostics import scalar_tables
from core.diagnostics.comparison import common_region, scalar_difference
from core.diagnostics.scalars import QUANTITIES, ScalarDraws, from_json
from core.errors import CorruptArtifactError, DeepPotentialError
from core.runs import readings
from core.runs.registry import Run
from dashboard.candidates import Candidate
from dashboard.run_picker import pattern_speed_words
from dashboard.services import Services
from dashboard.widgets import Latest, caption, card, grouped, later, text

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
        return missing
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
    truth = None if ours.truth is None or theirs.truth is None else ours.truth - theirs.truth
    known = _truth(truth, difference.error)
    if difference.sigmas is None:
        return words + known
    tone = "caution" if abs(difference.sigmas) > FAR else "muted"
    sigmas = scalar_tables.signed(f"{difference.sigmas:.1f}")
    return f'<span style="white-space:nowrap">{words} <span class="{tone}">{sigmas} σ</span>{known}</span>'


FAR = 3.0
"""Differences beyond so many σ are pointed at."""


def differing(runs: Sequence[Measured]) -> list[str]:
    """The letters of the runs some of whose scalars are averaged over other volumes than those of the first."""
    known = [m for m in runs if m.scalars]
    return [
        m.candidate.letter
        for m in known[1:]
        if any(s.volume != known[0].scalars[n].volume for n, s in m.scalars.items() if n in known[0].scalars)
    ]


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


@dataclass(frozen=True)
class Found:
    """What takes a while to find: stars shared with the first run, None where they cannot be read, and the scalars in
    the common volume where the runs' own differ.
    """

    shared: Mapping[str, int | None]
    within: Sequence[Measured]


class ComparedScalars(pn.viewable.Viewer):
    """The panel."""

    def __init__(self, services: Services, runs: Sequence[Measured]):
        super().__init__()
        self._services, self.runs = services, runs
        self._notes, self._table = text(), text()
        self._apart = differing(runs)
        self._say(None)
        if len(runs) > 1:
            Latest(services, self._say).request(later(self._find))

    def _find(self) -> Found:
        first = self.runs[0].run
        shared: dict[str, int | None] = {}
        for m in self.runs[1:]:
            try:
                shared[m.candidate.letter] = self._services.shared_stars(m.run, first)
            except DeepPotentialError:  # the catalogue is gone: the pages that show stars say so
                shared[m.candidate.letter] = None
        return Found(shared, self._within() if self._apart else ())

    def _within(self) -> list[Measured]:
        """All runs with their scalars in the common volume, averaged as the first was asked to."""
        known = [m for m in self.runs if m.scalars]
        region = common_region([m.run.flow.region for m in known])
        found = []
        for m in self.runs:
            if m.scalars:
                config = replace(m.run.manifest.config, scalars=known[0].run.manifest.config.scalars)
                try:
                    m = replace(m, scalars=self._services.scalars_within(m.run, config, region))
                except DeepPotentialError as error:
                    m = replace(m, scalars={}, error=str(error))
            found.append(m)
        return found

    def _say(self, found: Found | None) -> None:
        self._table.object = scalar_table(found.within if found and found.within else self.runs)
        self._notes.object = "".join(f"<p>{html.escape(words)}</p>" for words in self._sentences(found))

    def _sentences(self, found: Found | None) -> list[str]:
        sentences = []
        if self._apart:
            letters = " and ".join(self._apart)
            verb = "average" if len(self._apart) > 1 else "averages"
            words = f"{letters} {verb} over other volumes than {self.runs[0].candidate.letter}"
            waiting = found is None or not found.within
            sentences.append(
                f"{words}: {'evaluating all' if waiting else 'all are evaluated'} in the volume common to them."
            )
        for m in self.runs[1:]:
            if found is not None:
                sentences.append(self._shared(m, found.shared[m.candidate.letter]))
        return sentences

    def _shared(self, run: Measured, count: int | None) -> str:
        letter, first = run.candidate.letter, self.runs[0].candidate.letter
        if count is None:
            return f"Whether {letter} shares stars with {first} cannot be told: their catalogue cannot be read."
        if count == 0:
            return f"{letter} shares no star with {first}."
        stars = grouped(run.run.manifest.stars)
        return (
            f"{grouped(count)} of the {stars} stars of {letter} are in {first} too: the errors are not independent, "
            "and a difference is more significant than its σ say."
        )

    def __panel__(self) -> pn.Column:
        note = (
            "σ: the errors of both in quadrature; those of the Sun's place and of the baryons, the same unknowns in "
            "both, draw by draw."
        )
        return card(caption("Scalars"), self._notes, self._table, text(f'<p class="muted">{note}</p>'))
