"""Held-out loss against step while flows train: one line per member, for n(x) and for p(v | x)."""

from collections.abc import Mapping, Sequence

from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from dashboard.plots.figures import new_figure, restyle
from dashboard.plots.palette import LIGHT, Palette

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps and losses."""


class LossFigure:
    """The held-out loss of one phase of training, updated in place."""

    def __init__(self, title: str, label: str):
        self._source = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        self._palette = LIGHT
        self.figure: figure = new_figure(
            title=title, height=230, sizing_mode="stretch_width", tools="pan,wheel_zoom,reset,save"
        )
        self.figure.multi_line("xs", "ys", line_color="colour", line_width=1.5, source=self._source)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = "step", label
        self.restyle(LIGHT)

    def show(self, curves: Mapping[str, Curve]) -> None:
        """Draw one curve per member."""
        colours = self._palette.series
        self._source.data = {
            "xs": [list(steps) for steps, _ in curves.values()],
            "ys": [list(losses) for _, losses in curves.values()],
            "colour": [colours[i % len(colours)] for i in range(len(curves))],
        }

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        self._palette = palette
        restyle(self.figure, palette)
