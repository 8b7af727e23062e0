"""Regions survive JSON, and what is malformed is refused in words."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_regions import W, inside, trees

from core.errors import RegionError
from core.phase_space import region as regions
from core.phase_space.coordinates import COORDINATES
from core.phase_space.region import And, Box, Ellipse, Expression, Not, Or, Polygon, Shell


@given(trees)
def test_json_brings_back_the_same_region(tree):
    region = regions.from_json(tree)
    again = regions.from_json(json.loads(json.dumps(region.to_json())))
    assert again == region
    assert hash(again) == hash(region)
    assert str(again) == str(region)


def test_a_union_of_many_stays_flat():
    """However many lassos are joined, the document is one list."""
    union = Shell(1.0) | Shell(2.0)
    for i in range(200):
        union = union | Shell(3.0 + i)
    assert len(union.parts) == 202
    assert regions.from_json(union.to_json()) == union
    assert len(str(union)) < 100


def nested(kind, depth):
    tree = {"kind": "everything"}
    for _ in range(depth):
        tree = {"kind": "not", "part": tree} if kind == "not" else {"kind": "and", "parts": [tree]}
    return tree


MALFORMED = [
    None,
    3,
    "shell",
    [],
    [{"kind": "everything"}],
    {},
    {"kind": None},
    {"kind": ["shell"]},
    {"kind": "shel", "outer": 1},
    {"kind": "region"},
    {"kind": "shell"},
    {"kind": "shell", "outer": "1"},
    {"kind": "shell", "outer": None},
    {"kind": "shell", "outer": True},
    {"kind": "shell", "outer": [1]},
    {"kind": "shell", "outer": 1, "centre": [0, 0]},
    {"kind": "shell", "outer": 1, "centre": ["a", 0, 0]},
    {"kind": "shell", "outer": 1, "centre": 0},
    {"kind": "shell", "outer": 1, "radius": 2},
    {"kind": "shell", "outer": 1, "inner": 1},
    {"kind": "shell", "outer": -1},
    {"kind": "shell", "outer": float("nan")},
    {"kind": "shell", "outer": float("inf")},
    {"kind": "shell", "outer": 1, "centre": [float("nan"), 0, 0]},
    {"kind": "shell", "outer": 10**400},
    {"kind": "box"},
    {"kind": "box", "ranges": "xyz"},
    {"kind": "box", "ranges": [["x", 0]]},
    {"kind": "box", "ranges": [["x", 0, 1, 2]]},
    {"kind": "box", "ranges": [["x", "0", "1"]]},
    {"kind": "box", "ranges": [["x", 1, 0]]},
    {"kind": "box", "ranges": [["x", 0, float("nan")]]},
    {"kind": "box", "ranges": [["q", 0, 1]]},
    {"kind": "box", "ranges": [[{"kind": "everything"}, 0, 1]]},
    {"kind": "box", "ranges": {"x": [0, 1]}},
    {"kind": "ellipse", "x": "x", "y": "y", "centre": [0, 0], "half_axes": [1, 0]},
    {"kind": "ellipse", "x": "x", "y": "y", "centre": [0, 0], "half_axes": [1, float("nan")]},
    {"kind": "ellipse", "x": "x", "y": "y", "centre": [0], "half_axes": [1, 1]},
    {"kind": "ellipse", "x": "q", "y": "y", "centre": [0, 0], "half_axes": [1, 1]},
    {"kind": "ellipse", "x": "x", "y": "y", "centre": [0, 0], "half_axes": [1, 1], "angle": float("inf")},
    {"kind": "polygon", "x": "x", "y": "y", "vertices": [[0, 0], [1, 1]]},
    {"kind": "polygon", "x": "x", "y": "y", "vertices": [[0, 0], [1, 1], [2]]},
    {"kind": "polygon", "x": "x", "y": "y", "vertices": [[0, 0], [1, 1], [2, None]]},
    {"kind": "polygon", "x": "x", "y": "y", "vertices": [[0, 0], [1, 1], [2, float("inf")]]},
    {"kind": "polygon", "x": 1, "y": "y", "vertices": [[0, 0], [1, 1], [2, 0]]},
    {"kind": "distance_mask"},
    {"kind": "distance_mask", "distances": 1.0},
    {"kind": "distance_mask", "distances": []},
    {"kind": "distance_mask", "distances": [1] * 11},
    {"kind": "distance_mask", "distances": [1] * 108},
    {"kind": "distance_mask", "distances": [0] * 12},
    {"kind": "distance_mask", "distances": [1] * 11 + [-1]},
    {"kind": "distance_mask", "distances": [1] * 11 + ["1"]},
    {"kind": "distance_mask", "distances": [1] * 11 + [True]},
    {"kind": "distance_mask", "distances": [1] * 11 + [None]},
    {"kind": "distance_mask", "distances": [1] * 11 + [float("nan")]},
    {"kind": "distance_mask", "distances": [1] * 11 + [float("inf")]},
    {"kind": "distance_mask", "distances": [1] * 12, "nested": 1},
    {"kind": "distance_mask", "distances": [1] * 12, "nested": "true"},
    {"kind": "expression"},
    {"kind": "expression", "text": 5},
    {"kind": "expression", "text": "__import__('os')"},
    {"kind": "and"},
    {"kind": "and", "parts": []},
    {"kind": "or", "parts": []},
    {"kind": "and", "parts": [1, 2]},
    {"kind": "or", "parts": {"kind": "everything"}},
    {"kind": "or", "parts": [[{"kind": "everything"}]]},
    {"kind": "not", "part": 1.0},
    {"kind": "not", "part": [{"kind": "everything"}]},
    {"kind": "not", "part": {"kind": "nothing"}},
    {"kind": "everything", "parts": []},
    nested("not", 200),
    nested("and", 200),
    {"kind": "box", "ranges": [["x", [[[]]], 1]]},
]

# Without the type checks of the test process: they would refuse what the program itself lets through.
CHECK = """
import json, sys
from core.errors import RegionError
from core.phase_space.region import from_json
for document in json.load(sys.stdin):
    try:
        print("accepted", from_json(document))
    except RegionError as error:
        print("refused", error)
"""


def test_every_malformed_document_is_refused_in_words():
    text = json.dumps(MALFORMED)
    done = subprocess.run([sys.executable, "-c", CHECK], input=text, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert [a for a, d in zip(answers, MALFORMED, strict=True) if not a.startswith("refused ")] == []
    assert all(len(answer) < 500 for answer in answers)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from([*regions.KINDS, *COORDINATES]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "parts", "part", "outer", "inner", "centre", "ranges", "x", "y", "text"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(anything)
def test_any_document_is_a_region_or_a_refusal(value):
    try:
        region = regions.from_json(value)
    except RegionError:
        return
    assert inside(region).shape == (len(W),)
    assert regions.from_json(region.to_json()) == region


@pytest.mark.parametrize("depth", [1, 20])
def test_as_deep_as_anybody_draws_is_fine(depth):
    assert inside(regions.from_json(nested("not", depth))).all() == (depth % 2 == 0)
    assert inside(regions.from_json(nested("and", depth))).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Box((("x", 1.0, 1.0),)), "the range of x is empty"),
        (lambda: Box((("rr", 0.0, 1.0),)), "unknown coordinate 'rr'"),
        (lambda: Shell(1.0, 2.0), "has no volume"),
        (lambda: Shell(0.0), "has no volume"),
        (lambda: Ellipse("x", "y", (0.0, 0.0), (1.0, -1.0)), "positive half axes"),
        (lambda: Polygon("x", "y", ((0.0, 0.0), (1.0, 1.0))), "three vertices"),
        (lambda: And(()), "at least one"),
        (lambda: Or(()), "at least one"),
    ],
)
def test_a_region_without_sense_is_refused_when_it_is_made(make, words):
    with pytest.raises(RegionError, match=words):
        make()


def test_regions_describe_themselves():
    region = (Shell(1.0) | Box((("vphi", 200.0, 260.0),))) & ~Expression("abs(z) < 0.1")
    assert str(region) == "(r < 1 kpc | 200 < vφ < 260) & not (abs(z) < 0.1)"
    assert isinstance(~region, Not)
