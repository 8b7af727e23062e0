"""Regions obey the algebra of sets, survive JSON, and refuse what is malformed in words."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RegionError
from core.phase_space import region as regions
from core.phase_space.coordinates import COORDINATES
from core.phase_space.region import COMBINATIONS, And, Box, Ellipse, Everything, Expression, Not, Or, Polygon, Shell
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
RNG = np.random.default_rng(0)
W = np.concatenate([RNG.normal(size=(400, 3)), RNG.normal(size=(400, 3)) * 50], 1)

numbers = st.floats(-3, 3)
names = st.sampled_from(sorted(COORDINATES))
pairs = st.tuples(numbers, numbers)
intervals = st.tuples(numbers, st.floats(0.01, 4)).map(lambda p: (p[0], p[0] + p[1]))


def document(kind: str, **fields: st.SearchStrategy) -> st.SearchStrategy:
    """A region as JSON: it becomes a region in the test, where the run-time type checks may draw random numbers."""
    return st.fixed_dictionaries({"kind": st.just(kind), **fields})


boxes = document(
    "box", ranges=st.lists(st.tuples(names, intervals).map(lambda p: (p[0], *p[1])), min_size=1, max_size=4)
)
cubes = document("box", ranges=st.tuples(*(intervals.map(lambda limits, axis=axis: (axis, *limits)) for axis in "xyz")))
shells = document(
    "shell", outer=st.floats(0.5, 3), inner=st.floats(0, 0.4), centre=st.tuples(numbers, numbers, numbers)
)
half_axes = st.tuples(st.floats(0.1, 3), st.floats(0.1, 3))
ellipses = document("ellipse", x=names, y=names, centre=pairs, half_axes=half_axes, angle=st.floats(-360, 360))
polygons = document("polygon", x=names, y=names, vertices=st.lists(pairs, min_size=3, max_size=6))
conditions = [
    "r < 1.5",
    "abs(x) < 1 & abs(y) < 0.5 & -1 < z < 2",
    "vx > 0 & r <= 1",
    "x < 0 | vy > 10",
    "~(R > 8)",
    "1 < 2",
]
expressions = document("expression", text=st.sampled_from(conditions))
reaches = st.lists(st.floats(0, 3), min_size=12, max_size=12).filter(any)
masks = document("distance_mask", distances=reaches, nested=st.booleans())
leaves = st.one_of(document("everything"), boxes, cubes, shells, ellipses, polygons, expressions, masks)
trees = st.recursive(
    leaves,
    lambda inner: (
        document("not", part=inner)
        | document("and", parts=st.lists(inner, min_size=1, max_size=3))
        | document("or", parts=st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=5,
)


def inside(region, w=W):
    return region.contains_points(w, SUN)


# ---------------------------------------------------------------------------------------------------- Boolean algebra


@given(trees, trees, trees)
def test_regions_are_an_algebra_of_sets(a, b, c):
    a, b, c = map(regions.from_json, (a, b, c))
    A, B, C = (inside(r) for r in (a, b, c))
    laws = [
        (a & b, A & B),
        (a | b, A | B),
        (~a, ~A),
        (~~a, A),
        (~(a & b), ~A | ~B),  # De Morgan
        (~(a | b), ~A & ~B),
        (a & b & c, A & B & C),
        (a & (b & c), A & B & C),
        (a | b | c, A | B | C),
        (a & (b | c), (A & B) | (A & C)),
        (a | ~a, np.ones(len(W), bool)),
        (a & ~a, np.zeros(len(W), bool)),
        (a & Everything(), A),
        (Everything() | a, np.ones(len(W), bool)),
        (COMBINATIONS["and"](a, b), A & B),
        (COMBINATIONS["or"](a, b), A | B),
        (COMBINATIONS["and not"](a, b), A & ~B),
    ]
    for region, expected in laws:
        np.testing.assert_array_equal(inside(region), expected)


@given(trees)
def test_a_region_is_inside_its_spatial_part(tree):
    """Whatever the velocities: so the spatial part can be the support of n(x)."""
    region = regions.from_json(tree)
    spatial = region.spatial_part()
    assert spatial.is_spatial
    assert np.all(inside(spatial) | ~inside(region))
    assert spatial.spatial_part() == spatial
    if region.is_spatial:
        np.testing.assert_array_equal(inside(spatial), inside(region))
    other = W.copy()
    other[:, 3:] = 0
    np.testing.assert_array_equal(inside(spatial), inside(spatial, other))
    np.testing.assert_array_equal(inside(spatial), region.contains_positions(W[:, :3], SUN))


@given(trees)
def test_the_bounding_ball_holds_the_region(tree):
    region = regions.from_json(tree)
    ball = region.bounding_ball()
    if ball is None:
        return
    centre, radius = ball
    assert np.isfinite([*centre, radius]).all()
    distance = np.linalg.norm(W[:, :3] - np.array(centre), axis=1)
    assert np.all(distance[inside(region)] <= radius + 1e-9)


@pytest.mark.parametrize(
    ("region", "ball"),
    [
        (Shell(2.0, 0.5, (1.0, 0.0, 0.0)), ((1.0, 0.0, 0.0), 2.0)),
        (Box((("x", 0.0, 2.0), ("y", -1.0, 1.0), ("z", -2.0, 0.0))), ((1.0, 0.0, -1.0), np.sqrt(3))),
        (Box((("r", 0.0, 0.7), ("vx", -1.0, 1.0))), ((0.0, 0.0, 0.0), 0.7)),
        (Expression("r < 1"), ((0.0, 0.0, 0.0), 1.0)),
        (Expression("abs(z) < 0.3 & r < 1 & vx > 0"), ((0.0, 0.0, 0.0), 1.0)),
        (Expression("0 < x < 2 & abs(y) < 1 & -2 < z & z < 0"), ((1.0, 0.0, -1.0), np.sqrt(3))),
        (Shell(2.0) & Expression("r < 0.5") & ~Shell(0.1), ((0.0, 0.0, 0.0), 0.5)),
        (Shell(1.0, centre=(2.0, 0.0, 0.0)) | Shell(1.0, centre=(-2.0, 0.0, 0.0)), ((0.0, 0.0, 0.0), 3.0)),
        (Everything(), None),
        (~Shell(1.0), None),
        (Box((("x", 0.0, 1.0), ("y", 0.0, 1.0))), None),
        (Box((("x", 0.0, np.inf), ("y", 0.0, 1.0), ("z", 0.0, 1.0))), None),
        (Expression("r < 1 | z > 0"), None),
        (Expression("r < 1e400"), None),
        (Shell(1.0) | Expression("z > 0"), None),
    ],
    ids=str,
)
def test_bounding_balls(region, ball):
    found = region.bounding_ball()
    assert (found is None) == (ball is None)
    if ball is not None:
        np.testing.assert_allclose([*found[0], found[1]], [*ball[0], ball[1]], atol=1e-12)


# -------------------------------------------------------------------------------------------------- single predicates


def test_the_ends_of_a_box_belong_to_it_and_every_point_once():
    w = np.zeros((3, 6))
    w[:, 0] = [-1, 0, 1]
    np.testing.assert_array_equal(inside(Box((("x", -1.0, 0.0),)), w), [True, True, False])


@given(st.integers(3, 9), st.floats(0, 2 * np.pi), st.floats(0.2, 2))
def test_a_polygon_is_the_set_of_points_left_of_its_sides(corners, turn, radius):
    angle = turn + 2 * np.pi * np.arange(corners) / corners
    vertices = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    region = Polygon("x", "z", tuple(map(tuple, vertices.tolist())))
    points = W[:, [0, 2]]
    sides = np.roll(vertices, -1, 0) - vertices
    offset = points[:, None] - vertices
    expected = np.all(sides[:, 0] * offset[..., 1] - sides[:, 1] * offset[..., 0] >= 0, 1)
    np.testing.assert_array_equal(inside(region), expected)


def test_a_polygon_that_crosses_itself_is_even_odd():
    star = Polygon("x", "y", ((0.0, 1.0), (0.6, -0.8), (-0.95, 0.3), (0.95, 0.3), (-0.6, -0.8)))
    w = np.zeros((2, 6))
    w[1, 1] = 0.7
    np.testing.assert_array_equal(inside(star, w), [False, True])  # the pentagon in the middle is wound twice


def test_an_ellipse_and_a_shell_are_what_they_say():
    ellipse = Ellipse("vx", "vy", (5.0, -5.0), (60.0, 30.0))
    np.testing.assert_array_equal(inside(ellipse), ((W[:, 3] - 5) / 60) ** 2 + ((W[:, 4] + 5) / 30) ** 2 <= 1)
    r = np.linalg.norm(W[:, :3] - np.array([0.5, 0, 0]), axis=1)
    np.testing.assert_array_equal(inside(Shell(1.5, 0.5, (0.5, 0.0, 0.0))), (r <= 1.5) & (r >= 0.5))


@given(pairs, half_axes, st.floats(-180, 180), st.floats(-180, 180), st.tuples(st.floats(0.1, 10), st.floats(1, 500)))
def test_an_ellipse_turns_as_the_picture_does(centre, half_axes, angle, turn, scale):
    """A point is inside the turned ellipse where, turned back in the picture, it is inside the ellipse."""
    ellipse = Ellipse("x", "vx", centre, half_axes, angle)
    points = np.array(centre) + np.array(half_axes) * RNG.normal(size=(300, 2))
    back = np.exp(-1j * np.radians(turn))
    seen = back * ((points - centre) / scale @ [1, 1j])
    turned_back = np.array(centre) + np.stack([seen.real, seen.imag], 1) * scale

    def distance(x, y):
        return np.abs(np.hypot(*np.linalg.solve(ellipse._axes(), np.stack([x, y]) - np.array(centre)[:, None])) - 1)

    w, other = np.zeros((2, 300, 6))
    w[:, [0, 3]], other[:, [0, 3]] = points, turned_back
    clear = distance(*turned_back.T) > 1e-6
    found = ellipse.turned(turn, scale)
    np.testing.assert_array_equal(inside(found, w)[clear], inside(ellipse, other)[clear])
    border = np.stack(ellipse.border())
    assert distance(*border).max() < 1e-9
    assert ellipse.turned(0).half_axes == pytest.approx(sorted(half_axes, reverse=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(trees)
def test_stored_stars_in_single_precision_are_selected_too(dtype, tree):
    region = regions.from_json(tree)
    assert inside(region, W.astype(dtype)).shape == (len(W),)


@given(trees)
def test_a_selection_of_nothing_is_empty(tree):
    region = regions.from_json(tree)
    assert inside(region, W[:0]).shape == (0,)


# --------------------------------------------------------------------------------------------------------------- JSON


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
