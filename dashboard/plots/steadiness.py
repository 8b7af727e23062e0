"""Where f is not stationary: the share of its change that nothing explains, on a plane."""

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, HoverTool, LinearColorMapper, Range1d
from bokeh.plotting import figure

from core.diagnostics.steadiness import Steadiness, SteadinessMap
from core.phase_space.coordinates import coordinate
from dashboard.plots.figures import new_figure, restyle, slim_bar
from dashboard.plots.palette import Palette

ASPECT = 1.14


def steadiness_figures(found: Steadiness, palette: Palette) -> list[figure]:
    """A figure for each plane, with the colours of all on one scale from nothing to the largest share."""
    high = max(float(np.max(np.nan_to_num(m.unexplained))) for m in found.maps)
    return [_figure(m, high or 1.0, palette) for m in found.maps]


def _figure(found: SteadinessMap, high: float, palette: Palette) -> figure:
    low, reach = float(found.edges[0]), float(found.edges[-1])
    fig = new_figure(
        sizing_mode="scale_width",
        aspect_ratio=ASPECT,
        x_range=Range1d(low, reach),
        y_range=Range1d(low, reach),
        tools="pan,wheel_zoom,reset,save",
    )
    place = {"x": [low], "y": [low], "dw": [reach - low], "dh": [reach - low]}
    shares = {name: [100 * getattr(found, name)] for name in ("unexplained", "floor", "noise")}
    source = ColumnDataSource({**place, **shares, "points": [found.points]})
    mapper = LinearColorMapper(list(palette.sequential), low=0, high=100 * high, nan_color="rgba(0,0,0,0)")
    image = fig.image("unexplained", "x", "y", "dw", "dh", source=source, color_mapper=mapper)
    tips = [("unexplained", "@unexplained{0.0} %"), ("whatever the force", "@floor{0.0} %"), ("noise", "@noise{0.0} %")]
    tips.append(("points", "@points{0,0}"))
    fig.add_tools(HoverTool(renderers=[image], tooltips=tips))
    fig.add_layout(slim_bar(image, ticker=BasicTicker(desired_num_ticks=5)), "right")
    fig.grid.visible = False
    fig.xaxis.axis_label, fig.yaxis.axis_label = (coordinate(axis).axis_label for axis in found.axes)
    restyle(fig, palette)
    return fig
