"""Regions obey the algebra of sets, and every predicate is what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_regions import RNG, SUN, W, half_axes, inside, pairs, trees

from core.phase_space import region as regions
from core.phase_space.region import COMBINATIONS, Box, Ellipse, Everything, Expression, Polygon, Shell

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
