"""L(Ω_p), with marks at the best fit, the stars' own rotation, the null test and the truth of a mock."""

from bokeh.models import BoxAnnotation, ColumnDataSource, HoverTool, Range1d, Span
from bokeh.plotting import figure

from core.diagnostics.pattern_speed_profile import PatternSpeedProfile, SpeedMarks
from core.pipelines import NULL
from dashboard.plots.figures import new_figure, restyle
from dashboard.plots.palette import Palette

HEIGHT = 210


def curve_colours(palette: Palette) -> tuple[str, str, str]:
    """Of the fit, of products of its halves, and of the null test."""
    return palette.action, palette.good, palette.of(NULL)


def pattern_speed_figure(profile: PatternSpeedProfile, marks: SpeedMarks, palette: Palette) -> figure:
    """The rise of every curve, in per cent of the minimum of the fit's."""
    across, up = profile.window(marks)
    fig = new_figure(
        sizing_mode="stretch_width",
        height=HEIGHT,
        x_range=Range1d(*across),
        y_range=Range1d(100 * up[0], 100 * up[1]),
        tools="pan,wheel_zoom,reset,save",
    )
    if marks.error is not None:
        interval = {"left": marks.best - marks.error, "right": marks.best + marks.error}
        fig.add_layout(BoxAnnotation(**interval, fill_color=palette.action, fill_alpha=0.15, line_color=None))
    lines = ((marks.best, palette.action, "solid"), (marks.stars, palette.muted, "dotted"))
    for at, colour, dash in (*lines, (marks.truth, palette.ink, "dashed")):
        if at is not None:
            fig.add_layout(Span(dimension="height", location=at, line_color=colour, line_dash=dash, line_width=1.3))
    for (name, (speeds, rise)), colour in zip(profile.curves.items(), curve_colours(palette), strict=False):
        source = ColumnDataSource({"speed": speeds, "rise": 100 * rise})
        line = fig.line("speed", "rise", source=source, line_width=2, line_color=colour, name=name)
        tips = [("Ωp", "@speed{0.0} km/s/kpc"), (name, "@rise{0.0} %")]
        fig.add_tools(HoverTool(renderers=[line], tooltips=tips))
    if marks.null:
        fig.scatter(list(marks.null), [0.0] * len(marks.null), size=7, color=palette.of(NULL), name="null draws")
    fig.xaxis.axis_label, fig.yaxis.axis_label = "Ωp  [km/s/kpc]", "rise of L  [%]"
    fig.xgrid.visible = False
    restyle(fig, palette)
    return fig
