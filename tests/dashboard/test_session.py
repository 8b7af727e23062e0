"""Whatever a session has chosen survives the address; whatever an address holds gives a session."""

import json
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from panel.util import parse_query

from core.phase_space import region as regions
from core.phase_space.region import Box, Everything, Expression, Polygon, Shell
from dashboard.plots.palette import DARK, LIGHT
from dashboard.session import Session, decoded, encoded

numbers = st.floats(-1e6, 1e6)
names = st.sampled_from(["x", "vphi", "l", "sinb"])
pairs = st.tuples(numbers, numbers)
bounds = st.one_of(
    st.tuples(numbers, st.floats(1, 1e6)).map(lambda p: (p[0], p[0] + p[1])),
    numbers.map(lambda low: (low, np.inf)),
    numbers.map(lambda high: (-np.inf, high)),
    st.just((-np.inf, np.inf)),
)


def document(kind, **fields):
    """A region as JSON: it becomes a region in the test, where the run-time type checks may draw random numbers."""
    return st.fixed_dictionaries({"kind": st.just(kind), **fields})


leaves = st.one_of(
    document("everything"),
    document("box", ranges=st.lists(st.tuples(names, bounds).map(lambda p: (p[0], *p[1])), min_size=1, max_size=3)),
    document("polygon", x=names, y=names, vertices=st.lists(pairs, min_size=3, max_size=8)),
    document("shell", outer=st.floats(0.5, 3), inner=st.floats(0, 0.4)),
    document("ellipse", x=names, y=names, centre=pairs, half_axes=st.tuples(*[st.floats(0.1, 9)] * 2), angle=numbers),
    document("expression", text=st.sampled_from(["abs(z) < 0.1 & vphi > 200", "r < 1 | ~(R > 8)", "x < 1e-3"])),
)
trees = st.recursive(
    leaves,
    lambda inner: (
        document("not", part=inner)
        | document("and", parts=st.lists(inner, min_size=1, max_size=3))
        | document("or", parts=st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=5,
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def through_the_address(session):
    """Another session that was given the address of this one, as Panel writes and reads it."""
    values = {name: getattr(session, name) for name in Session.in_address()}
    query = "?" + urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()})
    other = Session()
    other.take(parse_query(query))
    return other


@given(plain)
def test_a_value_survives_its_text_which_panel_takes_for_text(value):
    text = encoded(value)
    assert decoded(text) == value
    assert not text.startswith(("{", "["))
    assert parse_query("?" + urlencode({"key": text})) == {"key": text}


@given(trees, trees)
def test_chosen_and_named_regions_survive_the_address(chosen, named):
    chosen, named = regions.from_json(chosen), regions.from_json(named)
    session = Session()
    session.choose(chosen)
    session.name_subsets({"b 2": named, "a & ~[{": chosen})
    other = through_the_address(session)
    assert other.region == chosen
    assert list(other.named.items()) == [("b 2", named), ("a & ~[{", chosen)]


def test_everything_else_survives_the_address():
    chosen = {"page": "scalars", "run": "20260101-000000-0000-ball", "bins": 64, "contours": False, "at_x": -0.125}
    chosen |= {"brush": "ellipse", "combine": "and not", "linked": False, "marginals": True}
    other = through_the_address(Session(**chosen))
    assert {name: getattr(other, name) for name in Session.in_address()} == {
        **{name: getattr(Session(), name) for name in Session.in_address()},
        **chosen,
    }


UNREADABLE = {
    "nothing": "",
    "mark alone": "~",
    "cut": '~{"kind":"box","ranges":[["x",0',
    "bare text": "vphi > 200",
    "number": "~5",
    "null": "~null",
    "list": "~[]",
    "unknown kind": '~{"kind":"circle"}',
    "unknown coordinate": '~{"kind":"box","ranges":[["q",0,1]]}',
    "empty range": '~{"kind":"box","ranges":[["x",1,0]]}',
    "huge number": '~{"kind":"box","ranges":[["x",0,1' + "0" * 400 + "]]}",
    "deep": "~" + "[" * 50_000,
    "deep regions": "~" + '{"kind":"not","part":' * 500 + '{"kind":"everything"}' + "}" * 500,
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_gives_everything(case):
    session = Session(subset=UNREADABLE[case], subsets=UNREADABLE[case])
    assert session.region == Everything()
    assert session.named == {}
    assert session.offered == {}


def test_named_subsets_keep_their_order_and_a_damaged_one_hides_no_other():
    readable = [["z", Shell(1.0).to_json()], ["a", Expression("z > 0").to_json()]]
    session = Session(subsets=encoded([readable[0], ["lost", {"kind": "circle"}], ["alone"], 5, readable[1]]))
    assert list(session.named.items()) == [("z", Shell(1.0)), ("a", Expression("z > 0"))]
    session.name_subsets({})
    assert session.subsets == ""


def test_an_address_is_taken_as_far_as_it_is_valid():
    session = Session()
    session.take({"bins": 77, "theme": "dark", "at_x": "far", "page": "nowhere", "run": 5, "at_y": 0.5, "subset": True})
    assert (session.bins, session.theme, session.at_x, session.page) == (128, "dark", 0.0, "quality")
    assert (session.run, session.at_y, session.region) == ("5", 0.5, Everything())
    assert (Session().palette, session.palette) == (LIGHT, DARK)


def test_what_is_drawn_is_combined_with_what_is_chosen():
    a, b = Shell(1.0), Expression("z > 0")
    expected = {"replace": b, "and": a & b, "or": a | b, "and not": a & ~b}
    for combine, region in expected.items():
        session = Session(combine=combine)
        session.choose(a)
        session.draw(b)
        assert session.region == region
    # Of all stars, "or" takes what is drawn for a beginning.
    for combine, region in {"and": b, "or": b, "and not": ~b}.items():
        session = Session(combine=combine)
        session.draw(b)
        assert session.region == region


def test_lassos_that_are_called_alike_are_offered_apart():
    first, second, third = (Polygon("x", "y", ((0.0, 0.0), (1.0, 0.0), (1.0, top))) for top in (1.0, 2.0, 3.0))
    session = Session()
    session.choose(first)
    assert session.offered == {"lasso in x–y": first}
    for chosen in (second, third):
        session.name_subsets(session.offered)
        session.choose(chosen)
    assert session.offered == {"lasso in x–y": first, "lasso in x–y (2)": second, "lasso in x–y (3)": third}
    session.choose(Everything())
    assert session.offered == {"lasso in x–y": first, "lasso in x–y (2)": second}
    session.choose(Box((("x", 0.0, 1.0),)))
    assert list(session.offered)[-1] == "0 < x < 1"
