"""The figures of a report as SVG: maps of stars, slices, profiles, and the draws of scalars."""

from collections.abc import Sequence

import numpy as np

from core.array_types import PerStar
from core.diagnostics.pattern_speed_profile import PatternSpeedProfile, SpeedMarks
from core.diagnostics.profiles import Profile
from core.diagnostics.residual_maps import Counts, SignificanceMap, significance_map
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.slices import FIELDS, FieldSlice
from core.export.colours import SERIES
from core.export.svg import Axes, Interval, padded, tick_labels, ticks
from core.phase_space.coordinates import coordinate
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.pipelines import BARYONS, NULL, colour_of, shown_pipelines

PROJECTIONS = (("x", "y"), ("vphi", "vR"), ("l", "sinb"))
"""The default projections of the quality of a flow (PHYSICS 5)."""

BINS = 96
_WHOLE = {"l": (-180.0, 180.0), "sinb": (-1.0, 1.0)}
_SIGMAS = 5.0
_FAINT = 0.4
"""Opacity where a slice is inside the region and not trusted."""


def projection(x: str, y: str, data: PhaseSpaceSample, flow: PhaseSpaceSample, sun: SolarPosition) -> SignificanceMap:
    """Data and flow on one grid, with the weights of the stars where they have any."""
    (data_x, data_y), (flow_x, flow_y) = (
        [coordinate(name).compute(np.asarray(stars.w, float), sun) for name in (x, y)] for stars in (data, flow)
    )
    ranges = (_range(x, data_x), _range(y, data_y))
    weight = None if data.weight is None else np.asarray(data.weight / np.mean(data.weight), float)
    counts = (_counts(data_x, data_y, ranges, weight), _counts(flow_x, flow_y, ranges, None))
    squares = None if weight is None else _counts(data_x, data_y, ranges, weight**2)
    share = (len(data) if weight is None else float(weight.sum())) / len(flow)
    return significance_map(x, y, ranges[0], ranges[1], *counts, weight=share, squares=squares)


def _range(name: str, values: PerStar) -> Interval:
    if name in _WHOLE:
        return _WHOLE[name]
    tails = (0.0, 100.0) if coordinate(name).spatial else (0.1, 99.9)
    low, high = np.percentile(values, tails)
    return padded(float(low), float(high), 0.04)


def _counts(x: PerStar, y: PerStar, ranges: Sequence[Interval], weight: PerStar | None) -> Counts:
    return np.histogram2d(y, x, bins=BINS, range=[ranges[1], ranges[0]], weights=weight)[0]


def projection_figures(found: SignificanceMap) -> list[str]:
    """Data, flow and significance side by side: counts share their colours."""
    high = max(float(np.log10(max(found.data.max(), found.flow.max(), 10.0))), 1.0)
    powers = [(float(p), f"{10.0**p:.0f}") for p in range(int(high) + 1)]
    drawn = []
    for name, counts in (("data", found.data), ("flow", found.flow)):
        axes = _map_axes(found, name)
        with np.errstate(divide="ignore"):
            logs = np.where(counts > 0, np.log10(counts), np.nan)
        axes.image(logs, (-0.15, high), diverging=False)
        axes.colour_bar((-0.15, high), powers, diverging=False)
        drawn.append(axes.render())
    axes = _map_axes(found, f"significance, rms {found.rms:.2f}, expected {found.expected_rms:.2f}")
    axes.image(found.significance, (-_SIGMAS, _SIGMAS), diverging=True)
    bar = [(float(v), f"{v} σ".replace("-", "\u2212")) for v in (-5, 0, 5)]
    axes.colour_bar((-_SIGMAS, _SIGMAS), bar, diverging=True)
    return [*drawn, axes.render()]


def _map_axes(found: SignificanceMap, title: str) -> Axes:
    x, y = coordinate(found.x), coordinate(found.y)
    return Axes(found.x_range, found.y_range, x.axis_label, y.axis_label, title, height=270, right=60)


def slice_figures(planes: Sequence[FieldSlice]) -> list[str]:
    """The median of a quantity on planes that share their colours; faint where it is not trusted."""
    quantity = FIELDS[planes[0].quantity]
    values = np.concatenate([p.median[p.trusted] for p in planes])
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5])) if len(values) else (0.0, 1.0)
    if quantity.signed:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    marks = ticks((low, high), 4)
    labels = list(zip(marks, tick_labels(marks), strict=True))
    return [_slice(plane, (low, high), labels, signed=quantity.signed) for plane in planes]


def _slice(plane: FieldSlice, limits: Interval, labels: Sequence[tuple[float, str]], *, signed: bool) -> str:
    quantity = FIELDS[plane.quantity]
    title = f"{quantity.axis_label}, {plane.normal} = {plane.offset:g} kpc".replace("-", "\u2212")
    x_label, y_label = (coordinate(axis).axis_label for axis in (plane.a, plane.b))
    axes = Axes(plane.a_range, plane.b_range, x_label, y_label, title, height=270, right=60)
    opacity = np.where(plane.trusted, 1.0, np.where(plane.inside, _FAINT, 0.0))
    axes.image(plane.median, limits, diverging=signed, opacity=opacity)
    axes.colour_bar(limits, labels, diverging=signed)
    return axes.render()


def profile_figure(profile: Profile) -> str:
    """A line and its 16–84 % band for every pipeline, truth or published values, and grey where nothing is trusted."""
    reach = [profile.at[0], profile.at[-1], *(p.at for p in profile.published)]
    x, y = padded(float(min(reach)), float(max(reach)), 0.02), padded(*profile.extent)
    axes = Axes(x, y, f"{profile.coordinate}  [kpc]", "", profile.axis_label, width=360, height=230)
    for start, end in profile.doubtful:
        axes.strip(start, end, "doubt")
    for name in shown_pipelines(profile.pipelines):
        band, colour = profile.pipelines[name], _colour(name)
        axes.band(profile.at, band.low, band.high, f"area {colour}")
        axes.line(profile.at, band.median, f"curve {colour}")
    if profile.truth is not None:
        axes.line(profile.at, profile.truth, "truth")
    for p in profile.published:
        axes.segment((p.at, p.value - p.error), (p.at, p.value + p.error), "published")
        axes.point(p.at, p.value, "published", f"{p.source}: {p.value:.4g} ± {p.error:.2g}")
    return axes.render()


def pattern_speed_figure(profile: PatternSpeedProfile, marks: SpeedMarks) -> str:
    """L(Ω_p) of the fit, of products of its halves and of the null test, with what is marked on the page."""
    x, y = profile.window(marks)
    percent = (100 * y[0], 100 * y[1])
    axes = Axes(x, percent, "Ωp  [km/s/kpc]", "", "rise of L  [%]", width=360, height=230)
    if marks.error is not None:
        axes.strip(marks.best - marks.error, marks.best + marks.error, "doubt")
    for at, css in ((marks.best, "best"), (marks.stars, "stars"), (marks.truth, "truth")):
        if at is not None:
            axes.segment((at, percent[0]), (at, percent[1]), css)
    for (speeds, rise), css in zip(profile.curves.values(), curve_classes(), strict=False):
        seen = (speeds >= x[0]) & (speeds <= x[1]) & (rise >= y[0]) & (rise <= y[1])
        axes.line(speeds, np.where(seen, 100 * rise, np.nan), f"curve {css}")
    for at in marks.null:
        axes.point(at, 0.0, f"draw {curve_classes()[2]}", f"null test: {at:.1f}")
    return axes.render()


def curve_classes() -> tuple[str, str, str]:
    """Classes of the colours of a fit, of products of its halves and of the null test: those of the page."""
    return "s0", "s2", _colour(NULL)


def _colour(pipeline: str) -> str:
    """The class of a pipeline's colour."""
    return f"s{colour_of(pipeline) % len(SERIES['light'])}"


def distribution(scalar: ScalarDraws) -> str:
    """Every draw a point by pipeline, its median and 16–84 % beside it, best estimate and truth as lines."""
    shown = shown_pipelines(scalar.pipelines)
    known = [] if scalar.truth is None else [scalar.truth]
    values = np.concatenate([*(scalar.pipelines[p] for p in shown), [scalar.best], known])
    unit = f"  [{scalar.unit}]" if scalar.unit else ""
    span = (-0.5, len(shown) - 0.5)
    y = padded(float(values.min()), float(values.max()), 0.08)
    names = list(shown.values())
    axes = Axes(span, y, "", "", f"{scalar.label}{unit}", width=240, height=184, x_names=names)
    axes.segment((span[0], scalar.best), (span[1], scalar.best), "best")
    if scalar.truth is not None:
        axes.segment((span[0], scalar.truth), (span[1], scalar.truth), "truth")
    rng = np.random.default_rng(1)
    for place, name in enumerate(shown):
        low, median, high = scalar.interval(name)
        # The baryons' are an assumed error, no fits.
        for draw in scalar.pipelines[name] if name != BARYONS else ():
            axes.point(place - 0.12 + float(rng.uniform(-0.13, 0.13)), float(draw), f"draw {_colour(name)}")
        axes.segment((place + 0.16, low), (place + 0.16, high), f"interval {_colour(name)}")
        axes.segment((place + 0.1, median), (place + 0.22, median), f"interval {_colour(name)}")
    return axes.render()
