"""The distributions of both coordinates of a projection: histograms of data and flow, and their pulls below.

They are sums of the map's own counts, and share the ranges of its axes.
"""

import numpy as np
from bokeh.layouts import gridplot
from bokeh.models import BasicTicker, BoxAnnotation, ColumnDataSource, GridPlot, HoverTool, Range1d
from bokeh.plotting import figure

from core.diagnostics.residual_maps import SignificanceMap, marginals
from dashboard.plots.density_maps import ProjectionFigures
from dashboard.plots.figures import new_figure, restyle
from dashboard.plots.palette import LIGHT, Palette, blend

HISTOGRAM, PULLS = 130, 112
_LEAST = 5.0
"""Pulls up to which the axis always reaches."""


class MarginalFigures:
    """Two figures for each coordinate of a projection, one above the other."""

    def __init__(self, of: ProjectionFigures):
        self._marginals = [_Marginal(c.axis_label, axis) for c, axis in zip((of.x, of.y), of.axes, strict=True)]
        rows = [m.histogram for m in self._marginals], [m.pulls for m in self._marginals]
        self.layout: GridPlot = gridplot([*map(list, rows)], sizing_mode="stretch_width", toolbar_location=None)
        self.layout.styles = {"min-width": "720px"}
        self.restyle(LIGHT)

    def show(self, result: SignificanceMap) -> None:
        """Draw the sums of the counts of a map."""
        along_x, along_y = marginals(result)
        self._marginals[0].show(along_x, along_x.x_range)
        self._marginals[1].show(along_y, along_y.y_range)

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        for marginal in self._marginals:
            marginal.restyle(palette)


class _Marginal:
    """The distribution of one coordinate, and its pulls."""

    def __init__(self, label: str, axis: Range1d):
        self._source = ColumnDataSource({name: [] for name in ("left", "middle", "right", "data", "flow", "pull")})
        self._expected = BoxAnnotation(top=1, bottom=-1, line_color=None, fill_alpha=0.6, level="underlay")
        common = {"x_range": axis, "sizing_mode": "stretch_width", "tools": ""}
        self.histogram: figure = new_figure(height=HISTOGRAM, y_range=Range1d(0, 1), **common)
        self.pulls: figure = new_figure(height=PULLS, y_range=Range1d(-_LEAST, _LEAST), **common)
        edges = {"left": "left", "right": "right", "bottom": 0, "line_color": None, "source": self._source}
        self._data = self.histogram.quad(top="data", **edges)
        self._flow = self.histogram.step("middle", "flow", mode="center", line_width=1.5, source=self._source)
        self._pull = self.pulls.quad(top="pull", **edges)
        self.pulls.add_layout(self._expected)
        tips = [("data", "@data{0,0}"), ("flow", "@flow{0,0.0}"), ("pull", "@pull{0.00} σ")]
        for fig, bars in ((self.histogram, self._data), (self.pulls, self._pull)):
            fig.add_tools(HoverTool(renderers=[bars], tooltips=tips, mode="vline"))
            fig.yaxis.ticker = BasicTicker(desired_num_ticks=3)
            fig.xgrid.visible = False
        self.histogram.xaxis.visible = False
        self.histogram.min_border_bottom = 12  # the lowest label of one axis is not over the highest of the other
        self.histogram.yaxis.axis_label, self.pulls.yaxis.axis_label = "stars", "pull [σ]"
        self.pulls.xaxis.axis_label = label

    def show(self, marginal: SignificanceMap, span: tuple[float, float]) -> None:
        """Draw a map of a single row or column over ``span``."""
        data, flow, pull = (a.ravel() for a in (marginal.data, marginal.flow, marginal.significance))
        edges = np.linspace(*span, len(data) + 1)
        self.histogram.y_range.end = 1.05 * max(data.max(), flow.max(), 1.0)
        limit = max(_LEAST, 1.05 * float(np.nanmax(np.abs(pull), initial=0.0)))
        self.pulls.y_range.update(start=-limit, end=limit)
        self._expected.update(top=marginal.expected_rms, bottom=-marginal.expected_rms)
        self._source.data = {
            "left": edges[:-1],
            "middle": (edges[:-1] + edges[1:]) / 2,
            "right": edges[1:],
            "data": data,
            "flow": flow,
            "pull": pull,
        }

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        restyle(self.histogram, palette)
        restyle(self.pulls, palette)
        # Opaque and with a line of the same colour: no seams are seen between the bars.
        self._data.glyph.update(
            **dict.fromkeys(("fill_color", "line_color"), blend([palette.panel, palette.muted], 5)[2])
        )
        self._pull.glyph.fill_color = palette.muted
        self._flow.glyph.line_color = palette.action
        self._expected.fill_color = palette.line
