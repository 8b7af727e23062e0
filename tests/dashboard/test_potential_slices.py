"""The page of the potential: reliability is judged only when it is looked at, and says by what."""

import numpy as np
import pytest

from core.diagnostics.reliability import OUTSIDE, WORDS
from dashboard.drawn_slices import Asked, DrawnSlices
from dashboard.pages.potential_slices import RELIABILITY, PotentialSlices
from dashboard.session import Session


@pytest.fixture
def run(finished_run):
    return finished_run("ball")


def test_places_are_judged_once_for_force_and_density(services, run, monkeypatch):
    drawn = DrawnSlices(services, run)
    asked = []
    original = type(drawn.judge).classes
    monkeypatch.setattr(type(drawn.judge), "classes", lambda self, a, x: asked.append(a) or original(self, a, x))
    assert drawn.at(Asked("density", (0.0, 0.0, 0.0))).classes is None
    for quantity in ("density", "potential", "acceleration_x", "density"):
        shown = drawn.at(Asked(quantity, (0.0, 0.0, 0.0), judged=True))
        for plane, classes in zip(shown.planes, shown.classes, strict=True):
            np.testing.assert_array_equal(classes != OUTSIDE, plane.inside)
    assert asked == ["density"] * 3 + ["force"] * 3


def test_the_view_and_the_grey_ask_for_what_they_need(services, run, idle):
    session = Session()
    page = PotentialSlices(session, services, run)
    assert RELIABILITY in page.views
    first = idle[-1]  # what is asked for when the page opens
    page._arrived(first())
    assert not page._legend.visible
    for change in ({"show": RELIABILITY}, {"show": "median", "grey": True}):
        session.param.update(**change)
        asked = len(idle)
        page._arrived(first())  # an answer without classes is not drawn: they are asked for
        assert len(idle) == asked + 1
        page._arrived(idle[-1]())
        assert page._legend.visible
        assert all(words in page._legend.object for words in WORDS.values())
        assert "Φ seed" in page._legend.object
    session.grey = False
    page._redraw()
    assert not page._legend.visible


def test_a_click_moves_two_sliders_at_once(services, run, idle):
    session = Session()
    page = PotentialSlices(session, services, run)
    asked = len(idle)
    page._tapped({"x": 0.2, "y": 9.0})
    assert (session.at_x, session.at_y) == (0.2, 1.0)
    assert len(idle) > asked
