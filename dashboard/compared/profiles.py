"""Profiles of the compared runs over each other: rotation curve, and force, column and density across the plane."""

import html
from collections.abc import Sequence

import panel as pn

from core.diagnostics.comparison import curve
from core.diagnostics.profiles import Profile
from core.errors import DeepPotentialError
from core.runs.registry import Run
from dashboard.compared.candidates import Candidate
from dashboard.plots.overlays import Overlaid, overlaid_figure
from dashboard.plots.palette import Palette
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import Latest, caption, card, later, text, with_document

Profiles = tuple[Profile, ...]
_CELL = {"flex": "1 1 260px", "min-width": "0"}


class ComparedProfiles(pn.viewable.Viewer):
    """The panel of the runs that have potentials; one without profiles is named with the reason."""

    def __init__(self, session: Session, services: Services, runs: Sequence[tuple[Candidate, Run]]):
        super().__init__()
        self.session, self.services, self._runs = session, services, runs
        self._found: dict[str, Profiles | DeepPotentialError] = {}
        self._legend = text('<p class="muted">evaluating the profiles …</p>')
        self._cells = pn.FlexBox(gap="0px", margin=0, sizing_mode="stretch_width")
        session.param.watch(lambda event: with_document(self._draw), "theme")
        self._card = card(caption("Profiles"), self._legend, self._cells, visible=bool(runs))
        if runs:
            Latest(services, self._arrived).request(later(self._compute))

    def _compute(self) -> dict[str, Profiles | DeepPotentialError]:
        found: dict[str, Profiles | DeepPotentialError] = {}
        for candidate, run in self._runs:
            try:
                found[candidate.letter] = self.services.profiles(run)
            except DeepPotentialError as error:  # the others can be seen all the same
                found[candidate.letter] = error
        return found

    def _arrived(self, found: dict[str, Profiles | DeepPotentialError]) -> None:
        self._found = found
        self._draw()

    def _draw(self) -> None:
        if not self._found:
            return
        palette = self.session.palette
        lines = self._lines(palette)
        self._legend.object = self._words(palette)
        self._cells[:] = [
            pn.Column(
                pn.pane.Bokeh(
                    overlaid_figure(curves, f"{profile.coordinate}  [kpc]", profile.axis_label, palette),
                    sizing_mode="stretch_width",
                    margin=0,
                ),
                margin=0,
                styles=_CELL,
            )
            for profile, curves in lines
        ]

    def _lines(self, palette: Palette) -> list[tuple[Profile, list[Overlaid]]]:
        """Every profile that any run has, with the curves of all that have it."""
        kinds: dict[str, tuple[Profile, list[Overlaid]]] = {}
        for candidate, _ in self._runs:
            found = self._found[candidate.letter]
            for profile in () if isinstance(found, DeepPotentialError) else found:
                line = curve(profile)
                if line is not None:
                    name = f"{candidate.letter} · {candidate.title}"
                    kinds.setdefault(profile.name, (profile, []))[1].append(
                        Overlaid(name, candidate.colour(palette), line)
                    )
        return list(kinds.values())

    def _words(self, palette: Palette) -> str:
        marks, missing, mock = [], [], False
        for candidate, _ in self._runs:
            found = self._found[candidate.letter]
            if isinstance(found, DeepPotentialError):
                missing.append(f"{candidate.letter}: {found}")
            elif not found:
                missing.append(f"{candidate.letter}: its volume or its frame has no plane")
            else:
                marks.append(candidate.mark(palette))
                mock = mock or any(profile.truth is not None for profile in found)
        if mock:
            marks.append('<span style="white-space:nowrap"><span aria-hidden="true">╌╌</span> truth</span>')
        note = "Best estimate with all errors in quadrature; thin and without a band where it is not trusted."
        reasons = "".join(f'<p class="caution">{html.escape(reason)}</p>' for reason in missing)
        return f'<p class="strip">{"".join(marks)}<span>{note if marks else ""}</span></p>{reasons}'

    def __panel__(self) -> pn.Column:
        return self._card
