"""Flow quality: the data, the flow and their significance in any projections, for all stars or a subset.

Data, flow and significance of a row come from one function on one grid; a subset is a predicate, so it selects stars
and flow samples alike. Work runs in a thread, the latest request wins, and a row's three images arrive together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import panel as pn

from core.diagnostics.residual_maps import SignificanceMap, pooled_rms, significance_map
from core.phase_space.coordinates import COORDINATES, coordinate
from core.phase_space.region import Region
from core.runs.registry import Run
from dashboard.density_check import density_check
from dashboard.plots.density_maps import Interval, ProjectionFigures
from dashboard.services import Services
from dashboard.session import Session, decoded, encoded
from dashboard.stars import Stars
from dashboard.widgets import Latest, card, later, one_update, text, with_document

_WHOLE = {"l": (-180.0, 180.0), "b": (-90.0, 90.0), "sinb": (-1.0, 1.0)}
_MARGIN = 0.04


@dataclass(frozen=True)
class Comparison:
    """What is compared: the stars of a run and the sample of its flow."""

    data: Stars
    flow: Stars

    @property
    def weight(self) -> float:
        """N_data / N_flow of the whole samples."""
        return self.data.total / self.flow.total

    def home(self, name: str) -> Interval:
        """The range of a coordinate that holds all but the outermost stars."""
        if name in _WHOLE:
            return _WHOLE[name]
        tails = (0.0, 100.0) if coordinate(name).spatial else (0.1, 99.9)
        low, high = self.data.percentiles(name, *tails)
        margin = _MARGIN * (high - low) or 1.0
        return low - margin, high + margin

    def map(
        self, x: str, y: str, ranges: tuple[Interval, Interval], region: Region, bins: int, form: str
    ) -> SignificanceMap:
        """Data, flow and significance in one projection."""
        counts = [stars.counts(x, y, *ranges, region, bins) for stars in (self.data, self.flow)]
        weighted = self.data.weight is not None
        squares = self.data.counts(x, y, *ranges, region, bins, power=2) if weighted else None
        return significance_map(x, y, *ranges, *counts, weight=self.weight, form=form, squares=squares)


class ProjectionRow:
    """One projection: choices of its two coordinates, and its three figures."""

    def __init__(self, page: "FlowQuality", x: str, y: str):
        self.page = page
        self.result: SignificanceMap | None = None
        self._latest = Latest(page.services, self._show)
        options = {c.label: c.name for c in COORDINATES.values()}
        choose = {"options": options, "width": 86, "margin": (0, 4, 0, 0)}
        self._x = pn.widgets.Select(value=x, **choose)
        self._y = pn.widgets.Select(value=y, **choose)
        self._remove = pn.widgets.Button(label="Remove", color="light", margin=0, align="end")
        self._remove.on_click(lambda event: page.remove(self))
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        for choice in (self._x, self._y):
            choice.param.watch(lambda event: with_document(self.rebuild), "value")
        between = pn.pane.HTML('<span class="muted">against</span>', margin=(6, 8, 0, 4))
        head = pn.Row(self._x, between, self._y, pn.HSpacer(), self._remove, sizing_mode="stretch_width", margin=0)
        scroll = {"overflow-x": "auto"}
        self.view = card(head, pn.Column(self._pane, sizing_mode="stretch_width", margin=0, styles=scroll))
        self.rebuild(tell=False)

    @property
    def name(self) -> str:
        return f"{self._x.value}~{self._y.value}"

    def rebuild(self, *, tell: bool = True) -> None:
        """New figures for the chosen coordinates."""
        comparison = self.page.comparison
        home = comparison.home(self._x.value), comparison.home(self._y.value)
        self.figures = ProjectionFigures(self._x.value, self._y.value, *home)
        self.figures.restyle(self.page.session.palette)
        self.figures.on_zoom(lambda: with_document(self._zoomed))
        self.figures.on_select(lambda region: with_document(self.page.subset_drawn, region))
        zoomed = self.page.zoomed(self.name)
        if zoomed:
            self.figures.set_ranges(*zoomed)
        self._pane.object = self.figures.layout
        self.select()
        if tell:
            self.page.remember()

    def refresh(self) -> None:
        """Compute the map of what is now shown."""
        session = self.page.session
        ranges, region = self.figures.ranges, session.region
        x, y = self._x.value, self._y.value
        self._latest.request(later(self.page.comparison.map, x, y, ranges, region, session.bins, session.form))

    def select(self) -> None:
        """Outline the chosen subset and compute its map."""
        self.figures.outline(self.page.session.region)
        self.refresh()

    def _zoomed(self) -> None:
        self.page.remember()
        self.refresh()

    def _show(self, result: SignificanceMap) -> None:
        self.result = result
        self.figures.show(result, self.page.session.scale)
        self.page.summarise()

    def reshade(self) -> None:
        """Draw the same counts in the chosen scale."""
        if self.result is not None:
            self.figures.show(self.result, self.page.session.scale)


class FlowQuality(pn.viewable.Viewer):
    """The page: a strip of numbers that judge the picture, then one row for each projection."""

    title = "Flow quality"

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session, self.services = session, services
        self.comparison = Comparison(services.data(run), services.flow_sample(run))
        self._strip = text('<p class="strip">binning …</p>', margin=(5, 0, 0, 0))
        self._add = pn.widgets.Button(label="+ add a projection", color="light", margin=(0, 0, 8, 0))
        self._add.on_click(lambda event: with_document(self._added))
        self.rows: list[ProjectionRow] = []
        for x, y in _pairs(session.projections):
            self.rows.append(ProjectionRow(self, x, y))
        self._column = pn.Column(*(row.view for row in self.rows), sizing_mode="stretch_width", margin=0)
        self._check = card(text(density_check(run)))
        session.param.watch(lambda *events: self._each("refresh"), ["bins", "form"])
        session.param.watch(lambda event: with_document(self._each, "reshade"), "scale")
        session.param.watch(lambda event: with_document(self._each, "select"), "subset")
        session.param.watch(lambda event: with_document(self._restyle), "theme")

    def display_controls(self) -> list[pn.viewable.Viewable]:
        """How counts are shown, for the rail."""
        p = self.session.param
        segmented = {"margin": (2, 0, 8, 0), "sizing_mode": "stretch_width"}
        return [
            text('<span class="muted">counts</span>', margin=0),
            pn.widgets.RadioButtonGroup.from_param(p.scale, label="", **segmented),
            text('<span class="muted">significance</span>', margin=0),
            pn.widgets.RadioButtonGroup.from_param(p.form, label="", **segmented),
            text('<span class="muted">bins per axis</span>', margin=0),
            pn.widgets.RadioButtonGroup.from_param(p.bins, label="", **segmented),
        ]

    def subset_drawn(self, region: Region) -> None:
        """A box or a lasso becomes the chosen subset; drawn inside another subset, the part common to both."""
        self.session.choose(region)

    def zoomed(self, name: str) -> tuple[Interval, Interval] | None:
        """The ranges of a projection that the address holds."""
        try:
            x0, x1, y0, y1 = (float(v) for v in decoded(self.session.view)[name])
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return ((x0, x1), (y0, y1)) if -inf < x0 < x1 < inf and -inf < y0 < y1 < inf else None

    def remember(self) -> None:
        """Keep projections and zoomed ranges in the address."""
        self.session.projections = ",".join(row.name for row in self.rows)
        views = {r.name: r.figures.ranges for r in self.rows if r.figures.ranges != r.figures.home}
        short = {name: [float(f"{v:.5g}") for pair in ranges for v in pair] for name, ranges in views.items()}
        self.session.view = encoded(short) if short else ""

    def remove(self, row: ProjectionRow) -> None:
        """Take a row away."""
        self.rows = [r for r in self.rows if r is not row]
        self._column.objects = [r.view for r in self.rows]
        self.remember()
        self.summarise()

    def summarise(self) -> None:
        """The numbers that judge the picture, over all rows."""
        maps = [row.result for row in self.rows if row.result is not None]
        if not maps:
            self._strip.object = '<p class="strip">No projection is shown: add one.</p>'
            return
        self._strip.object = _summary(maps)

    def _added(self) -> None:
        self.rows.append(ProjectionRow(self, "vx", "vy"))
        self._column.append(self.rows[-1].view)
        self.remember()

    def _each(self, action: str) -> None:
        with one_update():
            for row in self.rows:
                getattr(row, action)()

    def _restyle(self) -> None:
        for row in self.rows:
            row.figures.restyle(self.session.palette)

    def __panel__(self) -> pn.Column:
        head = pn.Row(self._strip, self._add, sizing_mode="stretch_width", margin=0)
        return pn.Column(head, self._column, self._check, sizing_mode="stretch_width", margin=0)


def _pairs(projections: str) -> list[tuple[str, str]]:
    """The pairs of known coordinates in the address."""
    pairs = [tuple(p.split("~")) for p in projections.split(",")]
    return [(p[0], p[1]) for p in pairs if len(p) == 2 and set(p) <= set(COORDINATES)]


def _summary(maps: Sequence[SignificanceMap]) -> str:
    filled = sum(m.filled for m in maps)
    if not filled:
        return '<p class="strip">No star of this subset is in view.</p>'
    rms, expected = pooled_rms(maps), maps[0].expected_rms
    beyond, stars = sum(m.beyond_five_sigma for m in maps), sum(m.flow.sum() for m in maps)
    outside = sum(m.flow_in_empty_bins * m.flow.sum() for m in maps) / max(stars, 1)
    tone = "good" if rms < 1.15 * expected else "caution"
    return (
        '<p class="strip">'
        f'<span>significance rms <strong class="{tone}">{rms:.2f}</strong> expected {expected:.2f}</span>'
        f"<span>χ² per bin <strong>{(rms / expected) ** 2:.2f}</strong></span>"
        f"<span>bins beyond 5σ <strong>{beyond:,}</strong> of {filled:,}</span>"
        f"<span>flow stars in empty bins <strong>{100 * outside:.2f} %</strong></span></p>"
    ).replace(",", "\u202f")
