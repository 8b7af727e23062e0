"""The one way a Bokeh figure of this program looks: restyled in place when the theme changes."""

import math
from collections.abc import Iterable
from typing import Any

from bokeh.models import ColorBar, GlyphRenderer, Plot, Range1d
from bokeh.plotting import figure

from dashboard.plots.palette import Palette

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


DECORATION = "decoration"
"""Tag of renderers that hold no numbers, which are left out where those of a figure are saved."""


def new_figure(**options: Any) -> figure:
    """An empty figure without decoration; ranges reported 100 ms after a zoom ends instead of 500."""
    return figure(
        lod_timeout=100,
        toolbar_location=None,
        outline_line_color=None,
        min_border=4,
        output_backend="canvas",
        **options,
    )


def restyle(plot: Plot, palette: Palette) -> None:
    """Give ``plot`` the colours of a theme."""
    plot.background_fill_color = palette.panel
    plot.border_fill_color = palette.panel
    plot.outline_line_color = None
    title = plot.title
    title.text_color, title.text_font, title.text_font_size = palette.muted, FONT, "12px"
    title.text_font_style = "normal"
    for axis in plot.axis:
        axis.axis_line_color = axis.major_tick_line_color = palette.line
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = palette.muted
        axis.major_label_text_font = axis.axis_label_text_font = FONT
        axis.major_label_text_font_size = "11px"
        axis.axis_label_text_font_size = "12px"
        axis.axis_label_text_font_style = "normal"
        axis.major_tick_in, axis.major_tick_out = 0, 4
        axis.axis_label_standoff = 6
    for grid in plot.grid:
        grid.grid_line_color = palette.line
    for part in (*plot.left, *plot.right, *plot.above, *plot.below):  # to select them would walk the whole document
        if isinstance(part, ColorBar):
            restyle_bar(part, palette)


def restyle_bar(bar: ColorBar, palette: Palette) -> None:
    """Give a colour bar the colours of a theme."""
    bar.background_fill_color = None
    bar.bar_line_color = bar.border_line_color = None
    bar.major_tick_line_color = palette.panel
    bar.major_label_text_color = palette.muted
    bar.major_label_text_font = FONT
    bar.major_label_text_font_size = "11px"


def slim_bar(renderer: GlyphRenderer, **options: Any) -> ColorBar:
    """A narrow vertical colour bar for an image."""
    return renderer.construct_color_bar(width=8, padding=0, label_standoff=5, margin=0, **options)


def fit_range(span: Range1d, values: Iterable[float], *, margin: float = 0.06) -> None:
    """Set a range to hold all finite values.

    Ranges are set here rather than left to Bokeh's automatic ones, which complain of figures that are still empty.
    """
    finite = [v for v in values if math.isfinite(v)]
    if finite:
        low, high = min(finite), max(finite)
        room = margin * (high - low) or 0.5 * abs(high) or 1.0
        span.update(start=low - room, end=high + room)
