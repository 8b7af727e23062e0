"""n(x) is normalised over any region, with its cuts and holes, and stars are drawn from it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_flows import KINDS, SUN, trainer, wild, wild_member

from core import ensemble
from core.errors import RegionError
from core.flow.factored import DENSITY, FactoredFlow
from core.flow.spatial_density import fit_proposal, quadrature
from core.flow.training import gather
from core.mocks import ball
from core.phase_space.region import Box, Everything, Expression, Shell


def ln_n(flow, x):
    """ln n(x) [kpc⁻³] of the first member, from its own parameters."""
    state = ensemble.member(flow.states, 0)
    return np.asarray(jax.jit(jax.vmap(lambda point: flow.family.log_density(state, point)))(jnp.asarray(x)))


@pytest.mark.parametrize("kind", KINDS)
def test_n_integrates_over_a_ball_to_one(kind):
    """By an independent product Gauss rule; the Sobol quadrature of the normaliser is good to 1e-3 for wild n."""
    flow = wild("factored", kind)
    points, weights = ball.quadrature(flow.region.outer, 40)
    assert np.sum(weights * np.exp(ln_n(flow, points))) == pytest.approx(1, abs=2e-3)


SHAPES = [
    Shell(1.0) & Expression("abs(b) > 10"),
    Shell(1.0) & ~Shell(0.25, centre=(0.4, 0.3, 0.0)) & ~Shell(0.2, centre=(-0.5, 0.0, 0.1)),
    Box((("x", 0.2, 0.6), ("y", -0.7, -0.1), ("z", -0.1, 0.1))),
    Shell(1.0) & Expression("abs(z) < 0.02"),
    Shell(1.0, 0.9),
    Shell(0.5, centre=(0.3, 0.4, -0.2)),
    Shell(1.0) & Box((("vphi", 150.0, 400.0),)),
]


@pytest.mark.parametrize("region", SHAPES, ids=str)
def test_n_integrates_to_one_over_a_region_with_cuts_and_holes(region):
    """Sharp edges cost nothing: against 400 000 uniform points in the ball, whose error is stated with them."""
    x = ball.draw_uniform(np.random.default_rng(0), 400_000, 1.0)
    inside = region.contains_positions(x, SUN)
    whole = trainer("factored", "disc")
    stars = dataclasses.replace(whole.stars, region=region, proposal=fit_proposal(x[inside][:2000], region))
    cut = dataclasses.replace(whole, stars=stars)
    flow = gather(cut, [(wild_member(cut), None)])
    values = np.where(inside, np.exp(ln_n(flow, x)), 0.0) * 4 / 3 * np.pi
    error = values.std() / np.sqrt(len(x))
    assert error < 0.02
    assert abs(values.mean() - 1) < 4 * error + 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_stars_are_drawn_from_n(kind):
    """Moments in space against the Gauss rule: what differs is chance, 4.5 standard errors."""
    flow = wild("factored", kind)
    x = flow.sample(jax.random.key(1), 20_000)[:, :3]
    points, weights = ball.quadrature(flow.region.outer, 40)
    mass = weights * np.exp(ln_n(flow, points))
    for power in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0], [0, 2, 0], [0, 0, 2], [1, 1, 0]):
        expected = np.sum(mass * np.prod(points**power, 1)) / mass.sum()
        stars = np.prod(x**power, 1)
        assert abs(stars.mean() - expected) < 4.5 * stars.std() / np.sqrt(len(x)), power


def test_the_quadrature_has_the_volume_of_its_region():
    """Also for stars concentrated in a corner of it, and with at least as many points as were asked for."""
    region = Box((("x", -1.0, 1.0), ("y", 0.0, 0.5), ("z", -0.2, 0.3)))
    corner = np.random.default_rng(0).normal(size=(1000, 3)) * 0.01 + [0.9, 0.4, 0.2]
    for stars in (corner, ball.draw_uniform(np.random.default_rng(1), 1000, 0.5)):
        nodes = quadrature(fit_proposal(stars, region), region, SUN, 16384)
        assert nodes.volume.sum() == pytest.approx(2 * 0.5 * 0.5, rel=5e-3)
        assert len(nodes.x) > 0.9 * 16384
        assert np.all(region.contains_positions(nodes.x, SUN))


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Everything(), "not bounded"),
        (~Shell(1.0), "not bounded"),
        (Shell(1.0) & Expression("r > 2"), "no volume"),
    ],
    ids=str,
)
def test_a_region_that_n_cannot_live_on_is_refused(region, words):
    with pytest.raises(RegionError, match=words):
        quadrature(fit_proposal(np.zeros((10, 3)), region), region, SUN, 256)


@pytest.mark.parametrize("kind", KINDS)
def test_n_has_the_means_of_the_stars(kind):
    """Maximum likelihood of an exponential family: what is always there has the same mean in the stars and in n."""
    made = trainer("factored", kind)
    rows = made.parts.rows(0)
    coefficients = np.asarray(made.family.solved(made.stars, rows)[DENSITY])
    nodes = quadrature(made.stars.proposal, made.stars.region, SUN, 65_536)
    of_nodes, of_stars = (
        np.asarray(jax.vmap(made.family.skeleton)(jnp.asarray(x))) for x in (nodes.x, made.stars.w[rows, :3])
    )
    share = nodes.volume * np.exp(of_nodes @ coefficients - np.max(of_nodes @ coefficients))
    always = made.family.skeleton.groups == 0
    # The prior gives way by far less than the chance of so many stars.
    error = of_stars.std(0) / np.sqrt(len(rows))
    assert np.all(np.abs(share @ of_nodes / share.sum() - of_stars.mean(0))[always] < 0.2 * error[always])


def test_members_on_one_half_share_n_and_it_is_solved_for_once(monkeypatch):
    made, solved = dataclasses.replace(trainer("factored", "disc")), []
    original = FactoredFlow.solved
    monkeypatch.setattr(FactoredFlow, "solved", lambda *a: solved.append(1) or original(*a))
    first, again, other = (made._start(jax.random.key(k), half) for k, half in ((0, 0), (1, 0), (2, 1)))
    assert len(solved) == 2
    np.testing.assert_array_equal(first[DENSITY], again[DENSITY])
    assert not np.allclose(first[DENSITY], other[DENSITY])
