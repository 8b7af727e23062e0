"""A field on a plane: image, contours, the crosshair of the other planes, and what may not be trusted faded out."""

from collections.abc import Callable

import numpy as np
from bokeh.events import Event, Tap
from bokeh.models import BasicTicker, ColumnDataSource, HoverTool, LinearColorMapper, Range1d, Span
from bokeh.plotting import figure
from bokeh.plotting.contour import contour_data

from core.diagnostics.reliability import CARE, OUTSIDE, RELIABLE, UNUSABLE
from core.diagnostics.slices import FIELDS, FieldProfile, FieldSlice
from core.phase_space.coordinates import coordinate
from dashboard.plots.figures import fit_range, new_figure, restyle, slim_bar
from dashboard.plots.palette import LIGHT, Palette

Limits = tuple[float, float]

PLANES = (("z", "x", "y"), ("x", "y", "z"), ("y", "x", "z"))
"""Normal, horizontal and vertical axis of each plane."""
CONTOURS = 8
ASPECT = 1.24
"""Width over height of a figure with which its frame, without labels and colour bar, is about square."""
_BAR = 54
"""Pixels for a colour bar and numbers of five digits."""


class SliceFigure:
    """One plane, updated and restyled in place."""

    def __init__(self, normal: str, a: str, b: str, a_range: Limits, b_range: Limits, *, aspect: float = ASPECT):
        self.normal, self.a, self.b = normal, a, b
        blank = np.full((1, 1), np.nan)
        width, height = a_range[1] - a_range[0], b_range[1] - b_range[0]
        place = {"x": [a_range[0]], "y": [b_range[0]], "dw": [width], "dh": [height]}
        self._source = ColumnDataSource({"image": [blank], "median": [blank], "spread": [blank], **place})
        self._shade_source = ColumnDataSource({"image": [blank], **place})
        self._grey_source = ColumnDataSource({"image": [blank], **place})
        self._mapper = LinearColorMapper(low=0, high=1, nan_color="rgba(0,0,0,0)")
        self._shade = LinearColorMapper(low=0.5, high=2.5, low_color="rgba(0,0,0,0)", nan_color="rgba(0,0,0,0)")
        self._grey = LinearColorMapper(low=0.5, high=1.5, low_color="rgba(0,0,0,0)", nan_color="rgba(0,0,0,0)")
        self._palette = LIGHT
        self._colours = "sequential"
        self.figure: figure = new_figure(
            sizing_mode="scale_width",
            aspect_ratio=aspect,
            x_range=Range1d(*a_range),
            y_range=Range1d(*b_range),
            tools="pan,wheel_zoom,reset,save,tap",
            active_scroll="wheel_zoom",
        )
        fig = self.figure
        image = fig.image("image", "x", "y", "dw", "dh", source=self._source, color_mapper=self._mapper, level="image")
        for source, mapper in ((self._shade_source, self._shade), (self._grey_source, self._grey)):
            fig.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper, level="image")
        self._lines = fig.contour(*_no_contours(), levels=[0.0], line_color="black", line_width=1, line_alpha=0.45)
        self._across = Span(dimension="height", location=0, line_width=1)
        self._along = Span(dimension="width", location=0, line_width=1)
        fig.add_layout(self._across)
        fig.add_layout(self._along)
        places = (self._named(a, "$x"), self._named(b, "$y"))
        values = ("median", "@median{0.0000}"), ("spread", "@spread{0.0000}")
        self._tips = {
            "values": [*places, ("shown", "@image{0.0000}"), *values],
            "classes": [*places, *values],
        }
        self._hover = HoverTool(renderers=[image])
        fig.add_tools(self._hover)
        self._bar = slim_bar(image, ticker=BasicTicker(desired_num_ticks=5))
        fig.add_layout(self._bar, "right")
        fig.min_border_right = _BAR  # Bokeh does not make room again when the numbers get longer
        fig.grid.visible = False
        fig.xaxis.axis_label, fig.yaxis.axis_label = coordinate(a).axis_label, coordinate(b).axis_label
        self.restyle(LIGHT)

    @staticmethod
    def _named(axis: str, value: str) -> tuple[str, str]:
        return axis, f"{value}{{0.000}} kpc"

    def show(
        self, field: FieldSlice, view: str, limits: Limits, *, contours: bool, unusable: np.ndarray | None = None
    ) -> None:
        """Draw one view of a slice within colour limits that the planes share; grey where it is ``unusable``."""
        values = field.view(view)
        signed = (FIELDS[field.quantity].signed and view in ("median", "truth")) or view == "difference"
        self._draw(field, values, limits, "diverging" if signed else "sequential", field.shade)
        if unusable is not None:
            self._grey_source.data = {**self._grey_source.data, "image": [unusable.astype(float)]}
        levels = np.linspace(*limits, CONTOURS + 2)[1:-1]
        drawn = contours and limits[1] > limits[0] and np.isfinite(values).any()
        inside = np.where(field.inside, values, np.nan)
        grid = (self._grid(field.a_range, values), self._grid(field.b_range, values), inside)
        grid = grid if drawn else _no_contours()
        self._lines.set_data(contour_data(*grid, levels=list(levels) if drawn else [0.0], want_fill=False))

    def show_classes(self, field: FieldSlice, classes: np.ndarray) -> None:
        """Draw the reliability of the places of a slice."""
        known = np.where(classes == OUTSIDE, np.nan, classes)
        # The fading of what is not trusted would change the meaning of the colours.
        self._draw(field, known, (UNUSABLE - 0.5, RELIABLE + 0.5), "classes", np.where(field.shade > 1, 2.0, 0.0))
        self._lines.set_data(contour_data(*_no_contours(), levels=[0.0], want_fill=False))

    def _draw(self, field: FieldSlice, values: np.ndarray, limits: Limits, colours: str, shade: np.ndarray) -> None:
        self._colours = colours
        self._recolour()
        self._mapper.update(low=limits[0], high=limits[1])
        self._bar.visible = colours != "classes"
        self._hover.tooltips = self._tips["classes" if colours == "classes" else "values"]
        patch = {"image": [values], "median": [field.median], "spread": [field.spread]}
        self._source.data = {**self._source.data, **patch}
        self._shade_source.data = {**self._shade_source.data, "image": [shade]}
        self._grey_source.data = {**self._grey_source.data, "image": [np.zeros_like(values)]}

    @staticmethod
    def _grid(span: Limits, values: np.ndarray) -> np.ndarray:
        edges = np.linspace(*span, len(values) + 1)
        return (edges[1:] + edges[:-1]) / 2

    def cross(self, position: dict[str, float]) -> None:
        """Move the crosshair to the lines where the other two planes cut this one."""
        self._across.location, self._along.location = position[self.a], position[self.b]

    def on_tap(self, callback: Callable[[dict[str, float]], None]) -> None:
        """Call back with the two coordinates of a click."""

        def tapped(event: Event) -> None:
            callback({self.a: float(event.x), self.b: float(event.y)})

        self.figure.on_event(Tap, tapped)

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        self._palette = palette
        self._recolour()
        self._shade.palette = [palette.panel + "99", palette.panel]
        self._grey.palette = [palette.of_class(UNUSABLE)]
        self._lines.line_renderer.glyph.line_color = palette.ink
        for line in (self._across, self._along):
            line.line_color = palette.action
        restyle(self.figure, palette)

    def _recolour(self) -> None:
        classes = [self._palette.of_class(c) for c in (UNUSABLE, CARE, RELIABLE)]
        self._mapper.palette = list(classes if self._colours == "classes" else getattr(self._palette, self._colours))


def _no_contours() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid on which no level is crossed."""
    return np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.ones((2, 2))


def colour_limits(slices: list[FieldSlice], view: str) -> Limits:
    """Limits that all planes share: of the trusted part where there is any, symmetric for signed fields."""
    parts = [s.view(view)[s.trusted if s.trusted.any() else s.inside] for s in slices]
    values = np.concatenate([p[np.isfinite(p)] for p in parts])
    if not len(values):
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5]))
    if view == "difference" or (FIELDS[slices[0].quantity].signed and view in ("median", "truth")):
        reach = max(abs(low), abs(high)) or 1.0
        return -reach, reach
    return low, high if high > low else low + 1.0


class ProfileFigure:
    """A field along the line where two planes meet: median, 16–84 % and full range over members, and the truth."""

    def __init__(self) -> None:
        columns = ("position", "median", "low", "high", "lowest", "highest", "truth")
        self._source = ColumnDataSource({name: [] for name in columns})
        self.figure: figure = new_figure(
            sizing_mode="scale_width",
            aspect_ratio=ASPECT,
            x_range=Range1d(-1, 1),
            y_range=Range1d(0, 1),
            tools="pan,wheel_zoom,reset,save",
        )
        fig = self.figure
        self._wide = fig.varea(x="position", y1="lowest", y2="highest", source=self._source, fill_alpha=0.12)
        self._band = fig.varea(x="position", y1="low", y2="high", source=self._source, fill_alpha=0.25)
        self._line = fig.line("position", "median", source=self._source, line_width=2)
        self._truth = fig.line("position", "truth", source=self._source, line_width=1.5, line_dash="dashed")
        self._here = Span(dimension="height", location=0, line_width=1)
        fig.add_layout(self._here)
        tips = [("at", "@position{0.000} kpc"), ("median", "@median{0.0000}"), ("truth", "@truth{0.0000}")]
        fig.add_tools(HoverTool(renderers=[self._line], tooltips=tips, mode="vline"))
        self.restyle(LIGHT)

    def show(self, profile: FieldProfile) -> None:
        """Draw a profile; the vertical line is the crosshair."""
        blank = np.full_like(profile.position, np.nan)
        self._source.data = {
            "position": profile.position,
            "median": profile.median,
            "low": profile.low,
            "high": profile.high,
            "lowest": profile.lowest,
            "highest": profile.highest,
            "truth": blank if profile.truth is None else profile.truth,
        }
        shown = [profile.lowest, profile.highest, *([] if profile.truth is None else [profile.truth])]
        fit_range(self.figure.x_range, profile.position, margin=0.02)
        fit_range(self.figure.y_range, np.concatenate(shown))
        self._here.location = profile.at["xyz".index(profile.axis)]
        self.figure.xaxis.axis_label = coordinate(profile.axis).axis_label
        self.figure.yaxis.axis_label = FIELDS[profile.quantity].axis_label

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        for area in (self._wide, self._band):
            area.glyph.fill_color = palette.action
        self._line.glyph.line_color = self._here.line_color = palette.action
        self._truth.glyph.line_color = palette.ink
        restyle(self.figure, palette)
