"""Subsets are drawn, typed, named and removed; none is lost, and a fit takes the one that is shown."""

import html
import re

import panel as pn
import pytest

from core.config import preset
from core.flow.halves import fewest_stars, shortage
from core.phase_space.coordinates import COORDINATES
from core.phase_space.expression import FUNCTIONS
from core.phase_space.region import Box, Everything, Expression, Polygon
from dashboard.pages.retraining import Retraining
from dashboard.quality.retrain import RetrainButton, cost
from dashboard.quality.subset_algebra import SubsetAlgebra
from dashboard.quality.subsets import ALL, SubsetPicker
from dashboard.session import Session

BOX = Box((("x", 0.0, 0.5),))
LASSOS = [Polygon("x", "y", ((-9.0, -9.0), (9.0, -9.0), (right, 9.0))) for right in (-9.0, 9.0)]


@pytest.fixture
def session():
    return Session()


@pytest.fixture
def run(finished_run):
    return finished_run()


@pytest.fixture
def stars(services, run):
    return services.data(run)


@pytest.fixture
def picker(session, stars):
    return SubsetPicker(session, stars)


def listed(picker):
    return {name: label for label, name in picker._list.options.items()}


def test_the_list_says_how_many_stars_are_in_each(picker, session, stars):
    assert listed(picker) == {ALL: "all stars · 2\u202f000"}
    session.choose(BOX)
    inside = int(((stars.w[:, 0] >= 0) & (stars.w[:, 0] <= 0.5)).sum())
    assert listed(picker) == {ALL: "all stars · 2\u202f000", "0 < x < 0.5": f"0 < x < 0.5 · {inside}"}
    assert picker.chosen == picker._list.value == "0 < x < 0.5"


def test_a_drawn_subset_stays_when_another_is_chosen(picker, session):
    session.choose(BOX)
    picker._list.value = ALL
    assert session.region == Everything()
    assert list(listed(picker)) == [ALL, "0 < x < 0.5"]
    picker._list.value = "0 < x < 0.5"
    assert session.region == BOX


def test_two_lassos_in_one_projection_are_both_kept(picker, session):
    session.choose(LASSOS[0])
    picker._list.value = ALL
    session.choose(LASSOS[1])
    picker._list.value = ALL
    assert list(session.named.values()) == LASSOS
    assert list(listed(picker)) == [ALL, "lasso in x–y", "lasso in x–y (2)"]


def test_a_condition_is_typed_and_a_mistake_is_told(picker, session, notifications):
    picker._typed.value = "abs(z) < 0.1 & vphj > 200"
    assert "Did you mean 'vphi'?" in notifications[0].message
    assert session.region == Everything()
    assert picker._typed.value != ""  # to be corrected
    picker._typed.value = " abs(z) < 0.1 "
    assert session.region == Expression("abs(z) < 0.1")
    assert picker._typed.value == ""


def test_a_subset_is_renamed_but_not_to_a_name_that_is_taken(picker, session, notifications):
    session.name_subsets({"first": BOX})
    session.choose(LASSOS[0])
    picker._rename.value = " second "
    assert list(session.named.items()) == [("first", BOX), ("second", LASSOS[0])]
    for taken in ("first", ALL):
        picker._rename.value = taken
        assert "already" in notifications[-1].message
    picker._rename.value = "second"
    assert list(session.named) == ["first", "second"]
    assert len(notifications) == 2


def test_a_subset_that_is_revised_keeps_its_name_and_leaves_none_behind(picker, session):
    session.name_subsets({"first": BOX, "second": LASSOS[0]})
    session.choose(BOX)
    session.revise(LASSOS[1])
    assert session.named == {"first": LASSOS[1], "second": LASSOS[0]}
    assert (picker.chosen, session.region) == ("first", LASSOS[1])


def test_a_removed_subset_is_gone_and_all_stars_are_chosen(picker, session):
    session.name_subsets({"first": BOX, "second": LASSOS[0]})
    session.choose(BOX)
    assert picker._remove.visible
    picker._remove.clicks += 1
    assert (session.region, session.named) == (Everything(), {"second": LASSOS[0]})
    assert not picker._remove.visible


@pytest.fixture
def algebra(session):
    return SubsetAlgebra(session)


def combine(algebra, first, operator, second):
    algebra._first.value, algebra._operator.value, algebra._second.value = first, operator, second
    algebra._combined()


def test_any_two_subsets_make_a_third(algebra, picker, session, stars):
    assert not algebra._card.visible
    session.name_subsets({"slab": BOX})
    session.choose(LASSOS[0])
    assert algebra._card.visible
    lasso = "lasso in x–y"
    for operator, region in {"and": BOX & LASSOS[0], "or": BOX | LASSOS[0], "and not": BOX & ~LASSOS[0]}.items():
        combine(algebra, "slab", operator, lasso)
        assert session.region == region
        assert picker.chosen == f"slab {operator} ({lasso})"
    assert {"slab", lasso} <= set(session.named)
    combine(algebra, "slab", "and not", f"slab or ({lasso})")
    assert stars.mask(session.region).sum() == 0
    assert "It holds no star" in picker._words.object
    counts = {name: int(stars.mask(region).sum()) for name, region in session.named.items()}
    both, either = (counts[f"slab {operator} ({lasso})"] for operator in ("and", "or"))
    assert both + either == counts["slab"] + counts[lasso]


def test_the_rest_of_a_subset_is_a_subset_and_twice_it_is_the_first(algebra, picker, session, stars):
    session.choose(BOX)
    algebra._first.value = "0 < x < 0.5"
    algebra._inverted()
    assert (picker.chosen, session.region) == ("not (0 < x < 0.5)", ~BOX)
    assert stars.mask(BOX).sum() + stars.mask(~BOX).sum() == len(stars)
    algebra._first.value = picker.chosen
    algebra._inverted()
    assert (picker.chosen, session.region) == ("0 < x < 0.5", BOX)
    assert len(session.named) == 2


def test_a_name_that_is_taken_by_another_region_gets_a_number(algebra, picker, session):
    session.name_subsets({"a": BOX, "not a": LASSOS[0]})
    algebra._first.value = "a"
    algebra._inverted()
    assert session.named == {"a": BOX, "not a": LASSOS[0], "not a (2)": ~BOX}


def test_the_help_names_every_coordinate_and_its_examples_are_subsets(picker, stars):
    words = html.unescape("".join(pane.object for pane in picker.__panel__().select(pn.pane.HTML)))
    assert all(f"<code>{name}</code>" in words for name in (*COORDINATES, *FUNCTIONS))
    examples = [e for e in re.findall("<code>(.*?)</code>", words) if "<" in e]
    assert len(examples) == 2
    assert all(0 < stars.mask(Expression(example)).sum() < len(stars) for example in examples)


@pytest.fixture
def button(session, services, run, picker):
    return RetrainButton(session, services, run, picker, lambda run: None)


def test_retraining_tells_its_cost_or_why_it_cannot_be(button, session, run):
    config = run.manifest.config
    assert (button._button.label, button._button.disabled) == ("Retrain on all stars", False)
    assert cost(config, 2000) in button._words.object
    session.choose(Expression("r < 0.6"))
    assert (button._button.label, button._button.disabled) == ("Retrain on this subset", True)
    assert "stars are too few: each half needs 256 to train on and gets " in button._words.object
    needed = fewest_stars(config.flow)
    assert f"Choose {needed} or more." in button._words.object
    assert (shortage(needed - 1, None, config.flow) is None, shortage(needed, None, config.flow)) == (False, None)
    session.choose(Expression("r < 0.9"))
    assert not button._button.disabled


def test_what_the_button_offers_is_fitted(button, session, services, run, monkeypatch):
    started = []
    monkeypatch.setattr("dashboard.services.launch_detached", started.append)
    session.choose(Expression("r < 0.9"))
    button._button.clicks += 1
    (new,) = started
    assert new.manifest.region == Expression("r < 0.9")
    assert (new.manifest.parent, new.manifest.name) == (run.id, "r < 0.9")
    assert len(services.data(new)) == new.manifest.stars


@pytest.fixture
def training(session, services, run, monkeypatch):
    monkeypatch.setattr(type(pn.state), "add_periodic_callback", lambda *_, **__: None)
    session.name_subsets({"lasso in x–y": LASSOS[0]})
    session.choose(LASSOS[1])
    return Retraining(session, services, lambda run: None)


def test_the_page_train_takes_the_subset_that_is_shown(training, services, monkeypatch):
    started = []
    monkeypatch.setattr("dashboard.services.launch_detached", started.append)
    assert list(training._subset.options) == ["all stars", "lasso in x–y", "lasso in x–y (2)"]
    for name, region in (("lasso in x–y (2)", LASSOS[1]), ("lasso in x–y", LASSOS[0]), ("all stars", Everything())):
        if name != "lasso in x–y (2)":  # the chosen one is chosen here too
            training._subset.value = name
        training._start.clicks += 1
        assert started[-1].manifest.region == region
        assert f"{started[-1].manifest.stars:,} stars".replace(",", "\u202f") in training._cost.object


def test_the_page_train_asks_for_as_many_stars_as_the_fit_needs(training):
    assert not training._start.disabled
    training._form.__panel__().collapsed = False
    training._form._widgets["flow.held_out"].value = 0.5
    assert training._start.disabled
    assert "too few: each half needs 256 to train on and gets 2" in training._cost.object
    assert "flow.halves=false" in training._cost.object
    training._form._widgets["flow.halves"].value = False
    assert not training._start.disabled
    assert training._config() == preset("quick", {"flow.halves": False, "flow.held_out": 0.5})
    training._subset.value = "all stars"
    training._form._widgets["flow.halves"].value = True
    assert not training._start.disabled
