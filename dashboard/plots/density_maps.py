"""Data, flow and their Poisson significance in one projection: three figures on one grid, in one pair of ranges.

Plain Bokeh images draw what :mod:`dashboard.binning` counts. Data, flow and significance come from one function on one
grid, because two independent rasterisations drift apart on zoom, and share one colour mapper (README, Decisions).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import Event, RangesUpdate, Reset, SelectionGeometry
from bokeh.layouts import gridplot
from bokeh.models import (
    BasicTicker,
    BoxSelectTool,
    ColumnDataSource,
    CustomJSTickFormatter,
    GlyphRenderer,
    GridPlot,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from core.diagnostics.residual_maps import Counts, SignificanceMap
from core.phase_space.coordinates import coordinate
from core.phase_space.region import And, Box, Polygon, Region
from dashboard.plots.figures import new_figure, restyle, slim_bar
from dashboard.plots.palette import LIGHT, Palette

Interval = tuple[float, float]

SCALES = ("log", "linear", "equalised")
SIGNIFICANCE_LIMIT = 5.0
HEIGHT = 316


class ProjectionFigures:
    """The three figures of one projection, updated and restyled in place."""

    def __init__(self, x: str, y: str, x_range: Interval, y_range: Interval):
        self.x, self.y = coordinate(x), coordinate(y)
        self.home = (x_range, y_range)
        self._ranges = Range1d(*x_range), Range1d(*y_range)
        self._source = ColumnDataSource(_empty(x_range, y_range))
        self._outline = ColumnDataSource({"x": [], "y": []})
        self._borders: list[GlyphRenderer] = []
        self._counts = LinearColorMapper(low=0, high=1, nan_color="rgba(0,0,0,0)", low_color="rgba(0,0,0,0)")
        self._sigmas = LinearColorMapper(low=-SIGNIFICANCE_LIMIT, high=SIGNIFICANCE_LIMIT, nan_color="rgba(0,0,0,0)")
        self._count_ticks = CustomJSTickFormatter(code=_TICKS["log"])
        hover = "@{data_count}{0,0}", "@{flow_count}{0,0.0}", "@{significance}{0.00} σ"
        titles = "data", "flow", "significance"
        columns = "data", "flow", "significance"
        self.figures: list[figure] = [
            self._figure(title, column, tip, first=i == 0)
            for i, (title, column, tip) in enumerate(zip(titles, columns, hover, strict=True))
        ]
        self.layout: GridPlot = gridplot(
            [self.figures],
            sizing_mode="stretch_width",
            toolbar_location="right",
            merge_tools=True,
        )
        self.layout.toolbar.logo = None
        # Narrow screens scroll the three figures sideways rather than squeeze them.
        self.layout.styles = {"min-width": "720px"}
        self.restyle(LIGHT)

    def _figure(self, title: str, column: str, tip: str, *, first: bool) -> figure:
        drag = BoxSelectTool(persistent=False)
        wheel = WheelZoomTool()
        fig = new_figure(
            x_range=self._ranges[0],
            y_range=self._ranges[1],
            height=HEIGHT,
            sizing_mode="stretch_width",
            title=title,
            tools=[drag, LassoSelectTool(persistent=False), PanTool(), wheel, ResetTool(), SaveTool()],
            active_drag=drag,
            active_scroll=wheel,
        )
        mapper = self._sigmas if column == "significance" else self._counts
        image = fig.image(
            image=column, x="x", y="y", dw="dw", dh="dh", source=self._source, color_mapper=mapper, level="image"
        )
        self._borders.append(fig.line("x", "y", source=self._outline, line_width=2, name="outline"))
        names = (self.x.label, f"$x{{0.000}} {self.x.unit}"), (self.y.label, f"$y{{0.000}} {self.y.unit}")
        fig.add_tools(HoverTool(renderers=[image], tooltips=[*names, (title, tip)], attachment="right"))
        fig.grid.visible = False
        fig.xaxis.axis_label = self.x.axis_label
        if first:
            fig.yaxis.axis_label = self.y.axis_label
        if column != "data":
            log = column == "flow"
            ticker = BasicTicker(desired_num_ticks=4, mantissas=[1, 2, 5])
            options = {"formatter": self._count_ticks} if log else {}
            fig.add_layout(slim_bar(image, ticker=ticker, **options), "right")
            fig.min_border_right = 44  # the labels change with the counts, and Bokeh does not make room for them again
        return fig

    @property
    def ranges(self) -> tuple[Interval, Interval]:
        """What the figures show now."""
        (x, y) = self._ranges
        return (float(x.start), float(x.end)), (float(y.start), float(y.end))

    def show(self, result: SignificanceMap, scale: str) -> None:
        """Draw a map; counts shaded by ``scale``, significance within ±5."""
        shades, high = _shaded(result, scale)
        (x0, x1), (y0, y1) = result.x_range, result.y_range
        self._counts.update(low=0 if scale != "log" else -0.15, high=max(high, 1e-6))
        self._count_ticks.code = _TICKS[scale]
        self._source.data = {
            "data": [shades[0]],
            "flow": [shades[1]],
            "significance": [result.significance.astype(np.float32)],
            "data_count": [result.data.astype(np.float32)],
            "flow_count": [result.flow.astype(np.float32)],
            "x": [x0],
            "y": [y0],
            "dw": [x1 - x0],
            "dh": [y1 - y0],
        }

    def outline(self, region: Region) -> None:
        """Draw the border of a region where it is one in this projection."""
        x, y = _border(region, self.x.name, self.y.name)
        self._outline.data = {"x": x, "y": y}

    def set_ranges(self, x_range: Interval, y_range: Interval) -> None:
        """Show these ranges."""
        for axis, (low, high) in zip(self._ranges, (x_range, y_range), strict=True):
            axis.update(start=low, end=high)

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        self._counts.palette = list(palette.sequential)
        self._sigmas.palette = list(palette.diverging)
        for fig in self.figures:
            restyle(fig, palette)
        for line in self._borders:
            line.glyph.line_color = palette.action

    def on_zoom(self, callback: Callable[[], None]) -> None:
        """Call back when the ranges have changed and the mouse rests; on reset, after going home."""

        def reset(event: Event) -> None:
            self.set_ranges(*self.home)
            callback()

        # The ranges are shared, so one of the three figures is enough to hear of every zoom.
        self.figures[0].on_event(RangesUpdate, lambda event: callback())
        for fig in self.figures:
            fig.on_event(Reset, reset)

    def on_select(self, callback: Callable[[Region], None]) -> None:
        """Call back with the region of a finished box or lasso."""

        def selected(event: Event) -> None:
            region = _region(getattr(event, "geometry", {}), self.x.name, self.y.name)
            if getattr(event, "final", False) and region is not None:
                callback(region)

        for fig in self.figures:
            fig.on_event(SelectionGeometry, selected)


_TICKS = {
    "log": "const n = Math.pow(10, tick); return n >= 10 ? n.toFixed(0) : n.toPrecision(1);",
    "linear": "return tick.toFixed(0);",
    "equalised": "return (100 * tick).toFixed(0) + ' %';",
}


def _empty(x_range: Interval, y_range: Interval) -> dict[str, list[Any]]:
    blank = np.full((1, 1), np.nan, np.float32)
    images: dict[str, list[Any]] = {
        name: [blank] for name in ("data", "flow", "significance", "data_count", "flow_count")
    }
    place = {"x": [x_range[0]], "y": [y_range[0]], "dw": [x_range[1] - x_range[0]], "dh": [y_range[1] - y_range[0]]}
    return images | place


def _shaded(result: SignificanceMap, scale: str) -> tuple[tuple[Counts, Counts], float]:
    """Data and flow as values to be coloured linearly up to the returned limit; empty bins are NaN."""
    counts = [np.where(c > 0, c, np.nan) for c in (result.data, result.flow)]
    if scale == "equalised":
        # The ranks are the data's own: both panels then give one colour to one number of stars.
        ranks = np.sort(result.data[result.data > 0])
        shaded = [
            np.where(np.isnan(c), np.nan, np.searchsorted(ranks, c, "right") / max(len(ranks), 1)) for c in counts
        ]
        return (shaded[0].astype(np.float32), shaded[1].astype(np.float32)), 1.0
    high = float(np.nanmax([np.nanmax(c, initial=1.0) for c in counts]))
    if scale == "log":
        with np.errstate(invalid="ignore"):
            counts, high = [np.log10(c) for c in counts], float(np.log10(high))
    return (counts[0].astype(np.float32), counts[1].astype(np.float32)), high


def _region(geometry: dict[str, object], x: str, y: str) -> Region | None:
    if geometry.get("type") == "rect":
        x0, x1, y0, y1 = (float(geometry[k]) for k in ("x0", "x1", "y0", "y1"))  # type: ignore[arg-type]
        if x0 == x1 or y0 == y1:
            return None
        return Box(((x, min(x0, x1), max(x0, x1)), (y, min(y0, y1), max(y0, y1))))
    if geometry.get("type") == "poly":
        xs, ys = list(geometry["x"]), list(geometry["y"])  # type: ignore[call-overload]
        if len(xs) >= 3:
            return Polygon(x, y, tuple((float(a), float(b)) for a, b in zip(xs, ys, strict=True)))
    return None


def _border(region: Region, x: str, y: str) -> tuple[list[float], list[float]]:
    """The closed border of the part of ``region`` that is a box or a lasso in these two coordinates."""
    parts = region.parts if isinstance(region, And) else (region,)
    for part in parts:
        if isinstance(part, Polygon) and (part.x, part.y) == (x, y):
            xs, ys = zip(*part.vertices, part.vertices[0], strict=True)
            return list(xs), list(ys)
        if isinstance(part, Box):
            limits = {name: (low, high) for name, low, high in part.ranges}
            if x in limits and y in limits:
                (x0, x1), (y0, y1) = limits[x], limits[y]
                return [x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0]
    return [], []
