"""Two scalars at a time: which are drawn, what of them, and that a link brings the choice back."""

from dataclasses import replace

import holoviews as hv
import numpy as np
import pytest

from core.diagnostics.scalar_draws import ScalarDraws
from core.pipelines import TITLES
from dashboard.plots.pairs import pair_figure, shared_pipelines
from dashboard.plots.palette import DARK, LIGHT
from dashboard.scalars.scalar_pair import ScalarPair, chosen_pair, relation
from dashboard.session import Session

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 400))


def scalar(name, truth=None, **pipelines):
    return ScalarDraws(name, f"<{name}>", "km/s", "here", 1.0, pipelines, truth)


FIRST = scalar("a", 0.5, bootstrap=X, df_seed=Y[:4], potential_seed=X[:8], weak_form=X[:3], baryons=Y[:101])
SECOND = scalar("b", 0.25, bootstrap=2 * X, potential_seed=X[:7], weak_form=Y[:3], baryons=X[:101])


def drawn(figure):
    """Glyphs of a figure as Bokeh draws them, and the colours of its draws."""
    return hv.render(figure, backend="bokeh").renderers


def test_only_ensembles_with_both_quantities_of_every_potential_are_drawn():
    assert shared_pipelines(FIRST, SECOND) == {p: TITLES[p] for p in ("bootstrap", "weak_form")}


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_every_draw_is_a_point_in_the_colour_of_its_pipeline(palette):
    bootstrap, weak_form, *_ = drawn(pair_figure(FIRST, SECOND, palette, truth=False))
    for renderer, pipeline in ((bootstrap, "bootstrap"), (weak_form, "weak_form")):
        columns = list(renderer.data_source.data.values())
        assert any(np.array_equal(c, FIRST.pipelines[pipeline]) for c in columns)
        assert any(np.array_equal(c, SECOND.pipelines[pipeline]) for c in columns)
        assert renderer.glyph.fill_color == palette.of(pipeline)


def test_the_figure_wears_the_theme():
    figure = hv.render(pair_figure(FIRST, SECOND, DARK, truth=True), backend="bokeh")
    assert figure.background_fill_color == figure.border_fill_color == DARK.panel
    assert figure.xaxis.axis_label == "<a>  [km/s]"
    assert figure.yaxis.axis_label == "<b>  [km/s]"
    assert figure.toolbar_location is None


def test_the_truth_is_drawn_where_it_is_asked_for_and_known():
    without = len(drawn(pair_figure(FIRST, SECOND, LIGHT, truth=False)))
    assert len(drawn(pair_figure(FIRST, SECOND, LIGHT, truth=True))) == without + 1
    assert len(drawn(pair_figure(FIRST, replace(SECOND, truth=None), LIGHT, truth=True))) == without


def test_the_error_bars_are_the_errors():
    parts = drawn(pair_figure(FIRST, SECOND, LIGHT, truth=False))
    (bars,) = [p for p in parts if type(p.glyph).__name__ == "Segment"]
    ends = np.array([bars.data_source.data[getattr(bars.glyph, key)] for key in ("x0", "x1", "y0", "y1")])
    assert np.ptp(ends[:2]) / 2 == pytest.approx(FIRST.error)
    assert np.ptp(ends[2:]) / 2 == pytest.approx(SECOND.error)


@pytest.mark.parametrize(
    ("names", "x", "y", "expected"),
    [
        ("a density_slab vertical_force", "", "", ("vertical_force", "density_slab")),
        ("a b c", "", "", ("a", "b")),
        ("a b c", "c", "a", ("c", "a")),
        ("a b c", "b", "b", ("b", "a")),
        ("a b c", "gone", "c", ("c", "a")),
        ("a", "a", "a", None),
        ("", "", "", None),
    ],
)
def test_the_pair_is_two_that_are_there(names, x, y, expected):
    assert chosen_pair(names.split(), x, y) == expected


@pytest.mark.parametrize(("other", "words"), [(2 * X, "larger"), (-X, "smaller"), (Y, "hardly"), (0 * X, "nothing")])
def test_how_they_go_together_is_said(other, words):
    sentence = relation(FIRST, scalar("b", bootstrap=other))
    assert words in sentence
    assert ("Pearson r = " in sentence) == (words != "nothing")


def test_the_assumed_error_of_the_baryons_hides_no_relation():
    one, other = scalar("a", bootstrap=X), scalar("b", bootstrap=X, baryons=9 * Y)
    assert relation(one, other).startswith("Pearson r = 1.00")


def shown(card):
    return card._x.value, card._y.value


def test_a_choice_is_in_the_session_and_comes_back():
    session = Session()
    card = ScalarPair(session)
    card.show([FIRST, SECOND, scalar("c", bootstrap=Y)])
    assert shown(card) == ("a", "b")
    assert (session.pair_x, session.pair_y) == ("", "")  # what is shown unasked is no choice
    card._y.value = "c"
    assert (session.pair_x, session.pair_y) == ("a", "c")
    assert "b" in card._y.options.values()
    assert "c" not in card._x.options.values()  # a quantity against itself says nothing
    other = ScalarPair(Session(pair_x="c", pair_y="b"))
    other.show([FIRST, SECOND, scalar("c", bootstrap=Y)])
    assert shown(other) == ("c", "b")


def test_a_pair_that_is_not_there_yet_is_waited_for():
    """A volume of one's own is there only after averaging anew: the link that names it must survive until then."""
    session = Session(pair_x="density@thin", pair_y="a")
    card = ScalarPair(session)
    card.show([FIRST, SECOND])
    assert shown(card) == ("a", "b")
    assert session.pair_x == "density@thin"
    card.show([FIRST, SECOND, scalar("density@thin", bootstrap=Y)])
    assert shown(card) == ("density@thin", "a")


def test_the_figure_follows_the_session():
    session = Session()
    card = ScalarPair(session)
    card.show([FIRST, SECOND])
    before = card._picture.object
    session.theme = "dark"
    assert card._picture.object is not before


@pytest.mark.parametrize("scalars", [[], [FIRST], [FIRST, scalar("b", baryons=X)]])
def test_fewer_than_two_with_draws_is_said(scalars):
    card = ScalarPair(Session())
    card.show(scalars)
    (words,) = card._content
    assert "Fewer than two" in words.object
    card.show([FIRST, SECOND])
    assert card._picture in list(card._content)
