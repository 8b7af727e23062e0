"""Subsets: named regions that the session has drawn or typed, and how many stars are in each."""

import html

import panel as pn
import param

from core.errors import RegionError
from core.phase_space.coordinates import COORDINATES
from core.phase_space.expression import FUNCTIONS
from core.phase_space.region import Everything, Expression, Region
from dashboard.counting.stars import Stars
from dashboard.failures import notify
from dashboard.quality.subset_algebra import SubsetAlgebra
from dashboard.session import Session
from dashboard.widgets import caption, grouped, text

ALL = "all stars"


class SubsetPicker(pn.viewable.Viewer):
    """The list of subsets with their counts among ``stars``, and a field in which one can be typed."""

    def __init__(self, session: Session, stars: Stars):
        super().__init__()
        self.session, self.stars = session, stars
        fill = {"sizing_mode": "stretch_width", "margin": (4, 0)}
        self._algebra = SubsetAlgebra(session)
        # Names may be long: they go on in the next line.
        self._list = pn.widgets.RadioBoxGroup(stylesheets=["label { white-space: normal; }"], **fill)
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
        return self.session.chosen_name or ALL

    def _refresh(self) -> None:
        named, chosen = self.named, self.chosen
        region = named[chosen]
        part = not isinstance(region, Everything)
        with pn.io.hold():
            self._list.param.update(options={self._label(n, r): n for n, r in named.items()}, value=chosen)
            self._words.object = _about(chosen, region, empty=not self.stars.count(region))
            self._words.visible = bool(self._words.object)
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
        views = (self._list, self._words, edit, self._typed, text(_HELP), self._algebra)
        return pn.Column(caption("Subset"), *views, **fill)


def _about(name: str, region: Region, *, empty: bool) -> str:
    """What the list does not say of the chosen subset, as HTML."""
    parts = [f'<span class="muted">{html.escape(str(region))}</span>'] if name not in (ALL, str(region)) else []
    parts += ['<span class="caution">It holds no star: widen it, or remove it.</span>'] if empty else []
    return "<br>".join(parts)


def _coordinates() -> str:
    """Every coordinate that can be typed, with its unit and meaning, as HTML."""
    entries = (
        f"<dt><code>{c.name}</code></dt><dd>{html.escape(c.doc)}{f' [{c.unit}]' if c.unit else ''}</dd>"
        for c in COORDINATES.values()
    )
    return f'<dl class="facts">{"".join(entries)}</dl>'


_HELP = f"""<details><summary class="muted" style="cursor:pointer">how to type a subset</summary>
<p>Limits of a box: <code>-0.2 &lt; x &lt; 0.3 &amp; 0 &lt; y &lt; 0.4</code></p>
<p>An ellipse: <code>hypot((x - 0.1) / 0.3, y / 0.2) &lt; 1</code></p>
<p>Combine with <code>&amp;</code> (and), <code>|</code> (or), <code>~</code> (not); functions:
{", ".join(f"<code>{name}</code>" for name in FUNCTIONS)}.</p>{_coordinates()}</details>"""
