"""The page in plain Python: rows for projections, ranges and subsets from the session and back to it."""

import numpy as np
import pytest

from core.diagnostics.residual_maps import SignificanceMap
from core.phase_space.region import Expression
from dashboard.pages.flow_quality import FlowQuality
from dashboard.plots.palette import DARK
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
