"""A profile of several runs over each other: a line and its error band for each, the truth of mocks dashed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from core.diagnostics.comparison import Curve
from dashboard.plots.figures import fit_range, restyle
from dashboard.plots.palette import Palette
from dashboard.plots.profiles import new_profile_figure


class Overlaid(NamedTuple):
    """A curve with what its run is called and its colour."""

    name: str
    colour: str
    curve: Curve


def overlaid_figure(curves: Sequence[Overlaid], x_label: str, y_label: str, palette: Palette) -> figure:
    """The figure; where a run is not trusted, its line is thin and it has no band."""
    fig = new_profile_figure()
    fit_range(fig.x_range, np.concatenate([c.curve.at for c in curves]), margin=0.02)
    drawn = [c.curve.best + side * _trusted(c.curve, c.curve.error) for c in curves for side in (-1, 1)]
    drawn += [c.curve.best for c in curves] + [c.curve.truth for c in curves if c.curve.truth is not None]
    fit_range(fig.y_range, np.concatenate(drawn))
    for name, colour, curve in curves:
        _draw(fig, name, colour, curve)
    fig.xaxis.axis_label, fig.yaxis.axis_label = x_label, y_label
    fig.xgrid.visible = False
    restyle(fig, palette)
    return fig


def _trusted(curve: Curve, values: np.ndarray) -> np.ndarray:
    return np.where(curve.trusted, values, np.nan)


def _draw(fig: figure, name: str, colour: str, curve: Curve) -> None:
    source = ColumnDataSource(
        {
            "at": curve.at,
            "best": curve.best,
            "error": curve.error,
            "trusted": _trusted(curve, curve.best),
            "low": _trusted(curve, curve.best - curve.error),
            "high": _trusted(curve, curve.best + curve.error),
        }
    )
    fig.varea(x="at", y1="low", y2="high", source=source, fill_color=colour, fill_alpha=0.22)
    line = fig.line("at", "best", source=source, line_color=colour, line_width=1, line_alpha=0.5, name=name)
    fig.line("at", "trusted", source=source, line_color=colour, line_width=2)
    if curve.truth is not None:
        fig.line(curve.at, curve.truth, line_color=colour, line_width=1.5, line_dash="dashed", name=f"truth of {name}")
    tips = [("at", "@at{0.00} kpc"), (name, "@best{0.0000} ± @error{0.0000}")]
    fig.add_tools(HoverTool(renderers=[line], tooltips=tips, mode="vline"))
