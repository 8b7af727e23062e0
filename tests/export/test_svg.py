"""Figures: what is drawn is where the axes say, images are images, and words cannot break out."""

import base64
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.export.colours import MAPS, SERIES, coloured, png
from core.export.svg import Axes, padded, tick_labels, ticks
from dashboard.plots.palette import PALETTES, blend

RNG = np.random.default_rng(1)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_round_and_inside(low, length):
    span = (low, low + length)
    if not span[1] > span[0]:
        return
    found = ticks(span)
    assert 2 <= len(found) <= 8
    room = 1e-6 * (abs(low) + length)
    assert all(span[0] - room <= value <= span[1] + room for value in found)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e4))
def test_labels_tell_ticks_apart_and_say_their_values(low, length):
    values = ticks((low, low + length))
    words = tick_labels(values)
    assert len(set(words)) == len(values)
    for value, text in zip(values, words, strict=True):
        assert float(text.replace("\u2212", "-")) == pytest.approx(value, abs=1e-6 * (abs(low) + length))
    assert "-" not in "".join(words)


@pytest.mark.parametrize("step", [0.025, 0.25, 2.5, 25.0, 0.2, 1.0, 50.0])
def test_labels_of_quarter_steps_are_not_rounded(step):
    values = [i * step for i in range(-3, 4)]
    assert [float(w.replace("\u2212", "-")) for w in tick_labels(values)] == pytest.approx(values)


def test_padding_makes_an_interval_of_anything():
    for low, high in ((0.0, 0.0), (3.0, 3.0), (-1.0, 1.0)):
        assert padded(low, high)[0] < low <= high < padded(low, high)[1]


def axes(title="t"):
    return Axes((0.0, 10.0), (-1.0, 1.0), "x", "y", title)


def test_a_curve_goes_through_its_points_and_breaks_where_there_are_none():
    frame = axes()
    y = np.array([-1.0, 0.0, np.nan, 1.0, 1.0])
    frame.line(np.array([0.0, 2.0, 4.0, 6.0, 10.0]), y, "curve")
    lines = list(ElementTree.fromstring(frame.render()).iter("polyline"))
    points = [[tuple(map(float, p.split(","))) for p in line.get("points").split()] for line in lines]
    assert [len(p) for p in points] == [2, 2]
    assert points[0][0] == pytest.approx((frame.left, frame.height - frame.bottom), abs=0.06)
    assert points[1][1] == pytest.approx((frame.width - frame.right, frame.top), abs=0.06)


def test_a_band_is_closed_and_between_its_edges():
    frame = axes()
    x = np.linspace(0, 10, 5)
    frame.band(x, np.full(5, -0.5), np.full(5, 0.5), "area")
    (polygon,) = ElementTree.fromstring(frame.render()).iter("polygon")
    heights = {p.split(",")[1] for p in polygon.get("points").split()}
    assert heights == {f"{frame.down(0.5):.1f}", f"{frame.down(-0.5):.1f}"}


def test_words_are_words():
    frame = axes('<script>"&')
    frame.point(1.0, 0.0, "draw", "</title><b>&")
    tree = ElementTree.fromstring(frame.render())
    assert not list(tree.iter("script"))
    assert not list(tree.iter("b"))
    assert tree.get("aria-label") == '<script>"&'
    assert [e.text for e in tree.iter("title")] == ["</title><b>&"]


def test_a_picture_is_a_png_of_its_pixels_upside_down():
    pixels = RNG.integers(0, 256, (3, 5, 4)).astype(np.uint8)
    address = png(pixels)
    assert address.startswith("data:image/png;base64,")
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    np.testing.assert_array_equal(found, pixels[::-1])


def test_colours_run_from_end_to_end_and_nothing_is_transparent():
    values = np.array([[0.0, 0.5, 1.0, np.nan, -9.0, 9.0]])
    found = coloured(values, (0.0, 1.0), ("#000000", "#102030", "#ffffff"))
    assert found[0, :, :3].tolist()[:3] == [[0, 0, 0], [16, 32, 48], [255, 255, 255]]
    assert found[0, :, 3].tolist() == [255, 255, 255, 0, 255, 255]
    assert found[0, 4].tolist() == found[0, 0].tolist()
    assert found[0, 5].tolist() == found[0, 2].tolist()


@pytest.mark.parametrize("theme", PALETTES)
def test_the_report_has_the_colours_of_the_pages(theme):
    palette = PALETTES[theme]
    assert SERIES[theme] == palette.series
    for maps, page in ((MAPS[theme].sequential, palette.sequential), (MAPS[theme].diverging, palette.diverging)):
        steps = len(page)
        mine = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in blend(maps, steps)]
        theirs = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in page]
        np.testing.assert_allclose(mine, theirs, atol=26)  # anchors at tenths of the map
