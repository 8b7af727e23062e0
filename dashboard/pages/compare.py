"""Compare: runs beside each other at common limits, what others have more than the first, and what was set otherwise.

Nothing is fitted here: every number comes from a run's own products, and what a run lacks is said in its place.
"""

import html
from collections.abc import Callable

import panel as pn

from core.diagnostics.residual_maps import pooled_rms
from core.errors import DeepPotentialError
from core.phase_space.region import Everything
from core.runs.registry import Run
from dashboard.compared.candidates import CandidatePicker, candidates
from dashboard.compared.profiles import ComparedProfiles
from dashboard.compared.scalars import ComparedScalars, measured, speed_words
from dashboard.compared.slices import ComparedSlices
from dashboard.compared.tables import columns_table, quality_cells, settings_table
from dashboard.quality.comparison import Comparison
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import Latest, caption, card, empty, later, text

PROJECTIONS = (("x", "y"), ("vphi", "vR"), ("l", "sinb"))
"""Those in which the significance of the flows is measured."""
_BINS = 128
_SAME_STARS = "Likelihoods of held-out stars can be compared where the stars are the same."


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
        fitted = [(c, c.run) for c in self.chosen if c.run is not None and c.letter in self.slices.slicers]
        self.profiles = ComparedProfiles(session, services, fitted)
        self.scalars = ComparedScalars(services, self.measured)
        self._quality = text()
        self._show_quality({})
        if self.measured:
            Latest(services, self._show_quality).request(later(self._count))

    @property
    def looking_at(self) -> list[Run]:
        """The runs that can be read."""
        return [m.run for m in self.measured]

    def controls(self) -> list[pn.viewable.Viewable]:
        """Runs, quantity and planes, for the rail."""
        return [self.picker, *self.slices.controls()]

    def _count(self) -> dict[str, str]:
        return {m.letter: significance(self.services, m.run) for m in self.measured}

    def _show_quality(self, counted: dict[str, str]) -> None:
        """The quality of the flows as far as it is known by now."""
        waiting = '<span class="muted">binning …</span>'
        columns = [quality_cells(m.run) | {"significance rms": counted.get(m.letter, waiting)} for m in self.measured]
        self._quality.object = columns_table(self._heads, columns) if columns else ""

    @property
    def _heads(self) -> list[str]:
        return [html.escape(m.title) for m in self.measured]

    def __panel__(self) -> pn.Column:
        fill = {"sizing_mode": "stretch_width", "margin": 0}
        if not self.measured:
            return pn.Column(self.slices, **fill)
        parts = [self.slices]
        if len(self.chosen) < 2:
            parts.insert(0, empty("Nothing to compare with", "Add a run on the left, or fit one on the page Train."))
        speeds = columns_table(self._heads, [{"Ωp [km/s/kpc]": speed_words(m)} for m in self.measured])
        parts += [
            self.scalars,
            card(caption("Pattern speed"), text(speeds)),
            self.profiles,
            card(caption("Flows"), self._quality, text(f'<p class="muted">{_SAME_STARS}</p>')),
            card(caption("Settings that differ"), text(settings_table(self._heads, self.looking_at))),
        ]
        return pn.Column(*parts, **fill)


def significance(services: Services, run: Run) -> str:
    """Rms of the significance of a run's flow over the usual projections beside what a perfect one has, as HTML."""
    try:
        compared = Comparison(services.data(run), services.flow_sample(run))
    except DeepPotentialError:  # the page Flow quality says why
        return "–"
    maps = [
        compared.map(x, y, (compared.home(x), compared.home(y)), Everything(), _BINS, "paper") for x, y in PROJECTIONS
    ]
    rms, expected = pooled_rms(maps), maps[0].expected_rms
    tone = "good" if rms < 1.15 * expected else "caution"
    return f'<span class="{tone}">{rms:.2f}</span> <span class="muted">expected {expected:.2f}</span>'
