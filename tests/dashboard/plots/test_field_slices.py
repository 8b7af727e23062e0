"""Planes share their colours, signed fields are centred on nothing, and what may not be trusted has no say."""

from dataclasses import replace

import numpy as np
import pytest
from bokeh.events import Tap

from core.diagnostics.field_quantities import FIELDS
from core.diagnostics.reliability import CARE, OUTSIDE, RELIABLE, UNUSABLE
from core.diagnostics.slices import VIEWS, Arrows, FieldProfile, FieldSlice
from dashboard.plots.field_limits import colour_limits, contour_levels
from dashboard.plots.field_profiles import ProfileFigure
from dashboard.plots.field_slices import SliceFigure
from dashboard.plots.palette import DARK, LIGHT

SIGNED = [name for name, field in FIELDS.items() if field.signed]


def plane(quantity="density", scale=1.0, *, trusted=True, truth=True, offset=0.0):
    """A field that rises to the right, and is absurd outside of the middle."""
    values = scale * np.tile(np.linspace(1, 3, 40), (40, 1)) + offset
    inside, middle = np.zeros((2, 40, 40), bool)
    inside[4:36, 4:36] = True
    middle[10:30, 10:30] = trusted
    values[~inside] = 1e6
    return FieldSlice(
        quantity=quantity,
        normal="z",
        offset=0.0,
        a="x",
        b="y",
        a_range=(-1.0, 1.0),
        b_range=(-1.0, 1.0),
        median=values,
        spread=0.1 * np.abs(values),
        truth=1.01 * values if truth else None,
        inside=inside,
        trusted=middle,
        shade=(2 - inside - middle.astype(np.uint8)).astype(np.uint8),
    )


@pytest.mark.parametrize("quantity", FIELDS)
@pytest.mark.parametrize("view", VIEWS)
def test_colours_are_centred_on_zero_for_what_has_a_sign(view, quantity):
    planes = [plane(quantity), plane(quantity, -0.5)]
    low, high = colour_limits(planes, view)
    if view == "difference" or (quantity in SIGNED and view in ("median", "truth")):
        assert low == -high < 0
    assert low < high
    values = np.concatenate([p.view(view)[p.trusted] for p in planes])
    assert np.mean((values < low) | (values > high)) <= 0.01
    assert high < 10 * np.abs(values).max()


def test_a_field_without_a_sign_uses_all_colours():
    low, high = colour_limits([plane()], "median")
    assert 1 < low < high < 3
    shared = colour_limits([plane(), plane(scale=10)], "median")
    assert shared[0] < 3 < 20 < shared[1]


def test_where_nothing_is_trusted_the_inside_decides():
    low, high = colour_limits([plane(trusted=False)], "median")
    assert 1 <= low < high <= 3


@pytest.mark.parametrize("quantity", ["density", "potential"])
@pytest.mark.parametrize("value", [0.0, 2.0, np.nan, np.inf])
def test_limits_of_a_constant_or_unknown_field_are_an_interval(value, quantity):
    field = plane(quantity, 0.0)
    field.median[:] = value
    low, high = colour_limits([field], "median")
    assert np.isfinite([low, high]).all()
    assert low < high


@pytest.fixture
def figure():
    return SliceFigure("z", "x", "y", (-1.0, 1.0), (-1.0, 1.0))


def test_the_map_is_centred_on_the_panel_for_what_has_a_sign(figure):
    for quantity, view, palette in [
        ("density", "median", LIGHT.sequential),
        ("potential", "median", LIGHT.diverging),
        ("potential", "spread", LIGHT.sequential),
        ("density", "difference", LIGHT.diverging),
    ]:
        field = plane(quantity)
        figure.show(field, view, (-4.0, 4.0), contours=False)
        assert tuple(figure._mapper.palette) == palette
        assert (figure._mapper.low, figure._mapper.high) == (-4, 4)
        np.testing.assert_array_equal(figure._source.data["image"][0], field.view(view))
    figure.restyle(DARK)
    assert tuple(figure._mapper.palette) == DARK.diverging


def contour_lines(figure):
    """Where lines are drawn, without the breaks between them."""
    xs = figure._lines.line_renderer.data_source.data["xs"]
    return np.concatenate([np.ravel(x) for x in xs]) if len(xs) else np.zeros(0)


def test_contours_stay_inside_the_volume_and_go_when_they_are_not_wanted(figure):
    figure.show(plane(), "median", (1.0, 3.0), contours=True)
    drawn = contour_lines(figure)
    assert np.nanmax(np.abs(drawn)) < 0.8
    assert len(drawn) > 100
    for field, limits, wanted in [
        (plane(), (1.0, 3.0), False),
        (plane(), (2.0, 2.0), True),
        (plane(scale=np.nan), (0.0, 1.0), True),
    ]:
        figure.show(field, "median", limits, contours=wanted)
        assert not np.isfinite(contour_lines(figure)).any()


def test_reliability_is_drawn_in_three_colours_without_bar_or_lines(figure):
    classes = np.tile(np.repeat([OUTSIDE, UNUSABLE, CARE, RELIABLE], 10), (40, 1))
    figure.show(plane(), "median", (1.0, 3.0), contours=True)
    figure.show_classes(plane(), classes)
    drawn, mapper = figure._source.data["image"][0], figure._mapper
    assert np.isnan(drawn[classes == OUTSIDE]).all()
    for value in (UNUSABLE, CARE, RELIABLE):
        place = (value - mapper.low) / (mapper.high - mapper.low) * len(mapper.palette)
        assert mapper.palette[int(place)] == LIGHT.of_class(value)
    assert len({*mapper.palette, LIGHT.panel}) == 4
    assert not figure._bar.visible
    assert not np.isfinite(contour_lines(figure)).any()
    # The fading of what is not trusted would change the colours; what is outside stays hidden.
    assert set(np.unique(figure._shade_source.data["image"][0])) == {0.0, 2.0}
    figure.restyle(DARK)
    assert mapper.palette[-1] == DARK.of_class(RELIABLE)
    figure.show(plane(), "median", (1.0, 3.0), contours=False)
    assert figure._bar.visible
    assert tuple(mapper.palette) == DARK.sequential


def test_what_is_not_to_be_used_is_grey_where_that_is_wanted(figure):
    unusable = np.zeros((40, 40), bool)
    unusable[5:9, 5:9] = True
    figure.show(plane(), "median", (1.0, 3.0), contours=False, unusable=unusable)
    np.testing.assert_array_equal(figure._grey_source.data["image"][0], unusable)
    assert figure._grey.palette == [LIGHT.of_class(UNUSABLE)]
    figure.show(plane(), "median", (1.0, 3.0), contours=False)
    assert not figure._grey_source.data["image"][0].any()


def test_the_crosshair_is_where_the_other_planes_cut(figure):
    for turn in (0.0, 30.0):
        figure.cross((0.25, -0.5, 9.0), turn)
        lines = figure._cuts.data_source.data
        for i, angle in enumerate((turn, turn + 90)):
            start, end = (np.array([lines[f"x{k}"][i], lines[f"y{k}"][i]]) for k in (0, 1))
            np.testing.assert_allclose((start + end) / 2, (0.25, -0.5), atol=1e-9)
            along = (end - start) / np.linalg.norm(end - start)
            np.testing.assert_allclose(along, [np.cos(np.radians(angle)), np.sin(np.radians(angle))], atol=1e-9)


def test_in_a_turned_plane_the_crosshair_is_where_its_own_coordinates_say():
    figure = SliceFigure("y", "x", "z", (-1.0, 1.0), (-1.0, 1.0))
    figure.cross((0.3, 0.4, -0.2), np.degrees(np.arctan2(0.4, 0.3)))
    lines = figure._cuts.data_source.data
    for start, end, there in (("x0", "x1", 0.5), ("y0", "y1", -0.2)):
        np.testing.assert_allclose((np.array(lines[start]) + lines[end]) / 2, there, atol=1e-9)


def test_a_turned_plane_says_so_and_is_clicked_in_its_own_coordinates():
    figure, clicked = SliceFigure("y", "x", "z", (-1.0, 1.0), (-1.0, 1.0)), []
    figure.on_tap(lambda along, turn: clicked.append((along, turn)))
    turned = replace(plane(), normal="y", a="x", b="z", a_range=(-1.2, 1.0), turn=-30.0)
    figure.show(turned, "median", (1.0, 3.0), contours=False)
    assert figure.figure.xaxis.axis_label == "x′ (x turned by \u221230°)  [kpc]"
    assert (figure.figure.x_range.start, figure.figure.x_range.end) == (-1.2, 1.0)
    event = Tap(figure.figure, x=0.1, y=0.2)
    figure.figure._event_callbacks["tap"][0](event)
    assert clicked == [({"x": 0.1, "z": 0.2}, -30.0)]


def test_contours_are_at_round_values_of_what_is_trusted():
    for scale in (1.0, 0.003, 1e4):
        levels = contour_levels(plane(scale=scale), "median")
        step = levels[1] - levels[0]
        assert 4 <= len(levels) <= 12
        np.testing.assert_allclose(levels, step * np.round(np.array(levels) / step), rtol=1e-9)
        assert any(np.isclose(step / 10 ** np.floor(np.log10(step) + 1e-9), m) for m in (1, 2, 2.5, 5))
        assert levels[0] >= scale
        assert levels[-1] <= 3 * scale
    assert contour_levels(plane(scale=0.0), "median") == []


def test_what_has_one_sign_alone_uses_all_colours(figure):
    """A force that is nowhere near zero would be one colour on a map centred there."""
    low, high = colour_limits([plane("acceleration_R", -1.0)], "median")
    assert -3 < low < high < -1
    figure.show(plane("acceleration_R", -1.0), "median", (low, high), contours=False)
    assert tuple(figure._mapper.palette) == LIGHT.sequential


def test_the_longest_arrow_nearly_reaches_the_next(figure):
    a = np.array([-0.5, 0.0, 0.5])
    arrows = Arrows(a, a, np.array([0.0, 3.0, 0.0]), np.array([0.0, 4.0, -1.0]), 0.5)
    assert arrows.longest == 5
    figure.arrows.show(arrows, 5.0)
    data = figure.arrows._source.data
    length = np.hypot(data["x1"] - data["x0"], data["y1"] - data["y0"])
    np.testing.assert_allclose(length / 0.5, length.max() / 0.5 * np.array([0, 1, 0.2]), atol=1e-12)
    assert 0.7 < length.max() / 0.5 <= 1
    np.testing.assert_allclose(np.degrees(data["angle"][2]), -180)
    figure.restyle(DARK)
    assert figure.arrows._shafts.glyph.line_color == DARK.ink
    for nothing in (None, Arrows(*np.zeros((4, 0)), 0.5)):
        figure.arrows.show(nothing, 0.0)
        assert len(figure.arrows._source.data["x0"]) == 0


def test_what_has_not_changed_is_not_sent_again(figure):
    field = plane()
    figure.show(field, "median", (1.0, 3.0), contours=True)
    sent = figure._source.data
    figure.show(field, "median", (0.0, 3.0), contours=True)
    assert figure._source.data is sent
    figure.show(field, "spread", (0.0, 3.0), contours=True)
    assert figure._source.data is not sent


@pytest.mark.parametrize("truth", [True, False])
def test_a_profile_shows_all_members_and_the_truth_of_a_mock(truth):
    at = np.linspace(-1, 1, 21)
    bands = {"median": at, "low": at - 1, "high": at + 1, "lowest": at - 2, "highest": at + 2}
    known = at + 5 if truth else None
    profile = FieldProfile("density", "z", (0.1, 0.2, 0.3), position=at, truth=known, **bands)
    figure = ProfileFigure()
    figure.show(profile)
    source = figure._source.data
    for name, values in bands.items():
        np.testing.assert_array_equal(source[name], values)
    assert np.isnan(source["truth"]).all() != truth
    low, high = figure.figure.y_range.start, figure.figure.y_range.end
    assert low < -3
    assert high > (6 if truth else 3)
    assert figure._here.location == 0.3
    assert figure.figure.xaxis.axis_label == "z  [kpc]"
    figure.restyle(DARK)
    assert figure.figure.background_fill_color == DARK.panel
