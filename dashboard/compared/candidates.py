"""The runs that are compared: read off the address, and chosen in the rail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import panel as pn

from core.errors import DeepPotentialError
from core.runs.registry import Run
from core.runs.star_files import FLOW_SAMPLE
from dashboard.plots.palette import Palette
from dashboard.runs.run_picker import run_options
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import caption, swatch, unseen

LETTERS = "ABCD"
"""What the runs are called on the page; with more of them no picture is large enough to be compared."""


@dataclass(frozen=True)
class Candidate:
    """A run that is compared, called by a letter; without ``run``, ``error`` says why it cannot be read."""

    letter: str
    name: str
    run: Run | None
    error: str = ""

    @property
    def title(self) -> str:
        """The name of the run, as far as it is known."""
        return self.run.manifest.name if self.run else self.name

    def colour(self, palette: Palette) -> str:
        """The colour of the run in every figure and table."""
        return palette.series[LETTERS.index(self.letter)]

    def mark(self, palette: Palette) -> str:
        """The colour, letter and name of the run, as HTML."""
        return swatch(self.colour(palette), f"{self.letter} · {self.title}")


def candidates(session: Session, services: Services) -> list[Candidate]:
    """The runs of the address; else the one that is looked at with its parent, or with the newest other one."""
    names = list(dict.fromkeys(name for name in session.runs.split(",") if name)) or _first_choice(session, services)
    found: dict[str, Candidate] = {}
    for name in names:
        run, error = None, ""
        try:
            run = services.run(name)
        except DeepPotentialError as unreadable:
            error = str(unreadable)
        key = run.path.name if run else name
        if key not in found and len(found) < len(LETTERS):
            found[key] = Candidate(LETTERS[len(found)], key, run, error)
    return list(found.values())


def _first_choice(session: Session, services: Services) -> list[str]:
    run = services.run(session.run) if session.run else services.default_run()
    if (parent := services.parent(run)) is not None:
        return [parent.path.name, run.path.name]
    others = [other for other in services.offered() if other.path != run.path and other.has(FLOW_SAMPLE)]
    return [run.path.name, *(other.path.name for other in others[:1])]


class CandidatePicker(pn.viewable.Viewer):
    """A choice for every run that is compared; ``choose`` is called with the directory names of others."""

    def __init__(self, chosen: Sequence[Candidate], services: Services, choose: Callable[[list[str]], None]):
        super().__init__()
        self._names, self._choose = [c.name for c in chosen], choose
        options = run_options(services.offered(*self._names))
        rows = [self._row(i, candidate, options) for i, candidate in enumerate(chosen)]
        self._left = [key for key in options.values() if key not in self._names]
        self._add = pn.widgets.Button(label="+ add a run", color="light", margin=0)
        self._add.disabled = not self._left or len(chosen) >= len(LETTERS)
        self._add.on_click(lambda event: self._choose([*self._names, self._left[0]]))
        self._column = pn.Column(caption("Runs"), *rows, self._add, sizing_mode="stretch_width", margin=0)

    def _row(self, place: int, candidate: Candidate, options: dict[str, str]) -> pn.Row:
        others = {name for name in self._names if name != candidate.name}
        offered = {label: key for label, key in options.items() if key not in others}
        if candidate.name not in offered.values():
            offered = {candidate.name: candidate.name, **offered}
        label = unseen(f"run {candidate.letter}")
        choice = pn.widgets.Select(
            options=offered, value=candidate.name, sizing_mode="stretch_width", margin=(4, 0), **label
        )
        before, after = self._names[:place], self._names[place + 1 :]
        choice.param.watch(lambda event: self._choose([*before, event.new, *after]), "value")
        remove = pn.widgets.Button(label="Remove", color="light", margin=(4, 0), disabled=len(self._names) < 2)
        remove.on_click(lambda event: self._choose([*before, *after]))
        letter = pn.pane.HTML(f"<strong>{candidate.letter}</strong>", width=16, margin=(9, 0))
        return pn.Row(letter, choice, remove, sizing_mode="stretch_width", margin=0)

    def __panel__(self) -> pn.Column:
        return self._column
