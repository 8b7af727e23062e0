"""Flow quality: the data, the flow and their significance in any projections, for all stars or a subset.

Data, flow and significance of a row come from one function on one grid; a subset is a predicate, so it selects stars
and flow samples alike. Work runs in a thread, the latest request wins, and a row's three images arrive together.
"""

from collections.abc import Sequence
from math import inf

import panel as pn
from bokeh.models import Range1d

from core.runs.registry import Run
from dashboard.plots.density_maps import Interval
from dashboard.quality.comparison import Comparison
from dashboard.quality.density_check import density_check
from dashboard.quality.map_words import NOTHING, strip
from dashboard.quality.projection_menu import Pair, ProjectionMenu, pairs_of
from dashboard.quality.projection_row import ProjectionRow
from dashboard.services import Services
from dashboard.session import Session, decoded, encoded
from dashboard.widgets import Together, card, flow, one_update, text, with_document

_ACTIONS = {
    ("bins", "form"): "refresh",
    ("scale",): "reshade",
    ("subset",): "select",
    ("theme",): "restyle",
    ("brush",): "use_brush",
    ("marginals",): "show_marginals",
    ("linked",): "rebuild",
}
"""What every row does when these choices of the session change."""


class FlowQuality(pn.viewable.Viewer):
    """The page: a strip of numbers that judge the picture, then one row for each projection."""

    title = "Flow quality"

    def __init__(self, session: Session, services: Services, run: Run):
        super().__init__()
        self.session, self.services = session, services
        self.comparison = Comparison(services.data(run), services.flow_sample(run))
        self._strip = text('<p class="strip">binning …</p>', margin=(5, 0, 10, 0))
        self.together = Together(self.summarise)
        self.rows: list[ProjectionRow] = []
        for x, y in pairs_of(session.projections):
            self.rows.append(ProjectionRow(self, x, y))
        self._column = pn.Column(*(row.view for row in self.rows), sizing_mode="stretch_width", margin=0)
        self._check = card(text(density_check(run)))
        for names, action in _ACTIONS.items():
            session.param.watch(lambda *events, action=action: with_document(self._each, action), list(names))

    def display_controls(self) -> list[pn.viewable.Viewable]:
        """How counts are shown, for the rail."""
        p = self.session.param
        segmented = {"margin": (2, 0, 8, 0), "sizing_mode": "stretch_width"}
        tick = {"margin": (4, 0)}
        return [
            text('<span class="muted">counts</span>', margin=0),
            pn.widgets.RadioButtonGroup.from_param(p.scale, label="", **segmented),
            text('<span class="muted">significance</span>', margin=0),
            pn.widgets.RadioButtonGroup.from_param(p.form, label="", **segmented),
            text('<span class="muted">bins per axis</span>', margin=0),
            pn.widgets.RadioButtonGroup.from_param(p.bins, label="", **segmented),
            pn.widgets.Checkbox.from_param(p.marginals, label="marginals with pulls", **tick),
            pn.widgets.Checkbox.from_param(p.linked, label="rows zoom together", **tick),
        ]

    def _tools(self) -> pn.Row:
        """What drawing does, and what can be added; on a narrow screen below each other."""
        p = self.session.param
        parts = {
            "drag": pn.widgets.RadioButtonGroup.from_param(p.brush, label="", margin=0),
            "subset": pn.widgets.RadioButtonGroup.from_param(p.combine, label="", margin=0),
            "projection": ProjectionMenu(self.session, self.add),
        }
        rows = [
            pn.Row(pn.pane.HTML(f'<span class="muted">{words}</span>', margin=(6, 8, 0, 0)), part, margin=(0, 20, 8, 0))
            for words, part in parts.items()
        ]
        return flow(*rows)

    def zoomed(self, name: str) -> tuple[Interval, Interval] | None:
        """The ranges of a projection that the address holds."""
        try:
            x0, x1, y0, y1 = (float(v) for v in decoded(self.session.view)[name])
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return ((x0, x1), (y0, y1)) if -inf < x0 < x1 < inf and -inf < y0 < y1 < inf else None

    def shared_axis(self, name: str, row: ProjectionRow) -> Range1d | None:
        """The range of a coordinate that another row shows, where rows are linked."""
        others = [other.axis(name) for other in self.rows if other is not row and self.session.linked]
        return next((axis for axis in others if axis is not None), None)

    def ranges_changed(self) -> None:
        """Compute what the zoom of a row has changed in any of them, and keep the ranges."""
        self.remember()
        self._each("catch_up")

    def remember(self) -> None:
        """Keep projections and zoomed ranges in the address."""
        self.session.projections = ",".join(row.name for row in self.rows)
        views = {r.name: r.figures.ranges for r in self.rows if r.figures.ranges != r.figures.home}
        short = {name: [float(f"{v:.5g}") for pair in ranges for v in pair] for name, ranges in views.items()}
        self.session.view = encoded(short) if short else ""

    def add(self, pairs: Sequence[Pair]) -> None:
        """New rows below the others."""
        for x, y in pairs:
            self.rows.append(ProjectionRow(self, x, y))
        self._shown()

    def remove(self, row: ProjectionRow) -> None:
        """Take a row away."""
        self.rows = [r for r in self.rows if r is not row]
        self._shown()
        self.summarise()

    def _shown(self) -> None:
        self._column.objects = [r.view for r in self.rows]
        self.remember()

    def summarise(self) -> None:
        """The numbers that judge the picture, over all rows."""
        maps = [row.result for row in self.rows if row.result is not None]
        data, region = self.comparison.data, self.session.region
        self._strip.object = strip(maps, selected=data.count(region), total=len(data)) if maps else NOTHING

    def _each(self, action: str) -> None:
        with one_update():
            for row in self.rows:
                getattr(row, action)()

    def __panel__(self) -> pn.Column:
        return pn.Column(self._strip, self._tools(), self._column, self._check, sizing_mode="stretch_width", margin=0)
