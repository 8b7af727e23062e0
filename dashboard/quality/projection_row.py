"""One projection on the page of the flow's quality: its coordinates, figures, words and marginal distributions."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import panel as pn
from bokeh.models import Range1d

from core.diagnostics.residual_maps import SignificanceMap
from core.phase_space.coordinates import COORDINATES
from core.phase_space.region import Ellipse, Region
from dashboard.plots.density_maps import Interval, ProjectionFigures, new_axis
from dashboard.plots.marginals import MarginalFigures
from dashboard.quality.comparison import Comparison
from dashboard.quality.map_words import map_words
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import Latest, Together, card, flow, later, text, unseen, with_document

_STEP = 5.0
"""Degrees by which a press of a button turns an ellipse."""


def _button(label: str, pressed: Callable[[], None]) -> pn.widgets.Button:
    button = pn.widgets.Button(label=label, color="light", margin=0, align="end")
    button.on_click(lambda event: pressed())
    return button


class Rows(Protocol):
    """The page of a row: what is compared, and what the rows share."""

    session: Session
    services: Services
    comparison: Comparison
    together: Together

    def zoomed(self, name: str) -> tuple[Interval, Interval] | None:
        """The ranges of a projection that the address holds."""

    def shared_axis(self, name: str, row: "ProjectionRow") -> Range1d | None:
        """The range of a coordinate that another row shows, where rows are linked."""

    def ranges_changed(self) -> None:
        """Compute what the zoom of a row has changed in any of them, and keep the ranges."""

    def remember(self) -> None:
        """Keep projections and zoomed ranges in the address."""

    def remove(self, row: "ProjectionRow") -> None:
        """Take a row away."""


class ProjectionRow:
    """A pair of coordinates, and what shows the map of them."""

    def __init__(self, page: Rows, x: str, y: str):
        self.page, self.session = page, page.session
        self.result: SignificanceMap | None = None
        self.marginals: MarginalFigures | None = None
        self._asked: tuple[Interval, Interval] | None = None
        self._latest = Latest(page.services, self._show, together=page.together)
        options = {c.label: c.name for c in COORDINATES.values()}
        choose = {"options": options, "width": 86, "margin": (0, 4, 0, 0)}
        self._x = pn.widgets.Select(value=x, **choose, **unseen("across"))
        self._y = pn.widgets.Select(value=y, **choose, **unseen("up"))
        for choice in (self._x, self._y):
            choice.param.watch(lambda event: with_document(self._chosen), "value")
        self._maps = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._words = text(margin=(6, 0, 0, 0))
        scroll = {"overflow-x": "auto"}
        self._pictures = pn.Column(self._maps, sizing_mode="stretch_width", margin=0, styles=scroll)
        self.view = card(self._head(), self._pictures, self._words)
        self.rebuild()

    def _head(self) -> pn.Row:
        between = pn.pane.HTML('<span class="muted">against</span>', margin=(6, 8, 0, 4))
        remove = _button("Remove", lambda: self.page.remove(self))
        self._turns = pn.Row(margin=0)
        return flow(self._x, between, self._y, pn.Spacer(sizing_mode="stretch_width"), self._turns, remove)

    @property
    def pair(self) -> tuple[str, str]:
        """Names of the two coordinates."""
        return self._x.value, self._y.value

    @property
    def name(self) -> str:
        return "~".join(self.pair)

    def axis(self, name: str) -> Range1d | None:
        """The range of a coordinate that this row shows along one of its axes, to be shared."""
        x, y = self.pair
        return dict(zip(self.pair, self.figures.axes, strict=True)).get(name) if x != y else None

    def rebuild(self) -> None:
        """New figures for the chosen coordinates."""
        x, y = self.pair
        homes = self.page.comparison.home(x), self.page.comparison.home(y)
        zoomed = self.page.zoomed(self.name) or (None, None)
        shared = [self.page.shared_axis(name, self) if x != y else None for name in self.pair]
        axes = [s or new_axis(home, shown) for s, home, shown in zip(shared, homes, zoomed, strict=True)]
        chosen = {"brush": self.session.brush, "palette": self.session.palette}
        self.figures = ProjectionFigures(x, y, *homes, (axes[0], axes[1]), **chosen)
        self.figures.on_zoom(lambda: with_document(self.page.ranges_changed))
        self.figures.on_brush(lambda brush: setattr(self.session, "brush", brush))
        self.figures.on_select(lambda region: with_document(self.session.draw, region))
        self._maps.object = self.figures.layout
        self.show_marginals()
        self.outline()
        self.refresh()

    def outline(self) -> None:
        """Draw the borders of the chosen subset."""
        region = self.session.region
        self.figures.outline(region)
        if self._is_here(region) != bool(len(self._turns)):
            ways = {"left": _STEP, "right": -_STEP} if self._is_here(region) else {}
            self._turns.objects = [_button(f"Turn ellipse {way}", partial(self._turn, by)) for way, by in ways.items()]

    def show_marginals(self) -> None:
        """Draw the distributions of single coordinates, or take them away."""
        self.marginals = MarginalFigures(self.figures) if self.session.marginals else None
        below = []
        if self.marginals:
            self.marginals.restyle(self.session.palette)
            below.append(pn.pane.Bokeh(self.marginals.layout, sizing_mode="stretch_width", margin=(8, 0, 0, 0)))
        if below or len(self._pictures) > 1:
            self._pictures.objects = [self._maps, *below]
        self._say()

    def refresh(self) -> None:
        """Compute the map of what is now shown."""
        session = self.session
        self._asked = self.figures.ranges
        compute = self.page.comparison.map
        self._latest.request(later(compute, *self.pair, self._asked, session.region, session.bins, session.form))

    def select(self) -> None:
        """Show the chosen subset."""
        self.outline()
        self.refresh()

    def use_brush(self) -> None:
        """Let a drag do what the session says."""
        self.figures.use(self.session.brush)

    def catch_up(self) -> None:
        """Compute the map anew where other ranges are shown than it was asked for."""
        if self.figures.ranges != self._asked:
            self.refresh()

    def reshade(self) -> None:
        """Draw the same counts in the chosen scale."""
        if self.result is not None:
            self.figures.show(self.result, self.session.scale)

    def restyle(self) -> None:
        """The colours of the chosen theme."""
        self.figures.restyle(self.session.palette)
        if self.marginals:
            self.marginals.restyle(self.session.palette)

    def _show(self, result: SignificanceMap) -> None:
        self.result = result
        self.reshade()
        self._say()

    def _say(self) -> None:
        """What the figures show, in words; the marginal distributions are summed from the map."""
        if self.result is None or (self.result.x, self.result.y) != self.pair:
            return
        if self.marginals:
            self.marginals.show(self.result)
        words = map_words(self.result, with_marginals=self.marginals is not None)
        self._words.object = f'<p class="muted" style="margin:0">{"<br>".join(words)}</p>'

    def _chosen(self) -> None:
        self.rebuild()
        self.page.remember()

    def _is_here(self, region: Region) -> bool:
        return isinstance(region, Ellipse) and {region.x, region.y} == set(self.pair)

    def _turn(self, angle: float) -> None:
        """Turn the chosen ellipse in the picture as it is before any zoom."""
        region = self.session.region
        if not isinstance(region, Ellipse) or not self._is_here(region):
            return
        lengths = dict(zip(self.pair, (high - low for low, high in self.figures.home), strict=True))
        # Where the ellipse's own first coordinate is drawn up, the picture is its mirror image.
        sense = 1 if region.x == self.pair[0] else -1
        self.session.revise(region.turned(sense * angle, (lengths[region.x], lengths[region.y])))
