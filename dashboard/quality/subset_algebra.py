"""New subsets from those that there are: one and, or, and not another, or all that is not in one."""

import panel as pn

from core.phase_space.region import COMBINATIONS, Everything, Region
from dashboard.session import Session, free_name
from dashboard.widgets import text


class SubsetAlgebra(pn.viewable.Viewer):
    """A small form, folded until it is wanted; there where there is a subset to begin with."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        fill = {"sizing_mode": "stretch_width", "margin": (4, 0)}
        self._first = pn.widgets.Select(label="subset", **fill)
        self._operator = pn.widgets.RadioButtonGroup(options=list(COMBINATIONS), value="and", **fill)
        self._second = pn.widgets.Select(label="with", **fill)
        combine = pn.widgets.Button(label="Combine", **fill)
        combine.on_click(lambda event: self._combined())
        invert = pn.widgets.Button(label="Not this", margin=(4, 0, 4, 8))
        invert.on_click(lambda event: self._inverted())
        words = text('<span class="muted">“Not this” is all stars outside the first.</span>')
        self._card = pn.Card(
            self._first,
            self._operator,
            self._second,
            pn.Row(combine, invert, sizing_mode="stretch_width", margin=0),
            words,
            title="combine subsets",
            collapsed=True,
            sizing_mode="stretch_width",
            margin=0,
        )
        session.param.watch(lambda *events: self._refresh(), ["subset", "subsets"])
        self._refresh()

    def _refresh(self) -> None:
        """The first is the chosen subset, the second another one where there is any."""
        names = list(self.session.offered)
        self._card.visible = bool(names)
        if not names:
            return
        first = next(n for n in (self.session.chosen_name, self._first.value, names[0]) if n in names)
        others = [n for n in names if n != first] or names
        second = self._second.value if self._second.value in others else others[-1]
        self._first.param.update(options=names, value=first)
        self._second.param.update(options=names, value=second)

    def _combined(self) -> None:
        named = self.session.offered
        first, second, operator = self._first.value, self._second.value, self._operator.value
        name = f"{_part(first)} {operator} {_part(second)}"
        self._choose(name, COMBINATIONS[operator](named[first], named[second]))

    def _inverted(self) -> None:
        first = self._first.value
        self._choose(f"not {_part(first)}", ~self.session.offered[first])

    def _choose(self, name: str, region: Region) -> None:
        """Choose a region under a name of its own; none is lost by it."""
        named = self.session.offered
        if not isinstance(region, Everything) and region not in named.values():
            named = {**named, free_name(name, named): region}
        self.session.name_subsets(named)
        self.session.choose(region)

    def __panel__(self) -> pn.Card:
        return self._card


def _part(name: str) -> str:
    """A name within another."""
    return f"({name})" if " " in name else name
