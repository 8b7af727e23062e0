"""Distributions of scalars over the ensembles: every draw a point, its pipeline's median and 16–84 % beside it."""

import math

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Range1d, Span
from bokeh.plotting import figure

from core.diagnostics.scalar_draws import ScalarDraws
from core.pipelines import BARYONS, TITLES
from dashboard.plots.figures import fit_range, new_figure, restyle
from dashboard.plots.palette import Palette

_UPRIGHT = 3
"""Pipelines whose names have room beside each other."""


class DistributionFigure:
    """A scalar's draws by pipeline, the best estimate as a line, the truth of a mock dashed; updated in place."""

    def __init__(self) -> None:
        self._points = ColumnDataSource({"x": [], "y": [], "pipeline": [], "colour": []})
        self._bars = ColumnDataSource({"x0": [], "y0": [], "x1": [], "y1": [], "pipeline": [], "colour": []})
        self.figure: figure = new_figure(
            title=" ", height=230, sizing_mode="stretch_width", x_range=Range1d(0, 1), y_range=Range1d(0, 1), tools=""
        )
        self.figure.scatter("x", "y", color="colour", size=5, alpha=0.75, source=self._points)
        self.figure.segment("x0", "y0", "x1", "y1", color="colour", line_width=3, source=self._bars)
        self._best = Span(dimension="width", line_width=1)
        self._truth = Span(dimension="width", line_width=1.5, line_dash="dashed")
        self.figure.add_layout(self._best)
        self.figure.add_layout(self._truth)

    def show(self, scalar: ScalarDraws, palette: Palette, *, truth: bool) -> None:
        """Draw a scalar in the colours of a theme."""
        shown = [p for p in TITLES if p in scalar.pipelines]
        self._points.data, self._bars.data = _points(scalar, shown, palette), _bars(scalar, shown, palette)
        self._best.update(location=scalar.best, line_color=palette.action)
        known = [scalar.truth] if truth and scalar.truth is not None else []
        self._truth.update(location=known[0] if known else None, visible=bool(known), line_color=palette.ink)
        drawn = (*self._points.data["y"], *self._bars.data["y0"], *self._bars.data["y1"])
        fit_range(self.figure.y_range, [*drawn, scalar.best, *known], margin=0.08)
        self.figure.x_range.update(start=-0.5, end=len(shown) - 0.5)
        self.figure.title.text = f"{scalar.label}  [{scalar.unit}]" if scalar.unit else scalar.label
        self.figure.xaxis.ticker = FixedTicker(ticks=list(range(len(shown))))
        self.figure.xaxis.major_label_overrides = {i: TITLES[name] for i, name in enumerate(shown)}
        self.figure.xaxis.major_label_orientation = math.radians(35) if len(shown) > _UPRIGHT else "horizontal"
        restyle(self.figure, palette)


def _points(scalar: ScalarDraws, shown: list[str], palette: Palette) -> dict[str, list[float] | list[str]]:
    rng = np.random.default_rng(1)  # the same jitter each time: a point must not jump when the page is redrawn
    x: list[float] = []
    y: list[float] = []
    names: list[str] = []
    for place, name in enumerate(shown):
        if name == BARYONS:  # an assumed error: its draws are no fits
            continue
        draws = scalar.pipelines[name]
        x += (place - 0.12 + rng.uniform(-0.13, 0.13, len(draws))).tolist()
        y += [float(d) for d in draws]
        names += [name] * len(draws)
    return {"x": x, "y": y, "pipeline": names, "colour": [palette.of(name) for name in names]}


def _bars(scalar: ScalarDraws, shown: list[str], palette: Palette) -> dict[str, list[float] | list[str]]:
    """16–84 % as an upright bar, the median across it."""
    rows: list[tuple[float, float, float, float]] = []
    for place, name in enumerate(shown):
        low, median, high = scalar.interval(name)
        rows += [(place + 0.16, low, place + 0.16, high), (place + 0.08, median, place + 0.24, median)]
    columns = {key: [row[i] for row in rows] for i, key in enumerate(("x0", "y0", "x1", "y1"))}
    names = [name for name in shown for _ in range(2)]
    return {**columns, "pipeline": names, "colour": [palette.of(name) for name in names]}
