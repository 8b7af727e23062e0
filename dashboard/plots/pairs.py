"""Two scalars against each other: every potential a point, the best estimate with its errors, the truth of a mock."""

import holoviews as hv

from core.diagnostics.scalar_draws import ScalarDraws
from core.pipelines import BARYONS, shown_pipelines
from dashboard.plots.figures import restyle
from dashboard.plots.palette import Palette

# WebGL draws a hundred points no faster than the canvas, and stalls where there is no GPU.
hv.extension("bokeh", logo=False)
hv.renderer("bokeh").webgl = False


def shared_pipelines(x: ScalarDraws, y: ScalarDraws) -> dict[str, str]:
    """Names and titles of the ensembles whose every potential has both quantities.

    The baryons are none: their draws are of an assumed error, not of potentials.
    """
    both = (p for p in x.pipelines.keys() & y.pipelines.keys() if len(x.pipelines[p]) == len(y.pipelines[p]) > 0)
    return shown_pipelines(p for p in both if p != BARYONS)


def pair_figure(x: ScalarDraws, y: ScalarDraws, palette: Palette, *, truth: bool) -> hv.Overlay:
    """The draws of ``y`` against those of ``x`` in the colours of their pipelines.

    The cross is the best estimate, as long and as high as the errors; the ring is the truth of a mock.
    """
    draws = [(x.pipelines[p], y.pipelines[p], palette.of(p)) for p in shared_pipelines(x, y)]
    parts: list[hv.Element] = [hv.Points((a, b)).opts(color=colour, size=6, alpha=0.75) for a, b, colour in draws]
    dx, dy = x.error or 0.0, y.error or 0.0
    arms = [(x.best - dx, y.best, x.best + dx, y.best), (x.best, y.best - dy, x.best, y.best + dy)]
    parts.append(hv.Segments(arms).opts(color=palette.ink, line_width=1.5))
    parts.append(hv.Points([(x.best, y.best)]).opts(color=palette.ink, marker="cross", size=12, line_width=1.5))
    if truth and x.truth is not None and y.truth is not None:
        ring = hv.Points([(x.truth, y.truth)])
        parts.append(ring.opts(fill_alpha=0, line_color=palette.ink, line_width=2, size=14))
    return hv.Overlay(parts).opts(
        hv.opts.Overlay(
            xlabel=_label(x),
            ylabel=_label(y),
            padding=0.08,
            height=340,
            responsive=True,
            toolbar=None,
            show_legend=False,
            hooks=[lambda plot, element: restyle(plot.state, palette)],
        )
    )


def _label(scalar: ScalarDraws) -> str:
    return f"{scalar.label}  [{scalar.unit}]" if scalar.unit else scalar.label
