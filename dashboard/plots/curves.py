"""Held-out loss against step while flows train: one line per member, for n(x) and for p(v | x)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from dashboard.plots.figures import fit_range, new_figure, restyle
from dashboard.plots.palette import LIGHT, Palette

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps and losses."""


def loss_curves(lines: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Held-out losses of the newest phase in lines of progress, by member; a step back after a stop begins anew."""
    reports = [line for line in lines if "held_out" in line and "step" in line]
    phase = reports[-1].get("phase") if reports else None
    curves: dict[str, tuple[list[float], list[float]]] = {}
    begun: Counter[Any] = Counter()
    for line in reports:
        if line.get("phase") != phase:
            continue
        member, step = line.get("member", ""), float(line["step"])
        last = curves.get(f"{member} {begun[member]}")
        if last is not None and step <= last[0][-1]:
            begun[member] += 1
        steps, losses = curves.setdefault(f"{member} {begun[member]}", ([], []))
        steps.append(step)
        losses.append(float(line["held_out"]))
    return dict(curves)


class LossFigure:
    """The held-out loss of one phase of training, updated in place."""

    def __init__(self, title: str, label: str):
        self._source = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        self._palette = LIGHT
        self.figure: figure = new_figure(
            title=title,
            height=230,
            sizing_mode="stretch_width",
            x_range=Range1d(0, 1),
            y_range=Range1d(0, 1),
            tools="pan,wheel_zoom,reset,save",
        )
        self.figure.multi_line("xs", "ys", line_color="colour", line_width=1.5, source=self._source)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = "step", label
        self.restyle(LIGHT)

    def show(self, curves: Mapping[str, Curve]) -> None:
        """Draw one curve per member."""
        colours = self._palette.series
        fit_range(self.figure.x_range, (step for steps, _ in curves.values() for step in steps))
        # The first reports are far above the rest and would flatten what is of interest.
        fit_range(self.figure.y_range, (loss for _, losses in curves.values() for loss in losses[len(losses) // 8 :]))
        self._source.data = {
            "xs": [list(steps) for steps, _ in curves.values()],
            "ys": [list(losses) for _, losses in curves.values()],
            "colour": [colours[i % len(colours)] for i in range(len(curves))],
        }

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        self._palette = palette
        restyle(self.figure, palette)
