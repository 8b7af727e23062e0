"""The page in plain Python: rows for projections, ranges and subsets from the session and back to it."""

import numpy as np
import pytest

from core.diagnostics.residual_maps import SignificanceMap
from core.phase_space.region import Ellipse, Expression
from dashboard.pages.flow_quality import FlowQuality
from dashboard.plots.palette import DARK
from dashboard.quality.projection_menu import OTHER, ProjectionMenu, pairs_of
from dashboard.session import Session, encoded


@pytest.fixture
def session():
    return Session(projections="x~y,vx~vy", bins=64)


@pytest.fixture
def page(session, services, finished_run, idle):
    return FlowQuality(session, services, finished_run())


def work(page, idle):
    """Do what was asked for, the last of each row, and show it."""
    for row, compute in zip(page.rows, idle[-len(page.rows) :], strict=True):
        row._show(compute())
    page.summarise()


def test_every_row_shows_its_own_counts(page, idle):
    work(page, idle)
    assert [(row.result.x, row.result.y) for row in page.rows] == [("x", "y"), ("vx", "vy")]
    assert page.rows[0].result.data.sum() == 2000
    assert page.rows[0].result.flow.sum() == pytest.approx(2000)
    assert "significance rms" in page._strip.object


def test_a_subset_selects_in_every_row(page, session, idle):
    session.choose(Expression("z > 0 & vx < 10"))
    work(page, idle)
    w = page.comparison.data.w
    expected = int(((w[:, 2] > 0) & (w[:, 3] < 10)).sum())
    assert page.rows[0].result.data.sum() == expected
    session.choose(Expression("r > 9"))
    work(page, idle)
    assert "No star of this subset is in view" in page._strip.object


def test_a_zoom_is_in_the_address_and_comes_back(page, session, services, idle):
    page.rows[0].figures.set_ranges((-0.5, 0.25), (0, 0.125))
    page.ranges_changed()
    other = FlowQuality(Session(**{n: getattr(session, n) for n in Session.in_address()}), services, services.runs()[0])
    assert [row.figures.ranges for row in other.rows] == [((-0.5, 0.25), (0.0, 0.125)), page.rows[1].figures.home]
    result = idle[-2]()
    assert isinstance(result, SignificanceMap)
    assert (result.x_range, result.y_range) == ((-0.5, 0.25), (0.0, 0.125))


NO_RANGES = (None, [], [0, 1, 2], [0, 1, 0, "x"], [1, 0, 0, 1], [0, 0, 0, 1], [0, np.inf, 0, 1], [0, 10**400, 0, 1])


def test_ranges_that_are_none_leave_the_projection_at_home(page):
    for ranges in NO_RANGES:
        for view in (encoded({"x~y": ranges}), encoded(ranges), "~{", "x"):
            page.session.view = view
            assert page.zoomed("x~y") is None


def test_rows_come_and_go(page, session, idle):
    page.add([("x", "z")])
    assert session.projections == "x~y,vx~vy,x~z"
    for row in list(page.rows):
        page.remove(row)
    assert session.projections == ""
    assert "No projection is shown" in page._strip.object


def test_another_coordinate_is_another_figure(page, session, idle):
    row = page.rows[0]
    row._y.value = "z"
    assert session.projections == "x~z,vx~vy"
    assert row.figures.figures[0].yaxis.axis_label == "z  [kpc]"
    assert idle[-1]().y == "z"


def test_scale_bins_and_theme_change_what_is_drawn(page, session, idle):
    work(page, idle)
    counts = page.rows[0].figures._source.data["data"][0]
    session.scale = "linear"
    shown = page.rows[0].figures._source.data["data"][0]
    np.testing.assert_allclose(np.log10(shown), counts, rtol=1e-5)
    session.bins = 128
    assert idle[-1]().data.shape == (128, 128)
    session.theme = "dark"
    assert page.rows[1].figures.figures[2].background_fill_color == DARK.panel


def test_rows_that_share_a_coordinate_share_its_range(page, session, idle):
    page.add([("x", "z"), ("y", "y")])
    first, _, third, fourth = page.rows
    assert first.figures.axes[0] is third.figures.axes[0]
    assert fourth.figures.axes[0] is not fourth.figures.axes[1]
    asked = len(idle)
    first.figures.axes[0].update(start=-0.5, end=0.25)
    page.ranges_changed()
    assert [compute().x for compute in idle[asked:]] == ["x", "x"]  # the other rows are as they were
    assert third.figures.ranges[0] == (-0.5, 0.25)
    page.ranges_changed()
    assert len(idle) == asked + 2
    session.linked = False
    assert third.figures.ranges[0] == (-0.5, 0.25)
    first.figures.axes[0].update(start=-0.125, end=0.25)
    page.ranges_changed()
    assert third.figures.ranges[0] == (-0.5, 0.25)
    session.linked = True
    assert first.figures.axes[0] is third.figures.axes[0]


def test_another_coordinate_is_shown_in_the_range_of_the_others(page, idle):
    page.rows[0].figures.axes[1].update(start=-0.25, end=0.25)
    page.rows[1]._x.value = "y"
    assert page.rows[1].figures.axes[0] is page.rows[0].figures.axes[1]
    assert idle[-1]().x_range == (-0.25, 0.25)


def test_marginals_are_there_when_asked_for_and_are_sums_of_the_map(page, session, idle):
    work(page, idle)
    row = page.rows[0]
    assert len(row._pictures) == 1
    session.marginals = True
    assert row._pictures[1].object is row.marginals.layout
    along_x, along_y = row.marginals._marginals
    np.testing.assert_array_equal(along_x._source.data["data"], row.result.data.sum(0))
    np.testing.assert_array_equal(along_y._source.data["flow"], row.result.flow.sum(1))
    assert along_y.pulls.x_range is row.figures.axes[1]
    assert row._words.object.count("rms") == 3
    session.theme = "dark"
    assert along_x.pulls.background_fill_color == DARK.panel
    session.choose(Expression("z > 0"))
    work(page, idle)
    np.testing.assert_array_equal(along_x._source.data["data"], row.result.data.sum(0))
    session.marginals = False
    assert len(row._pictures) == 1
    assert row._words.object.count("rms") == 1


def test_the_words_of_a_row_follow_its_map(page, session, idle):
    work(page, idle)
    assert "x–y: 2\u202f000 stars, rms " in page.rows[0]._words.object
    assert "stars <strong>2\u202f000</strong></span>" in page._strip.object
    session.choose(Expression("z > 0"))
    work(page, idle)
    inside = int((page.comparison.data.w[:, 2] > 0).sum())
    assert f"x–y: {inside:,} stars".replace(",", "\u202f") in page.rows[0]._words.object
    assert f"<strong>{inside:,}</strong> of 2,000".replace(",", "\u202f") in page._strip.object
    session.choose(Expression("r > 9"))
    work(page, idle)
    assert "no stars in view" in page.rows[0]._words.object


def test_the_menu_offers_what_is_not_there(page, session, idle):
    menu = ProjectionMenu(session, page.add)
    assert menu.chosen == [("vphi", "vR"), ("l", "sinb")]
    menu._button.clicks += 1
    assert session.projections == "x~y,vx~vy,vphi~vR,l~sinb"
    assert "vR–vφ" not in menu._choice.options  # it is there, the other way round
    while menu._choice.value != OTHER:
        menu._button.clicks += 1
    for _ in range(2):
        menu._button.clicks += 1
    pairs = [frozenset(row.pair) for row in page.rows]
    assert len(set(pairs)) == len(pairs) == 9


def test_the_brush_is_one_for_all_rows_and_the_page(page, session):
    page.rows[0].figures._brushes["lasso"].active = True
    assert session.brush == page.rows[1].figures.brush == "lasso"
    session.brush = "ellipse"
    assert {row.figures.brush for row in page.rows} == {"ellipse"}
    assert all(row.figures._brushes["ellipse"].active for row in page.rows)


def test_two_sessions_share_stars_but_no_choice(page, session, services, idle):
    other = FlowQuality(Session(projections="x~y", bins=64), services, services.runs()[0])
    assert other.comparison.data.column("x") is page.comparison.data.column("x")
    page.rows[0].figures.axes[0].update(start=-0.5, end=0.25)
    page.rows[0].figures._brushes["ellipse"].active = True
    page.ranges_changed()
    session.param.update(combine="or", marginals=True, linked=False)
    session.draw(Expression("z > 0"))
    assert other.rows[0].figures.ranges == other.rows[0].figures.home
    assert (other.rows[0].figures.brush, other.rows[0].marginals) == ("box", None)
    untouched = Session(projections="x~y", bins=64)
    assert {n: getattr(other.session, n) for n in Session.in_address()} == {
        n: getattr(untouched, n) for n in Session.in_address()
    }


def test_the_chosen_ellipse_is_turned_where_it_is_drawn(page, session, idle):
    ellipse = Ellipse("y", "x", (0.0, 0.1), (0.5, 0.25))
    assert [len(row._turns) for row in page.rows] == [0, 0]
    session.choose(ellipse)
    assert [len(row._turns) for row in page.rows] == [2, 0]
    left, right = page.rows[0]._turns
    for _ in range(3):
        left.clicks += 1
    assert session.region.angle == pytest.approx(-15 % 180, abs=0.5)  # the axes of a ball are alike within a percent
    for _ in range(3):
        right.clicks += 1
    np.testing.assert_allclose(session.region.half_axes, ellipse.half_axes)


def test_only_pairs_of_known_coordinates_are_projections():
    assert pairs_of("x~y,vphi~vR,q~x,x,~,x~y~z,sinb~l") == [("x", "y"), ("vphi", "vR"), ("sinb", "l")]
    assert pairs_of("") == []
