"""A field along the line where two planes meet: its members, and the truth of a mock."""

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Range1d, Span
from bokeh.plotting import figure

from core.diagnostics.field_quantities import FIELDS
from core.diagnostics.slices import FieldProfile
from dashboard.plots.field_slices import ASPECT, axis_label, hover_format
from dashboard.plots.figures import fit_range, new_figure, restyle
from dashboard.plots.palette import LIGHT, Palette


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
        self._hover = HoverTool(renderers=[self._line], mode="vline")
        fig.add_tools(self._hover)
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
        self._here.location = profile.here
        quantity = FIELDS[profile.quantity]
        self.figure.xaxis.axis_label = axis_label(profile.axis, profile.turn)
        self.figure.yaxis.axis_label = quantity.axis_label
        value = f"{{{hover_format(profile.median)}}} {quantity.unit}"
        known = [] if profile.truth is None else [("truth", f"@truth{value}")]
        self._hover.tooltips = [("at", "@position{0.000} kpc"), ("median", f"@median{value}"), *known]

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        for area in (self._wide, self._band):
            area.glyph.fill_color = palette.action
        self._line.glyph.line_color = self._here.line_color = palette.action
        self._truth.glyph.line_color = palette.ink
        restyle(self.figure, palette)
