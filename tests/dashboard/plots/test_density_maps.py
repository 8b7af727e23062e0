"""Counts are exact, the three figures share one grid, and what is drawn with the mouse becomes the region meant."""

import math

import numpy as np
import pytest
from bokeh.events import RangesUpdate, Reset, SelectionGeometry

from core.diagnostics.residual_maps import FORMS, significance_map
from core.phase_space.coordinates import coordinate
from core.phase_space.region import And, Box, Ellipse, Everything, Expression, Not, Polygon, Shell
from core.phase_space.solar_position import SolarPosition
from dashboard.cache import BoundedCache
from dashboard.counting.stars import Stars
from dashboard.plots import density_maps
from dashboard.plots.brushes import BRUSHES
from dashboard.plots.density_maps import SCALES, ProjectionFigures
from dashboard.plots.palette import DARK
from dashboard.quality.comparison import Comparison
from dashboard.quality.map_words import strip

SUN = SolarPosition()
RANGES = (-1.0, 1.0), (-2.0, 2.0)


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(1)
    samples = [np.concatenate([0.4 * rng.normal(size=(n, 3)), 40 * rng.normal(size=(n, 3))], 1) for n in (4000, 9000)]
    data, flow = (Stars(str(len(w)), w.astype(np.float32), SUN, BoundedCache(2**24)) for w in samples)
    return Comparison(data, flow)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "region", [Everything(), Box((("z", -0.2, 0.3), ("vphi", -np.inf, 250.0))), Expression("r > 100")], ids=str
)
@pytest.mark.parametrize("axes", [("x", "y"), ("vphi", "vR"), ("l", "sinb")])
def test_data_flow_and_significance_are_on_one_grid(axes, region, form, comparison):
    x, y = axes
    ranges = comparison.home(x), comparison.home(y)
    result = comparison.map(x, y, ranges, region, 32, form)
    assert (result.x_range, result.y_range) == ranges
    assert result.data.shape == result.flow.shape == result.significance.shape == (32, 32)
    for stars, counts, weight in ((comparison.data, result.data, 1), (comparison.flow, result.flow, 4 / 9)):
        chosen = stars.w[np.broadcast_to(region.contains_points(stars.w, SUN), len(stars.w))]
        values = [coordinate(name).compute(chosen, SUN).astype(np.float32) for name in axes]
        np.testing.assert_allclose(counts, weight * np.histogram2d(*values[::-1], 32, ranges[::-1])[0])
    filled = result.data > 0
    assert np.isnan(result.significance[~filled]).all()
    spread = np.sqrt(result.data * (1 if form == "paper" else 1 + 4 / 9))[filled]
    np.testing.assert_allclose(result.significance[filled], (result.flow - result.data)[filled] / spread)


def test_home_holds_all_places_and_all_but_the_fastest_stars(comparison):
    x = comparison.data.column("x")
    low, high = comparison.home("x")
    assert low < x.min() < x.max() < high
    low, high = comparison.home("vx")
    outside = np.mean((comparison.data.column("vx") < low) | (comparison.data.column("vx") > high))
    assert outside < 0.002
    assert comparison.home("l") == (-180, 180)


def test_the_summary_says_how_good_the_flow_is_and_when_there_is_nothing_to_judge(comparison):
    ranges = comparison.home("x"), comparison.home("y")
    good = comparison.map("x", "y", ranges, Everything(), 32, "paper")
    words = strip([good, good], selected=4000, total=4000)
    assert f"expected {math.sqrt(1 + 4 / 9):.2f}" in words
    assert f"of {2 * good.filled:,}".replace(",", "\u202f") in words
    nobody = comparison.map("x", "y", ranges, Expression("r > 100"), 32, "paper")
    assert "No star of this subset is in view" in strip([nobody], selected=0, total=4000)
    assert "No star of this subset is in view" in strip([nobody], selected=9, total=4000)
    assert strip([nobody, good], selected=9, total=4000).count("nan") == 0


def result(data, flow, weight=0.5):
    return significance_map("x", "y", *RANGES, np.array(data, float), np.array(flow, float), weight=weight)


@pytest.fixture
def figures():
    return ProjectionFigures("x", "y", *RANGES)


@pytest.mark.parametrize("scale", SCALES)
def test_three_images_are_drawn_at_one_place_from_one_source(scale, figures):
    figures.show(result([[0, 1], [4, 2]], [[1, 2], [8, 5]]), scale)
    renderers = [fig.renderers[0] for fig in figures.figures]
    assert [r.glyph.image for r in renderers] == ["data", "flow", "significance"]
    assert len({id(r.data_source) for r in renderers}) == 1
    assert renderers[0].glyph.color_mapper is renderers[1].glyph.color_mapper is not renderers[2].glyph.color_mapper
    assert len({(id(fig.x_range), id(fig.y_range)) for fig in figures.figures}) == 1
    source = renderers[0].data_source.data
    assert [source[k] for k in ("x", "y", "dw", "dh")] == [[-1.0], [-2.0], [2.0], [4.0]]
    assert {source[k][0].shape for k in ("data", "flow", "significance", "data_count", "flow_count")} == {(2, 2)}
    np.testing.assert_array_equal(source["data_count"][0], [[0, 1], [4, 2]])
    np.testing.assert_array_equal(source["flow_count"][0], [[0.5, 1], [4, 2.5]])


@pytest.mark.parametrize("scale", SCALES)
def test_empty_bins_are_transparent_and_the_rest_is_within_the_colours(scale, figures):
    counts = result([[0, 1], [40, 2]], [[0, 2], [80, 3]])
    shades, high = density_maps._shaded(counts, scale)
    for shade, count in zip(shades, (counts.data, counts.flow), strict=True):
        np.testing.assert_array_equal(np.isnan(shade), count == 0)
        assert np.nanmax(shade) <= high
        assert np.nanmin(shade) >= 0
        order = np.argsort(count[count > 0])
        assert np.all(np.diff(shade[count > 0][order]) >= 0)
    empty, _ = density_maps._shaded(result(np.zeros((2, 2)), np.zeros((2, 2))), scale)
    assert np.isnan(empty).all()
    figures.show(result(np.zeros((2, 2)), np.zeros((2, 2))), scale)


def test_the_logarithm_is_of_the_counts():
    shades, high = density_maps._shaded(result([[1, 10], [0, 1000]], [[2, 0], [20, 200]]), "log")
    np.testing.assert_allclose(shades[0], [[0, 1], [np.nan, 3]])
    np.testing.assert_allclose(shades[1], [[0, np.nan], [1, 2]])
    assert high == 3


def test_equalised_counts_have_one_colour_for_one_number_of_stars():
    rng = np.random.default_rng(0)
    data, flow = rng.poisson(3, (40, 40)), rng.poisson(3, (40, 40))
    shades, _ = density_maps._shaded(result(data, flow, weight=1.0), "equalised")
    for number in range(1, 8):
        colours = np.concatenate([shade[count == number] for shade, count in zip(shades, (data, flow), strict=True)])
        assert len(colours) > 1
        assert len(np.unique(colours)) == 1


def test_significance_is_coloured_within_five_sigma(figures):
    mapper = figures.figures[2].renderers[0].glyph.color_mapper
    assert (mapper.low, mapper.high) == (-5, 5)
    figures.restyle(DARK)
    assert tuple(mapper.palette) == DARK.diverging
    assert {fig.background_fill_color for fig in figures.figures} == {DARK.panel}


def rectangle(x0, x1, y0, y1):
    return {"type": "rect", "x0": x0, "x1": x1, "y0": y0, "y1": y1}


DRAWN = {
    "box": (rectangle(-0.5, 0.25, 0, 1), Box((("x", -0.5, 0.25), ("y", 0.0, 1.0)))),
    "box from its upper right corner": (rectangle(0.25, -0.5, 1, 0), Box((("x", -0.5, 0.25), ("y", 0.0, 1.0)))),
    "click": (rectangle(0.5, 0.5, 1, 1), None),
    "line": (rectangle(0.0, 0.5, 1, 1), None),
    "lasso": (
        {"type": "poly", "x": [0, 1, 1], "y": [0, 0, 2]},
        Polygon("x", "y", ((0.0, 0.0), (1.0, 0.0), (1.0, 2.0))),
    ),
    "two points": ({"type": "poly", "x": [0, 1], "y": [0, 0]}, None),
    "point": ({"type": "point", "x": 0, "y": 0}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("case", DRAWN)
def test_a_finished_gesture_becomes_the_region_it_shows(case, figures):
    geometry, region = DRAWN[case]
    chosen = []
    figures.on_select(chosen.append)
    for fig in figures.figures:
        fig._trigger_event(SelectionGeometry(fig, geometry=geometry, final=False))
        assert chosen == []
    for fig in figures.figures:
        fig._trigger_event(SelectionGeometry(fig, geometry=geometry, final=True))
    assert chosen == [region] * 3 if region else chosen == []


BOX = Box((("x", 0.0, 1.0), ("y", 2.0, 3.0)))
BOX_BORDER = [0, 1, 1, 0, 0], [2, 2, 3, 3, 2]
LASSO = Polygon("x", "y", ((0.0, 0.0), (1.0, 0.0), (1.0, 2.0)))
BORDERS = {
    "box": (BOX, BOX_BORDER),
    "box in more coordinates": (Box((("vx", 0.0, 9.0), *BOX.ranges)), BOX_BORDER),
    "box in one of them": (Box((("x", 0.0, 1.0), ("z", 0.0, 1.0))), ([], [])),
    "lasso": (LASSO, ([0, 1, 1, 0], [0, 0, 2, 0])),
    "lasso elsewhere": (Polygon("vx", "vy", LASSO.vertices), ([], [])),
    "one part": (Expression("z > 0") & BOX & Shell(1.0), BOX_BORDER),
    "lasso among others": (And((Box((("z", 0.0, 1.0),)), LASSO)), ([0, 1, 1, 0], [0, 0, 2, 0])),
    "outside of a box": (Not(BOX), BOX_BORDER),
    "one or the other": (BOX | LASSO, ([*BOX_BORDER[0], math.nan, 0, 1, 1, 0], [*BOX_BORDER[1], math.nan, 0, 0, 2, 0])),
    "lasso with its axes exchanged": (Polygon("y", "x", LASSO.vertices), ([0, 0, 2, 0], [0, 1, 1, 0])),
    "everything": (Everything(), ([], [])),
}


@pytest.mark.parametrize("case", BORDERS)
def test_a_region_is_outlined_where_it_has_a_border(case, figures):
    region, border = BORDERS[case]
    figures.outline(region)
    outline = figures._outline.data
    for drawn, expected in zip((outline["x"], outline["y"]), border, strict=True):
        np.testing.assert_array_equal(drawn, expected)


def test_a_zoom_is_told_once_and_a_reset_goes_home(figures):
    seen = []
    figures.on_zoom(lambda: seen.append(figures.ranges))
    figures.set_ranges((-0.5, 0.5), (0, 1))
    for fig in figures.figures:
        fig._trigger_event(RangesUpdate(fig, x0=-0.5, x1=0.5, y0=0, y1=1))
    assert seen == [((-0.5, 0.5), (0.0, 1.0))]
    figures.figures[1]._trigger_event(Reset(figures.figures[1]))
    assert seen[1:] == [RANGES]
    assert figures.ranges == figures.home


def test_a_rectangle_of_the_ellipse_brush_is_its_inscribed_ellipse(figures):
    chosen = []
    figures.on_select(chosen.append)
    figures.use("ellipse")
    for geometry in (rectangle(0.25, -0.5, 1, 0), DRAWN["click"][0]):
        figures.figures[0]._trigger_event(SelectionGeometry(figures.figures[0], geometry=geometry, final=True))
    (ellipse,) = chosen
    assert ellipse == Ellipse("x", "y", (-0.125, 0.5), (0.375, 0.5))
    figures.outline(ellipse)
    x, y = (np.array(figures._outline.data[k]) for k in "xy")
    np.testing.assert_allclose(((x + 0.125) / 0.375) ** 2 + ((y - 0.5) / 0.5) ** 2, 1)
    np.testing.assert_allclose([x.min(), x.max(), y.min(), y.max()], [-0.5, 0.25, 0, 1], atol=1e-12)


def test_the_toolbar_and_the_page_choose_the_same_brush(figures):
    told = []
    figures.on_brush(told.append)
    figures.use("lasso")
    assert told == []
    figures._brushes["pan"].active = True
    assert (told, figures.brush) == (["pan"], "pan")
    for fig in figures.figures:  # one tool in all of them: what is drawn in one is seen in each
        assert {tool.name for tool in fig.toolbar.tools} >= set(BRUSHES)
        assert all(proxy.tools[0] in fig.toolbar.tools for proxy in figures._brushes.values())
    other = ProjectionFigures("x", "y", *RANGES, brush="ellipse")
    assert other.layout.toolbar.active_drag is other._brushes["ellipse"]
