"""The page of the potential: reliability is judged only when it is looked at, and says by what."""

from dataclasses import replace

import numpy as np
import pytest
from small_runs import TINY

from core.baryons.literature import FLYNN, MCKEE
from core.config import preset
from core.diagnostics.reliability import OUTSIDE, WORDS
from core.diagnostics.turned_axes import along_axes
from dashboard.pages.potential_slices import RELIABILITY, PotentialSlices
from dashboard.session import Session
from dashboard.slices.colour_choice import colour_controls
from dashboard.slices.drawn_slices import Asked, DrawnSlices, asked_by
from dashboard.slices.plane_controls import plane_controls, with_chosen_baryons
from dashboard.widgets import number


@pytest.fixture
def run(finished_run):
    return finished_run("ball")


def test_places_are_judged_once_for_force_and_density(services, run, monkeypatch):
    drawn = DrawnSlices(services.slicer(run), lambda: services.reliability(run))
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


def shown(page):
    """The page when the threads have done their work."""
    page._arrived(page.drawn.at(asked_by(page.session, judged=page._judged)))
    return page


def test_an_address_restores_planes_colours_and_profile(services, run, idle):
    session = Session()
    choices = {"quantity": "acceleration_R", "turn": 30, "arrows": True, "along": "x", "at_x": 0.2, "at_y": -0.1}
    session.take({**choices, "colours": "fixed", "colour_low": -5.0, "colour_high": 5.0})
    page = shown(PotentialSlices(session, services, run))
    assert {figure.turn for figure in page.figures} == {0.0, 30.0}
    assert {(f._mapper.low, f._mapper.high) for f in page.figures} == {(-5.0, 5.0)}
    assert all(len(f.arrows._source.data["x0"]) > 50 for f in page.figures)
    profile = page._drawn.profile
    assert (profile.axis, profile.turn) == ("x", 30)
    assert profile.here == pytest.approx(along_axes((0.2, -0.1, 0.0), 30.0)["x"])
    assert session.take({"turn": 400, "along": "w", "colours": "none"}) is None
    assert (session.turn, session.along, session.colours) == (30, "x", "fixed")


def test_a_click_in_a_turned_plane_moves_the_crosshair_along_it(services, run, idle):
    session = Session(at_x=0.2, at_y=-0.1, at_z=0.3, turn=50.0)
    page = PotentialSlices(session, services, run)
    before = along_axes((0.2, -0.1, 0.3), 50.0)
    page._tapped({"x": before["x"] + 0.2, "z": -0.25}, 50.0)
    after = along_axes((session.at_x, session.at_y, session.at_z), 50.0)
    assert after["x"] == pytest.approx(before["x"] + 0.2, abs=2e-3)
    assert after["y"] == pytest.approx(before["y"], abs=2e-3)
    assert after["z"] == -0.25


def test_every_figure_is_said_in_words(services, run, idle):
    session = Session(arrows=True)
    page = shown(PotentialSlices(session, services, run))
    median, spread, _ = page._drawn.under["density"]
    for words, where in zip(page.words, ("z = 0.00", "x = 0.00", "y = 0.00", "along z through x = 0.00"), strict=True):
        assert where in words.object
        assert f"at the crosshair {number(median, 4)} ± {number(spread, 2)} Msun/pc³" in words.object
    assert "where trusted" in page.words[0].object
    assert "the longest" in page._arrows.object
    session.param.update(show=RELIABILITY, arrows=False)
    shown(page)
    assert all(words in page.words[0].object for words in WORDS.values())
    assert page._arrows.object == ""


def test_what_a_run_does_not_have_is_replaced(services, finished_run, idle):
    """A sphere knows no Galactic plane: neither dark matter beside a disc nor a circular velocity."""
    run = finished_run(config=preset("quick", {**TINY, "potential.frame": "inertial"}))
    session = Session(quantity="dark_matter", show="anything")
    page = PotentialSlices(session, services, run)
    assert (session.quantity, session.show) == ("density", "median")
    offered = page.controls()[1].options
    assert not {"dark_matter", "circular_velocity"} & set(offered.values())
    assert {"acceleration", "acceleration_R", "acceleration_phi"} < set(offered.values())


def test_colours_are_of_all_planes_of_each_or_as_typed(services, run, idle):
    session = Session(quantity="acceleration_z", at_z=0.3)
    page = shown(PotentialSlices(session, services, run))
    limits = lambda: [(f._mapper.low, f._mapper.high) for f in page.figures]  # noqa: E731
    kind, typed = colour_controls(session, lambda: page._limits)[1:]
    assert len(set(limits())) == 1
    assert not typed.visible
    kind.value = "each plane"
    shown(page)
    assert len(set(limits())) > 1
    first = limits()[0]
    kind.value = "fixed"  # from what is on the screen
    shown(page)
    assert typed.visible
    np.testing.assert_allclose(limits(), [first] * 3, rtol=5e-3)
    session.colour_low = session.colour_high + 1.0
    assert typed[1].visible
    shown(page)
    assert all(low < high for low, high in limits())
    session.quantity = "density"
    assert (session.colours, kind.value, typed.visible) == ("automatic", "automatic", False)


def test_other_baryons_are_offered_with_the_dark_matter_alone(services, run, idle):
    page = PotentialSlices(Session(), services, run)
    slicer = replace(page.slicer, baryons=MCKEE)
    session = Session(quantity="dark_matter", baryons="flynn2006")
    *_, choice = plane_controls(session, {"median": "median"}, [slicer])[:4]
    assert (choice.value, choice.visible) == ("flynn2006", True)
    assert with_chosen_baryons(slicer, session.baryons).baryons is FLYNN
    choice.value = ""
    assert with_chosen_baryons(slicer, session.baryons).baryons is MCKEE
    session.quantity = "density"
    assert not choice.visible


def test_a_slow_fit_is_drawn_coarsely_first_and_finely_when_nothing_moves(services, run, idle, monkeypatch):
    page = shown(PotentialSlices(Session(), services, run))
    asked = len(idle)
    monkeypatch.setattr(page.drawn, "_is_slow", True)
    page.session.at_z = 0.25
    page._arrived(idle[-1]())
    coarse = page._drawn.planes[0].median
    assert page._drawn.planes[1].median.size == 4 * coarse.size  # it has not moved
    assert len(idle) == asked + 2  # the fine one has been asked for
    monkeypatch.setattr(page.drawn, "_is_slow", False)
    page._arrived(idle[-1]())
    assert page._drawn.planes[0].median.size == 4 * coarse.size
    assert len(idle) == asked + 2
