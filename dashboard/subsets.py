"""Subsets: named regions that the session has drawn or typed, and how many stars are in each."""

import html

import panel as pn
import param

from core.errors import RegionError
from core.phase_space.region import Everything, Expression, Region
from dashboard.failures import notify
from dashboard.session import Session
from dashboard.stars import Stars
from dashboard.widgets import caption, grouped, text

ALL = "all stars"


class SubsetPicker(pn.viewable.Viewer):
    """The list of subsets with their counts among ``stars``, and a field in which one can be typed."""

    def __init__(self, session: Session, stars: Stars):
        super().__init__()
        self.session, self.stars = session, stars
        fill = {"sizing_mode": "stretch_width", "margin": (4, 0)}
        self._list = pn.widgets.RadioBoxGroup(**fill)
        self._words = text()
        self._typed = pn.widgets.TextInput(placeholder="abs(z) < 0.1 & vphi > 200", **fill)
        self._rename = pn.widgets.TextInput(placeholder="rename it", visible=False, **fill)
        self._remove = pn.widgets.Button(label="Remove", color="light", margin=(4, 0), visible=False)
        self._list.param.watch(self._picked, "value")
        self._typed.param.watch(self._type, "value")
        self._rename.param.watch(self._renamed, "value")
        self._remove.on_click(self._removed)
        session.param.watch(lambda *events: self._refresh(), ["subset", "subsets"])
        self._refresh()

    @property
    def named(self) -> dict[str, Region]:
        """All subsets by name; the chosen one is among them."""
        return {ALL: Everything(), **self.session.offered}

    @property
    def chosen(self) -> str:
        """Name of the chosen subset."""
        region = self.session.region
        return next(name for name, r in self.named.items() if r == region)

    def _refresh(self) -> None:
        named, chosen = self.named, self.chosen
        region = named[chosen]
        part = not isinstance(region, Everything)
        with pn.io.hold():
            self._list.param.update(options={self._label(n, r): n for n, r in named.items()}, value=chosen)
            self._words.object = f'<span class="muted">{html.escape(str(region))}</span>'
            self._words.visible = part and chosen != str(region)
            self._rename.visible = self._remove.visible = part

    def _label(self, name: str, region: Region) -> str:
        return f"{name} · {grouped(self.stars.count(region))}"

    def _picked(self, event: param.parameterized.Event) -> None:
        if event.new in self.named:
            self._keep()
            self.session.choose(self.named[event.new])

    def _keep(self) -> None:
        """A subset that was drawn stays in the list when another is chosen."""
        self.session.name_subsets({n: r for n, r in self.named.items() if n != ALL})

    def _type(self, event: param.parameterized.Event) -> None:
        if not event.new.strip():
            return
        try:
            region = Expression(event.new.strip())
            self.stars.count(region)
        except RegionError as error:
            notify(error)
            return
        self._typed.value = ""
        self._keep()
        self.session.choose(region)

    def _renamed(self, event: param.parameterized.Event) -> None:
        name = event.new.strip()
        if not name:
            return
        self._rename.value = ""
        chosen = self.chosen
        if name != chosen and name in self.named:
            notify(RegionError(f"there is a subset {name!r} already", remedy="Give another name."))
            return
        self.session.name_subsets({name if n == chosen else n: r for n, r in self.named.items() if n != ALL})

    def _removed(self, event: object) -> None:
        chosen = self.chosen
        kept = {n: r for n, r in self.named.items() if n not in (ALL, chosen)}
        self.session.choose(Everything())
        self.session.name_subsets(kept)

    def __panel__(self) -> pn.Column:
        edit = pn.Row(self._rename, self._remove, sizing_mode="stretch_width", margin=0)
        fill = {"sizing_mode": "stretch_width", "margin": 0}
        return pn.Column(caption("Subset"), self._list, self._words, edit, self._typed, **fill)
