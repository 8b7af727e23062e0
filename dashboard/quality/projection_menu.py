"""Which projections can be added: those that are often looked at and are not there yet, or any other pair."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, combinations

import panel as pn

from core.phase_space.coordinates import COORDINATES
from dashboard.session import Session
from dashboard.widgets import unseen

Pair = tuple[str, str]

PRESETS: Mapping[str, Sequence[Pair]] = {
    "Gaia-paper triple": [("x", "y"), ("vphi", "vR"), ("l", "sinb")],
    "Z–vZ spiral": [("Z", "vZ")],
    "vR–vφ": [("vR", "vphi")],
    "R–vφ": [("R", "vphi")],
    "x–z": [("x", "z")],
}
OTHER = "another pair"


def pairs_of(projections: str) -> list[Pair]:
    """The pairs of known coordinates in the address."""
    pairs = [tuple(p.split("~")) for p in projections.split(",")]
    return [(p[0], p[1]) for p in pairs if len(p) == 2 and set(p) <= set(COORDINATES)]


def missing(wanted: Sequence[Pair], shown: Sequence[Pair]) -> list[Pair]:
    """The pairs that are not shown, whichever coordinate is drawn across."""
    known = {frozenset(pair) for pair in shown}
    return [pair for pair in wanted if frozenset(pair) not in known]


class ProjectionMenu(pn.viewable.Viewer):
    """A choice of what is not shown yet, and the button that adds it."""

    def __init__(self, session: Session, add: Callable[[Sequence[Pair]], None]):
        super().__init__()
        self.session, self._add = session, add
        self._choice = pn.widgets.Select(width=176, margin=(0, 4, 0, 0), **unseen("projections to add"))
        self._button = pn.widgets.Button(label="+ add", color="light", margin=0)
        self._button.on_click(lambda event: self._add(self.chosen))
        session.param.watch(lambda event: self._refresh(), "projections")
        self._refresh()

    @property
    def chosen(self) -> list[Pair]:
        """The pairs that the button adds."""
        shown = pairs_of(self.session.projections)
        if self._choice.value != OTHER:
            return missing(PRESETS[self._choice.value], shown)
        others = missing([*chain([("vx", "vy")], combinations(COORDINATES, 2))], shown)
        return others[:1]

    def _refresh(self) -> None:
        shown = pairs_of(self.session.projections)
        options = [name for name, pairs in PRESETS.items() if missing(pairs, shown)]
        self._choice.param.update(options=[*options, OTHER], value=(options or [OTHER])[0])

    def __panel__(self) -> pn.Row:
        return pn.Row(self._choice, self._button, margin=0)
