"""Distributions of scalars over the ensembles: every draw a point, its pipeline's median and 16–84 % beside it."""

import holoviews as hv
import numpy as np

from core.diagnostics.scalars import ScalarDraws
from core.pipelines import BARYONS, TITLES
from dashboard.plots.figures import restyle
from dashboard.plots.palette import Palette

# WebGL draws a dozen points no faster than the canvas, and stalls where there is no GPU.
hv.extension("bokeh", logo=False)
hv.renderer("bokeh").webgl = False


_UPRIGHT = 3
"""Pipelines whose names have room beside each other."""


def distribution(scalar: ScalarDraws, palette: Palette, *, truth: bool) -> hv.Overlay:
    """A scalar's draws by pipeline, the best estimate as a line, the truth of a mock dashed."""
    shown = [p for p in TITLES if p in scalar.pipelines]
    rng = np.random.default_rng(1)  # the same jitter each time: a point must not jump when the page is redrawn
    parts: list[hv.Element] = []
    label = f"{scalar.label}  [{scalar.unit}]" if scalar.unit else scalar.label
    for place, name in enumerate(shown):
        draws = scalar.pipelines[name]
        low, median, high = scalar.interval(name)
        colour = palette.of(name)
        jitter = place - 0.12 + rng.uniform(-0.13, 0.13, len(draws))
        if name != BARYONS:  # an assumed error: its draws are no fits
            parts.append(hv.Scatter((jitter, draws), "pipeline", label).opts(color=colour, size=5, alpha=0.75))
        parts += [
            hv.Segments([(place + 0.16, low, place + 0.16, high)]).opts(color=colour, line_width=3),
            hv.Segments([(place + 0.08, median, place + 0.24, median)]).opts(color=colour, line_width=3),
        ]
    parts.append(hv.HLine(scalar.best).opts(color=palette.action, line_width=1))
    if truth and scalar.truth is not None:
        parts.append(hv.HLine(scalar.truth).opts(color=palette.ink, line_width=1.5, line_dash="dashed"))
    shown_truth = [scalar.truth] if truth and scalar.truth is not None else []
    values = np.concatenate([*(scalar.pipelines[p] for p in shown), [scalar.best], shown_truth])
    room = 0.08 * float(np.ptp(values)) or 0.05 * abs(scalar.best) or 1.0
    return hv.Overlay(parts).opts(
        hv.opts.Overlay(
            title=label,
            xlabel="",
            ylabel="",
            xlim=(-0.5, len(shown) - 0.5),
            ylim=(float(values.min()) - room, float(values.max()) + room),
            xticks=[(i, TITLES[name]) for i, name in enumerate(shown)],
            xrotation=35 if len(shown) > _UPRIGHT else 0,
            height=230,
            responsive=True,
            toolbar=None,
            show_legend=False,
            hooks=[lambda plot, element: restyle(plot.state, palette)],
        )
    )
