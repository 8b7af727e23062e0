"""Data, flow and their Poisson significance in one projection: three figures on one grid, in one pair of ranges.

Plain Bokeh images draw what :mod:`dashboard.counting.binning` counts. Data, flow and significance come from one
function on one grid, because two independent rasterisations drift apart on zoom, and share one colour mapper (README,
Decisions).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import Event, RangesUpdate, Reset, SelectionGeometry
from bokeh.models import (
    AllLabels,
    BasicTicker,
    BasicTickFormatter,
    CDSView,
    ColumnDataSource,
    CustomJSTickFormatter,
    GridPlot,
    HoverTool,
    Image,
    Line,
    LinearAxis,
    LinearColorMapper,
    Range1d,
    ResetTool,
    SaveTool,
    Tool,
    Toolbar,
    ToolProxy,
    WheelZoomTool,
)
from bokeh.plotting import figure

from core.diagnostics.residual_maps import Counts, SignificanceMap
from core.phase_space.coordinates import coordinate
from core.phase_space.region import Region
from dashboard.plots.brushes import BRUSHES, drawn_region, new_tools, outline
from dashboard.plots.figures import new_figure, restyle, slim_bar
from dashboard.plots.palette import LIGHT, Palette

Interval = tuple[float, float]

SCALES = ("log", "linear", "equalised")
SIGNIFICANCE_LIMIT = 5.0
HEIGHT = 316
_TIPS = {"data": "@{data_count}{0,0}", "flow": "@{flow_count}{0,0.0}", "significance": "@{significance}{0.00} σ"}
"""What is said of the bin under the mouse."""


class ProjectionFigures:
    """The three figures of one projection, updated and restyled in place.

    ``x_range`` and ``y_range`` are where a reset leads; ``axes`` are the ranges shown, which other figures may share.
    """

    def __init__(
        self,
        x: str,
        y: str,
        x_range: Interval,
        y_range: Interval,
        axes: tuple[Range1d | None, Range1d | None] = (None, None),
        *,
        brush: str = BRUSHES[0],
        palette: Palette = LIGHT,
    ):
        self.x, self.y = coordinate(x), coordinate(y)
        self.home = (x_range, y_range)
        self.axes: tuple[Range1d, Range1d] = axes[0] or new_axis(x_range), axes[1] or new_axis(y_range)
        self.brush = brush
        self._source = ColumnDataSource(_empty(x_range, y_range))
        self._outline = ColumnDataSource({"x": [], "y": []})
        self._counts = LinearColorMapper(low=0, high=1, nan_color="rgba(0,0,0,0)", low_color="rgba(0,0,0,0)")
        self._sigmas = LinearColorMapper(low=-SIGNIFICANCE_LIMIT, high=SIGNIFICANCE_LIMIT, nan_color="rgba(0,0,0,0)")
        self._count_ticks = CustomJSTickFormatter(code=_TICKS["log"])
        # Most of the time of a visit goes into making, sending and drawing such models: what can be shared is.
        drags = new_tools()
        self._brushes = {name: ToolProxy(tools=[tool]) for name, tool in drags.items()}
        self._tools: dict[str, Tool] = {**drags, "wheel": WheelZoomTool(), "reset": ResetTool(), "save": SaveTool()}
        self._border, self._views = Line(x="x", y="y", line_width=2), (CDSView(), CDSView())
        self._axis = {"ticker": BasicTicker(), "formatter": BasicTickFormatter(), "major_label_policy": AllLabels()}
        self.figures: list[figure] = [self._figure(title) for title in ("data", "flow", "significance")]
        self.figures[0].yaxis.axis_label = self.y.axis_label
        self.layout = GridPlot(
            children=[(fig, 0, i) for i, fig in enumerate(self.figures)],
            toolbar=self._toolbar(),
            toolbar_location="right",
            sizing_mode="stretch_width",
            # Narrow screens scroll the three figures sideways rather than squeeze them.
            styles={"min-width": "720px"},
        )
        self.restyle(palette)

    def _toolbar(self) -> Toolbar:
        """What chooses the tools in all three figures."""
        proxies = [*self._brushes.values(), *(ToolProxy(tools=[self._tools[k]]) for k in ("wheel", "reset", "save"))]
        proxies.append(ToolProxy(tools=[fig.toolbar.tools[-1] for fig in self.figures]))
        return Toolbar(tools=proxies, active_drag=self._brushes[self.brush], logo=None)

    def _figure(self, title: str) -> figure:
        fig = new_figure(
            x_range=self.axes[0],
            y_range=self.axes[1],
            x_axis_type=None,
            y_axis_type=None,
            height=HEIGHT,
            sizing_mode="stretch_width",
            title=title,
            tools=[*self._tools.values()],
            active_drag=self._tools[self.brush],
            active_scroll=self._tools["wheel"],
        )
        for place, label in (("below", self.x.axis_label), ("left", None)):
            fig.add_layout(LinearAxis(axis_label=label, **self._axis), place)
        mapper = self._sigmas if title == "significance" else self._counts
        glyph = Image(image=title, x="x", y="y", dw="dw", dh="dh", color_mapper=mapper)
        plain = {"nonselection_glyph": None, "muted_glyph": None}
        image = fig.add_glyph(self._source, glyph, view=self._views[0], level="image", **plain)
        fig.add_glyph(self._outline, self._border, view=self._views[1], name="outline", **plain)
        names = (self.x.label, f"$x{{0.000}} {self.x.unit}"), (self.y.label, f"$y{{0.000}} {self.y.unit}")
        tips = [*names, (title, _TIPS[title])]
        fig.add_tools(HoverTool(renderers=[image], tooltips=tips, attachment="right"))
        if title != "data":
            ticker = BasicTicker(desired_num_ticks=4, mantissas=[1, 2, 5])
            options = {"formatter": self._count_ticks} if title == "flow" else {}
            fig.add_layout(slim_bar(image, ticker=ticker, **options), "right")
            fig.min_border_right = 44  # the labels change with the counts, and Bokeh does not make room for them again
        return fig

    @property
    def ranges(self) -> tuple[Interval, Interval]:
        """What the figures show now."""
        (x, y) = self.axes
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
        """Draw the borders of a region where it has any in this projection."""
        x, y = outline(region, self.x.name, self.y.name)
        self._outline.data = {"x": x, "y": y}

    def set_ranges(self, x_range: Interval, y_range: Interval) -> None:
        """Show these ranges."""
        for axis, (low, high) in zip(self.axes, (x_range, y_range), strict=True):
            axis.update(start=low, end=high)

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        self._counts.palette = list(palette.sequential)
        self._sigmas.palette = list(palette.diverging)
        for fig in self.figures:
            restyle(fig, palette)
        self._border.line_color = palette.action

    def on_zoom(self, callback: Callable[[], None]) -> None:
        """Call back when the ranges have changed and the mouse rests; on reset, after going home."""

        def reset(event: Event) -> None:
            self.set_ranges(*self.home)
            callback()

        # The ranges are shared, so one of the three figures is enough to hear of every zoom.
        self.figures[0].on_event(RangesUpdate, lambda event: callback())
        for fig in self.figures:
            fig.on_event(Reset, reset)

    def use(self, brush: str) -> None:
        """Let a drag do what ``brush`` does."""
        self.brush = brush
        self._brushes[brush].active = True

    def on_brush(self, callback: Callable[[str], None]) -> None:
        """Call back with the brush that was chosen in the toolbar."""

        def chosen(brush: str, active: bool) -> None:
            if active and brush != self.brush:
                self.brush = brush
                callback(brush)

        for name, proxy in self._brushes.items():
            proxy.on_change("active", lambda attr, old, new, name=name: chosen(name, new))

    def on_select(self, callback: Callable[[Region], None]) -> None:
        """Call back with the region of a finished box, ellipse or lasso."""

        def selected(event: Event) -> None:
            region = drawn_region(getattr(event, "geometry", {}), self.x.name, self.y.name, brush=self.brush)
            if getattr(event, "final", False) and region is not None:
                callback(region)

        for fig in self.figures:
            fig.on_event(SelectionGeometry, selected)


def new_axis(home: Interval, shown: Interval | None = None) -> Range1d:
    """The range of an axis that a reset leads back ``home``."""
    start, end = shown or home
    return Range1d(start, end, reset_start=home[0], reset_end=home[1])


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
