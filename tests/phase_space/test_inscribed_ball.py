"""The largest ball inside a region: exact for a ball, near it for other shapes, none where velocities decide."""

import numpy as np
import pytest

from core.mocks import ball
from core.phase_space.inscribed_ball import inscribed_ball
from core.phase_space.region import Box, Everything, Expression, Shell
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()


def test_of_a_ball_it_is_the_ball():
    assert inscribed_ball(Shell(0.7, centre=(0.1, 0.0, 0.2)), SUN) == ((0.1, 0.0, 0.2), 0.7)


@pytest.mark.parametrize(
    ("region", "centre", "radius"),
    [
        (Shell(1.0) & Expression("abs(z) < 0.4"), (0, 0, 0), 0.4),
        (Box((("x", -0.5, 1.5), ("y", -0.6, 0.6), ("z", -0.5, 0.5))), None, 0.5),
        (Shell(1.0, inner=0.2), None, 0.4),
        (Shell(1.0) & ~Expression("x > 0"), (-0.5, 0, 0), 0.5),
    ],
    ids=["slab", "box", "shell", "half"],
)
def test_of_other_shapes_it_is_nearly_the_largest(region, centre, radius):
    found, reach = inscribed_ball(region, SUN)
    assert 0.85 * radius < reach < 1.05 * radius
    if centre is not None:
        assert np.linalg.norm(np.subtract(found, centre)) < 0.35 * radius
    inside = region.contains_positions(
        np.asarray(found) + ball.draw_uniform(np.random.default_rng(9), 20_000, reach), SUN
    )
    assert inside.mean() > 0.995


@pytest.mark.parametrize(
    "region",
    [Everything(), Shell(1.0) & Expression("vphi > 200"), Expression("abs(z) < 0.3"), Shell(1.0) & Expression("x > 2")],
    ids=["everything", "velocities", "unbounded", "empty"],
)
def test_where_there_is_none(region):
    assert inscribed_ball(region, SUN) is None
