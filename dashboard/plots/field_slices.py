"""A field on a plane: image, contours, arrows, the lines where the other planes cut, and what is not trusted faded."""

from collections.abc import Callable

import numpy as np
from bokeh.events import Event, Tap
from bokeh.models import BasicTicker, ColumnDataSource, HoverTool, LinearColorMapper, Range1d
from bokeh.plotting import figure
from bokeh.plotting.contour import contour_data

from core.diagnostics.field_quantities import DARK_MATTER, FIELDS
from core.diagnostics.reliability import CARE, OUTSIDE, RELIABLE, UNUSABLE
from core.diagnostics.slices import FieldSlice
from core.diagnostics.turned_axes import Place, along_axes
from core.phase_space.coordinates import coordinate
from core.units import GEV_CM3_PER_MSUN_PC3
from dashboard.plots.arrows import ArrowLayer
from dashboard.plots.field_limits import Limits, contour_levels, is_signed
from dashboard.plots.figures import DECORATION, new_figure, restyle, slim_bar
from dashboard.plots.palette import LIGHT, Palette

PLANES = (("z", "x", "y"), ("x", "y", "z"), ("y", "x", "z"))
"""Normal, horizontal and vertical axis of each plane."""
ASPECT = 1.24
"""Width over height of a figure with which its frame, without labels and colour bar, is about square."""
_LONG = 1e3
"""Longer than any figure [kpc]."""
_BAR = 54
"""Pixels for a colour bar and numbers of five digits."""


class SliceFigure:
    """One plane, updated and restyled in place."""

    def __init__(self, normal: str, a: str, b: str, a_range: Limits, b_range: Limits, *, aspect: float = ASPECT):
        self.normal, self.a, self.b, self.turn = normal, a, b, 0.0
        blank = np.full((1, 1), np.nan)
        images = {"image": [blank], "median": [blank], "spread": [blank], "energy": [blank]}
        self._source = ColumnDataSource({**images, **_frame(a_range, b_range)})
        self._shade_source = ColumnDataSource({"image": [blank], **_frame(a_range, b_range)})
        self._grey_source = ColumnDataSource({"image": [blank], **_frame(a_range, b_range)})
        self._mapper = LinearColorMapper(low=0, high=1, nan_color="rgba(0,0,0,0)")
        self._shade = LinearColorMapper(low=0.5, high=2.5, low_color="rgba(0,0,0,0)", nan_color="rgba(0,0,0,0)")
        self._grey = LinearColorMapper(low=0.5, high=1.5, low_color="rgba(0,0,0,0)", nan_color="rgba(0,0,0,0)")
        self._palette = LIGHT
        self._colours = "sequential"
        self._drawn: tuple[FieldSlice, str] | None = None
        self.levels: list[float] = []
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
            fig.image(
                "image", "x", "y", "dw", "dh", source=source, color_mapper=mapper, level="image", tags=[DECORATION]
            )
        self._lines = fig.contour(*_no_contours(), levels=[0.0], line_color="black", line_width=1, line_alpha=0.45)
        self._cuts = fig.segment("x0", "y0", "x1", "y1", source=ColumnDataSource(_cuts(0.0, 0.0, 0.0)), line_width=1)
        self.arrows = ArrowLayer(fig)
        self._hover = HoverTool(renderers=[image])
        fig.add_tools(self._hover)
        self._bar = slim_bar(image, ticker=BasicTicker(desired_num_ticks=5), visible=False)
        fig.add_layout(self._bar, "right")
        fig.min_border_right = _BAR  # Bokeh does not make room again when the numbers get longer
        fig.grid.visible = False
        fig.xaxis.axis_label, fig.yaxis.axis_label = axis_label(a, 0.0), axis_label(b, 0.0)
        self.restyle(LIGHT)

    def show(
        self, field: FieldSlice, view: str, limits: Limits, *, contours: bool, unusable: np.ndarray | None = None
    ) -> None:
        """Draw one view of a slice within colour limits; grey where it is ``unusable``."""
        self._recolour("diverging" if is_signed(field.quantity, view) and -limits[0] == limits[1] else "sequential")
        self._mapper.update(low=limits[0], high=limits[1])
        self._bar.visible = True
        grey = np.zeros((1, 1)) if unusable is None else unusable.astype(float)
        self._grey_source.data = {**self._grey_source.data, "image": [grey]}
        levels = contour_levels(field, view) if contours and limits[1] > limits[0] else []
        if self._drawn is not None and self._drawn[0] is field and self._drawn[1] == view and levels == self.levels:
            return
        values = field.view(view)
        self._draw(field, values, field.shade, _tips(field, view))
        self._contour(field, values, levels)
        self._drawn = field, view

    def show_classes(self, field: FieldSlice, classes: np.ndarray) -> None:
        """Draw the reliability of the places of a slice."""
        self._recolour("classes")
        self._mapper.update(low=UNUSABLE - 0.5, high=RELIABLE + 0.5)
        self._bar.visible = False
        self._grey_source.data = {**self._grey_source.data, "image": [np.zeros((1, 1))]}
        known = np.where(classes == OUTSIDE, np.nan, classes)
        # The fading of what is not trusted would change the meaning of the colours.
        self._draw(field, known, np.where(field.shade > 1, field.shade, 0), _tips(field, "median"))
        self._contour(field, known, [])
        self._drawn = None

    def _draw(self, field: FieldSlice, values: np.ndarray, shade: np.ndarray, tips: list[tuple[str, str]]) -> None:
        if field.turn != self.turn:
            self.turn = field.turn
            self.figure.x_range.update(start=field.a_range[0], end=field.a_range[1])
            self.figure.xaxis.axis_label = axis_label(field.a, field.turn)
        self._hover.tooltips = tips
        energy = field.median * GEV_CM3_PER_MSUN_PC3 if field.quantity == DARK_MATTER else np.full((1, 1), np.nan)
        images = {"image": [values], "median": [field.median], "spread": [field.spread], "energy": [energy]}
        place = _frame(field.a_range, field.b_range)
        self._source.data = {**images, **place}
        self._shade_source.data = {"image": [shade], **place}
        self._grey_source.data = {**self._grey_source.data, **place}

    def _contour(self, field: FieldSlice, values: np.ndarray, levels: list[float]) -> None:
        inside = np.where(field.inside, values, np.nan)
        grid = (_middles(field.a_range, values.shape[1]), _middles(field.b_range, values.shape[0]), inside)
        drawn = contour_data(*(grid if levels else _no_contours()), levels=levels or [0.0], want_fill=False)
        self._lines.set_data(drawn)
        self.levels = levels

    def cross(self, place: Place, turn: float) -> None:
        """Move the lines where the other two planes cut this one, which are turned by ``turn`` [deg]."""
        along = along_axes(place, 0.0 if self.normal == "z" else turn)
        self._cuts.data_source.data = _cuts(along[self.a], along[self.b], turn if self.normal == "z" else 0.0)

    def on_tap(self, callback: Callable[[dict[str, float], float], None]) -> None:
        """Call back with the two coordinates of a click, along axes that are turned by an angle [deg]."""

        def tapped(event: Event) -> None:
            callback({self.a: float(event.x), self.b: float(event.y)}, self.turn)

        self.figure.on_event(Tap, tapped)

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        self._palette = palette
        self._recolour(self._colours, anew=True)
        self._shade.palette = [palette.panel + "99", palette.panel]
        self._grey.palette = [palette.of_class(UNUSABLE)]
        self._lines.line_renderer.glyph.line_color = palette.ink
        self._cuts.glyph.line_color = palette.action
        self.arrows.restyle(palette)
        restyle(self.figure, palette)

    def _recolour(self, colours: str, *, anew: bool = False) -> None:
        if colours == self._colours and not anew:
            return  # to set a palette costs as much as to draw the plane
        self._colours = colours
        classes = tuple(self._palette.of_class(c) for c in (UNUSABLE, CARE, RELIABLE))
        self._mapper.palette = list(classes if colours == "classes" else getattr(self._palette, colours))


def _no_contours() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid on which no level is crossed."""
    return np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.ones((2, 2))


def _frame(a_range: Limits, b_range: Limits) -> dict[str, list[float]]:
    """Where an image lies."""
    (left, right), (bottom, top) = a_range, b_range
    return {"x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}


def _cuts(a: float, b: float, turn: float) -> dict[str, list[float]]:
    """Two lines through a place, longer than any figure, turned by ``turn`` [deg]."""
    cosine, sine = (float(f(np.radians(turn))) * _LONG for f in (np.cos, np.sin))
    steps = ((cosine, sine), (-sine, cosine))
    return {
        "x0": [a - da for da, _ in steps],
        "y0": [b - db for _, db in steps],
        "x1": [a + da for da, _ in steps],
        "y1": [b + db for _, db in steps],
    }


def _middles(span: Limits, count: int) -> np.ndarray:
    edges = np.linspace(*span, count + 1)
    return (edges[1:] + edges[:-1]) / 2


def axis_label(axis: str, turn: float) -> str:
    """The label of an axis of a plane or a profile, which says by how much it is turned."""
    if not turn or axis == "z":
        return coordinate(axis).axis_label
    return f"{axis}′ ({axis} turned by {turn:g}°)  [kpc]".replace("-", "\u2212")


def hover_format(values: np.ndarray) -> str:
    """A format with four or five significant digits of the largest value."""
    finite = np.abs(values[np.isfinite(values)])
    reach = float(finite.max(initial=0.0)) or 1.0
    digits = int(np.clip(4 - np.floor(np.log10(reach)), 0, 8))
    return "0." + digits * "0" if digits else "0"


def _tips(field: FieldSlice, view: str) -> list[tuple[str, str]]:
    """What is said of a place under the mouse."""
    unit = FIELDS[field.quantity].unit
    value = f"{{{hover_format(field.median[field.inside])}}} {unit}"
    places = [
        (axis_label(axis, field.turn).split("  ")[0], f"{at}{{0.000}} kpc")
        for axis, at in ((field.a, "$x"), (field.b, "$y"))
    ]
    tips = [*places, ("median", f"@median{value}"), ("spread", f"@spread{value}")]
    if field.quantity == DARK_MATTER:
        tips.append(("median energy", "@energy{0.000} GeV/cm³"))
    if view not in ("median", "spread"):
        tips.append((view, "@image{0.0}" if view == "signal to noise" else f"@image{value}"))
    return tips
