"""Scalars of the compared runs beside each other, and how far they are apart in units of the error."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import panel as pn

from core.diagnostics import scalar_tables
from core.diagnostics.quantities import QUANTITIES
from core.diagnostics.scalar_draws import ScalarDraws
from core.errors import CorruptArtifactError, DeepPotentialError
from core.runs import compared
from core.runs.compared import OTHER_VOLUME, Contrast, Measured
from dashboard.compared.candidates import Candidate
from dashboard.runs.run_picker import pattern_speed_words
from dashboard.services import Services
from dashboard.widgets import Latest, caption, card, grouped, later, text


def measured(chosen: Sequence[Candidate]) -> list[Measured]:
    """The runs that can be read, with their scalars as far as they are known and whole."""
    return [compared.measured(candidate.letter, candidate.run) for candidate in chosen if candidate.run is not None]


def scalar_table(runs: Sequence[Measured]) -> str:
    """Best estimate and error of every run, and how far the others are from the first in units of the error."""
    known = [m for m in runs if m.scalars]
    missing = "".join(f'<p class="caution">{m.letter}: {html.escape(m.error)}</p>' for m in runs if m.error)
    if not known:
        return missing
    first, others = runs[0], runs[1:]
    heads = ["quantity", *(html.escape(m.title) for m in runs)]
    heads += [f"{m.letter} − {first.letter}" for m in others]
    apart = [compared.contrasts(m, first) for m in others]
    rows = ["<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for quantity in QUANTITIES:
        if not any(quantity.name in m.scalars for m in known):
            continue
        unit = f" <span class='muted'>[{html.escape(quantity.unit)}]</span>" if quantity.unit else ""
        cells = [f"{html.escape(quantity.label)}{unit}"]
        cells += [_value(m.scalars.get(quantity.name)) for m in runs]
        cells += [_less(contrasts.get(quantity.name)) for contrasts in apart]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f'{missing}<div class="scroll"><table class="numbers">{"".join(rows)}</table></div>'


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


def _less(contrast: Contrast | None) -> str:
    """The difference and its size in σ, or why there is none."""
    if contrast is None:
        return "–"
    difference = contrast.difference
    if difference is None:
        tone = "caution" if contrast.reason == OTHER_VOLUME else "muted"
        return f'<span class="{tone}">{html.escape(contrast.reason)}</span>'
    words = _signed(difference.value, difference.error)
    known = _truth(contrast.truth, difference.error)
    if difference.sigmas is None:
        return words + known
    tone = "caution" if abs(difference.sigmas) > FAR else "muted"
    sigmas = scalar_tables.signed(f"{difference.sigmas:.1f}")
    return f'<span style="white-space:nowrap">{words} <span class="{tone}">{sigmas} σ</span>{known}</span>'


FAR = 3.0
"""Differences beyond so many σ are pointed at."""


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
        self._apart = compared.apart(runs)
        self._say(None)
        if len(runs) > 1:
            Latest(services, self._say).request(later(self._find))

    def _find(self) -> Found:
        first = self.runs[0].run
        shared: dict[str, int | None] = {}
        for m in self.runs[1:]:
            try:
                shared[m.letter] = self._services.shared_stars(m.run, first)
            except DeepPotentialError:  # the catalogue is gone: the pages that show stars say so
                shared[m.letter] = None
        within = compared.within_common(self.runs, self._services.scalars_within) if self._apart else ()
        return Found(shared, within)

    def _say(self, found: Found | None) -> None:
        self._table.object = scalar_table(found.within if found and found.within else self.runs)
        self._notes.object = "".join(f"<p>{html.escape(words)}</p>" for words in self._sentences(found))

    def _sentences(self, found: Found | None) -> list[str]:
        sentences = []
        if self._apart:
            letters = " and ".join(self._apart)
            verb = "average" if len(self._apart) > 1 else "averages"
            words = f"{letters} {verb} over other volumes than {self.runs[0].letter}"
            waiting = found is None or not found.within
            sentences.append(
                f"{words}: {'evaluating all' if waiting else 'all are evaluated'} in the volume common to them."
            )
        for m in self.runs[1:]:
            if found is not None:
                sentences.append(self._shared(m, found.shared[m.letter]))
        return sentences

    def _shared(self, run: Measured, count: int | None) -> str:
        letter, first = run.letter, self.runs[0].letter
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
