"""A profile through the Sun's place: a line and its 16–84 % band for every pipeline, truth or published values too."""

from collections.abc import Sequence

from bokeh.models import BoxAnnotation, ColumnDataSource, HoverTool, Range1d, Whisker
from bokeh.plotting import figure

from core.diagnostics.profiles import Profile
from core.pipelines import shown_pipelines
from dashboard.plots.figures import fit_range, new_figure, restyle
from dashboard.plots.palette import Palette

_HEIGHT = 240


def new_profile_figure() -> figure:
    """An empty figure of the size of a profile, whose ranges are yet to be set."""
    return new_figure(
        sizing_mode="stretch_width",
        height=_HEIGHT,
        x_range=Range1d(),
        y_range=Range1d(),
        tools="pan,wheel_zoom,reset,save",
    )


def profile_figure(profile: Profile, palette: Palette) -> figure:
    """The figure of one profile in the colours of a theme."""
    fig = new_profile_figure()
    published = [p.at for p in profile.published]
    fit_range(fig.x_range, [*profile.at, *published], margin=0.02)
    fit_range(fig.y_range, profile.extent)
    for name, words in shown_pipelines(profile.pipelines).items():
        _draw_band(fig, profile, name, words, palette.of(name))
    if profile.truth is not None:
        fig.line(profile.at, profile.truth, color=palette.ink, line_width=1.5, line_dash="dashed", name="truth")
    # The picture of what may not be trusted is faded, as in the slices.
    for left, right in profile.doubtful:
        fade = {"fill_color": palette.panel, "fill_alpha": 0.65, "line_color": None}
        fig.add_layout(BoxAnnotation(left=left, right=right, **fade))
    if profile.published:
        _draw_published(fig, profile, palette)
    fig.xaxis.axis_label, fig.yaxis.axis_label = f"{profile.coordinate}  [kpc]", profile.axis_label
    fig.xgrid.visible = False
    restyle(fig, palette)
    return fig


def _draw_band(fig: figure, profile: Profile, name: str, words: str, colour: str) -> None:
    band = profile.pipelines[name]
    source = ColumnDataSource({"at": profile.at, **band._asdict()})
    fig.varea(x="at", y1="low", y2="high", source=source, fill_color=colour, fill_alpha=0.22)
    line = fig.line("at", "median", source=source, line_color=colour, line_width=2, name=name)
    tips = [(profile.coordinate, "@at{0.00} kpc"), (words, "@median{0.0000} (@low{0.0000}, @high{0.0000})")]
    fig.add_tools(HoverTool(renderers=[line], tooltips=tips, mode="vline"))


def _draw_published(fig: figure, profile: Profile, palette: Palette) -> None:
    columns: dict[str, Sequence[float | str]] = {
        "at": [p.at for p in profile.published],
        "value": [p.value for p in profile.published],
        "low": [p.value - p.error for p in profile.published],
        "high": [p.value + p.error for p in profile.published],
        "source": [p.source for p in profile.published],
    }
    source = ColumnDataSource(columns)
    bars = Whisker(base="at", lower="low", upper="high", source=source, line_color=palette.muted)
    for head in (bars.upper_head, bars.lower_head):
        head.size, head.line_color = 6, palette.muted
    fig.add_layout(bars)
    points = fig.scatter("at", "value", source=source, size=6, color=palette.ink, name="published")
    fig.add_tools(HoverTool(renderers=[points], tooltips=[("published", "@source"), ("value", "@value{0.000}")]))
