"""Compare: runs beside each other at common limits, what others have more than the first, and what was set otherwise.

Nothing is fitted here: every number comes from a run's own products, and what a run lacks is said in its place.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import panel as pn

from core.diagnostics.residual_maps import pooled_rms
from core.errors import DeepPotentialError
from core.phase_space.region import Everything
from core.runs.registry import Run
from core.runs.star_files import FLOW_SAMPLE
from dashboard.candidates import CandidatePicker, candidates
from dashboard.compared_profiles import ComparedProfiles
from dashboard.compared_slices import ComparedSlices
from dashboard.comparison_tables import (
    columns_table,
    measured,
    other_volumes,
    quality_cells,
    scalar_table,
    settings_table,
    speed_words,
)
from dashboard.pages.flow_quality import Comparison
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import Latest, caption, card, empty, grouped, later, text

PROJECTIONS = (("x", "y"), ("vphi", "vR"), ("l", "sinb"))
"""Those in which the significance of the flows is measured."""
_BINS = 128
Found = TypeVar("Found")


@dataclass(frozen=True)
class Counted:
    """What the stars themselves say: how many a run shares with the first, and how well its flow matches them.

    Each is None where the stars cannot be read.
    """

    shared: int | None
    significance: str | None


class Compare(pn.viewable.Viewer):
    """The page; ``choose`` is called with the directory names of other runs."""

    def __init__(self, session: Session, services: Services, choose: Callable[[list[str]], None]):
        super().__init__()
        self.services = services
        self.chosen = candidates(session, services)
        session.runs = ",".join(candidate.name for candidate in self.chosen)
        self.picker = CandidatePicker(self.chosen, services, choose)
        self.slices = ComparedSlices(session, services, self.chosen)
        self.measured = measured(self.chosen)
        self.profiles = ComparedProfiles(session, services, [(m.candidate, m.run) for m in self.measured])
        self._notes, self._quality = text(), text()
        self._say({})
        if self.measured:
            Latest(services, self._say).request(later(self._count))

    @property
    def looking_at(self) -> list[Run]:
        """The runs that can be read."""
        return [m.run for m in self.measured]

    def controls(self) -> list[pn.viewable.Viewable]:
        """Runs, quantity and planes, for the rail."""
        return [self.picker, *self.slices.controls()]

    def _count(self) -> dict[str, Counted]:
        first = self.measured[0].run
        return {
            m.candidate.letter: Counted(
                _known(self.services.shared_stars, m.run, first), _known(significance, self.services, m.run)
            )
            for m in self.measured
        }

    def _say(self, counted: dict[str, Counted]) -> None:
        """Notes and quality as far as they are known by now."""
        self._notes.object = "".join(f"<p>{html.escape(words)}</p>" for words in self._sentences(counted))
        columns = []
        for m in self.measured:
            found = counted.get(m.candidate.letter)
            waiting = '<span class="muted">binning …</span>'
            rms = waiting if found is None else found.significance or "–"
            columns.append(quality_cells(m.run) | {"significance rms": rms})
        self._quality.object = columns_table(self._heads, columns) if columns else ""

    def _sentences(self, counted: dict[str, Counted]) -> list[str]:
        sentences = other_volumes(self.measured)
        first = self.measured[0].candidate.letter if self.measured else ""
        for m in self.measured[1:]:
            found, stars = counted.get(m.candidate.letter), grouped(m.run.manifest.stars)
            if found is None:
                continue
            if found.shared is None:
                sentences.append(f"Whether {m.candidate.letter} shares stars with {first} cannot be told.")
            elif found.shared:
                sentences.append(
                    f"{grouped(found.shared)} of the {stars} stars of {m.candidate.letter} are in {first} too: the "
                    "errors are not independent, and a difference is more significant than its σ say."
                )
            else:
                sentences.append(f"{m.candidate.letter} shares no star with {first}.")
        return sentences

    @property
    def _heads(self) -> list[str]:
        return [f"{m.candidate.letter} · {html.escape(m.candidate.title)}" for m in self.measured]

    def __panel__(self) -> pn.Column:
        fill = {"sizing_mode": "stretch_width", "margin": 0}
        if not self.measured:
            return pn.Column(self.slices, **fill)
        parts = [self.slices]
        if len(self.chosen) < 2:
            parts.insert(0, empty("Nothing to compare with", "Add a run on the left, or fit one on the page Train."))
        common = (
            "σ: all errors of both in quadrature; the Sun's place and the baryons, the same unknowns in both, draw by "
            "draw."
        )
        speeds = columns_table(self._heads, [{"Ωp [km/s/kpc]": speed_words(m)} for m in self.measured])
        parts += [
            card(
                caption("Scalars"),
                self._notes,
                text(scalar_table(self.measured)),
                text(f'<p class="muted">{common}</p>'),
            ),
            card(caption("Pattern speed"), text(speeds)),
            self.profiles,
            card(caption("Flows"), self._quality),
            card(caption("Settings that differ"), text(settings_table(self._heads, self.looking_at))),
        ]
        return pn.Column(*parts, **fill)


def _known(find: Callable[..., Found | None], *arguments: object) -> Found | None:
    """What is found; None where a file that it needs cannot be read, which the pages that need it say."""
    try:
        return find(*arguments)
    except DeepPotentialError:
        return None


def significance(services: Services, run: Run) -> str | None:
    """Rms of the significance of a run's flow over the usual projections beside what a perfect one has, as HTML."""
    if not run.has(FLOW_SAMPLE):
        return None
    compared = Comparison(services.data(run), services.flow_sample(run))
    maps = [
        compared.map(x, y, (compared.home(x), compared.home(y)), Everything(), _BINS, "paper") for x, y in PROJECTIONS
    ]
    rms, expected = pooled_rms(maps), maps[0].expected_rms
    tone = "good" if rms < 1.15 * expected else "caution"
    return f'<span class="{tone}">{rms:.2f}</span> <span class="muted">expected {expected:.2f}</span>'
