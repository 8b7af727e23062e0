"""Stars mirrored at the edges of a shell: the density goes on evenly behind them, and halves stay disjoint."""

import dataclasses

import numpy as np
import pytest
from small_flows import SUN, settings, stars_of, trainer

from core.flow.family import TrainingStars
from core.flow.halves import split
from core.flow.padding import with_mirrored
from core.flow.spatial_density import fit_proposal
from core.flow.training import flow_trainer
from core.mocks import ball
from core.phase_space.region import Box, Expression, Shell
from core.phase_space.sample import PhaseSpaceSample

CENTRE = np.array([0.2, -0.1, 0.05])


def uniform(region, n=8000):
    """Stars evenly in a shell about ``CENTRE``, their velocities and weights numbered."""
    rng = np.random.default_rng(0)
    cubed = rng.uniform(region.inner**3, region.outer**3, n)
    x = CENTRE + ball.directions(rng, n) * np.cbrt(cubed)[:, None]
    number = np.arange(1.0, n + 1)
    return np.concatenate([x, np.stack([number, -number, 2 * number], 1)], 1), number


def mirrored(region, fraction, n=8000):
    w, number = uniform(region, n)
    stars = TrainingStars(w, number, region, fit_proposal(w[:, :3], region))
    parts = split(PhaseSpaceSample(w, region), 0.1, seed=1)
    return stars, parts, *with_mirrored(stars, parts, fraction, seed=2)


REGIONS = [Shell(1.0, 0.0, tuple(CENTRE)), Shell(1.0, 0.6, tuple(CENTRE))]


def cubes(w):
    return np.linalg.norm(w[:, :3] - CENTRE, axis=1) ** 3


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_the_density_goes_on_evenly_behind_every_edge(region):
    """Volume is kept, so as many stars as there are in a layer within an edge are in the layer of its volume behind."""
    stars, _, more, _ = mirrored(region, 0.3)
    before, after = cubes(stars.w), cubes(more.w)
    outer, inner = region.outer**3, region.inner**3
    for depth in (0.05, 0.1, 0.3):
        within = np.count_nonzero(before > outer * (1 - depth))
        assert np.count_nonzero((after > outer) & (after < outer * (1 + depth))) == within
        hole = np.count_nonzero(before < inner * (1 + depth))
        assert np.count_nonzero((after < inner) & (after > inner * (1 - depth))) == hole
    assert after.max() < 1.3 * outer
    if region.inner:
        # The hole is full: as many stars as its volume would hold, to within chance.
        expected = len(stars.w) * inner / (outer - inner)
        assert abs(np.count_nonzero(after < inner) - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_a_copy_is_its_star_moved_along_its_radius(region):
    stars, _, more, _ = mirrored(region, 0.3)
    n = len(stars.w)
    np.testing.assert_array_equal(more.w[:n], stars.w)
    np.testing.assert_array_equal(more.weight[:n], stars.weight)
    owner = more.weight[n:].astype(int) - 1
    np.testing.assert_array_equal(more.w[n:, 3:], stars.w[owner, 3:])
    one, other = stars.w[owner, :3] - CENTRE, more.w[n:, :3] - CENTRE
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(np.sum(one * other, 1), lengths, rtol=1e-9)
    sums = cubes(more.w[n:]) + cubes(stars.w[owner])
    outside = cubes(more.w[n:]) > region.outer**3
    np.testing.assert_allclose(sums, np.where(outside, 2 * region.outer**3, 2 * region.inner**3), rtol=1e-9)


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_halves_stay_disjoint_and_held_out_stars_are_not_trained_on(region):
    stars, parts, more, dealt = mirrored(region, 0.3)
    owner = more.weight.astype(int) - 1  # of a copy: its star
    first, second = (set(owner[half]) for half in dealt.halves)
    assert not first & second
    assert not (first | second) & set(parts.held_out)
    np.testing.assert_array_equal(dealt.held_out, parts.held_out)
    assert len(dealt.halves[0]) == len(dealt.halves[1]) > len(parts.halves[0])
    for half, before in zip(dealt.halves, parts.halves, strict=True):
        assert len(set(half)) == len(half)
        assert set(owner[half]) <= set(before)
        # In random order: the copies are not all at the end, where one batch would hold nothing else.
        copies = np.flatnonzero(half >= len(stars.w))
        assert abs(copies.mean() / len(half) - 0.5) < 5 / np.sqrt(12 * len(copies))


@pytest.mark.parametrize(
    ("region", "fraction"),
    [
        (Shell(1.0), 0.0),
        (Shell(1.0, 0.5), 0.0),
        (Box((("x", -1.0, 1.0), ("y", -1.0, 1.0), ("z", -1.0, 1.0))), 0.3),
        (Shell(1.0) & Expression("abs(b) > 10"), 0.3),
        (Shell(1.0) & ~Shell(0.2), 0.3),
        (Shell(1.0) & Shell(1.0, 0.0, (0.5, 0.0, 0.0)), 0.3),
    ],
    ids=str,
)
def test_another_shape_has_no_copies(region, fraction):
    w, number = uniform(Shell(1.0, 0.2, tuple(CENTRE)), 1000)
    stars = TrainingStars(w, number, region, fit_proposal(w[:, :3], region))
    parts = split(PhaseSpaceSample(w, region), 0.1, seed=1)
    assert with_mirrored(stars, parts, fraction, seed=2) == (stars, parts)


def test_a_cut_in_velocity_leaves_the_edge_where_it_is():
    """Only the spatial part of a region has an edge in space."""
    region = Shell(1.0) & Expression("vphi > 100")
    w, number = uniform(Shell(1.0, 0.0, tuple(CENTRE)), 1000)
    stars = TrainingStars(w, number, region, fit_proposal(w[:, :3], region))
    more, _ = with_mirrored(stars, split(PhaseSpaceSample(w, region), 0.1, seed=1), 0.3, seed=2)
    assert len(more.w) > len(w)


def test_only_flows_that_know_no_edge_are_given_copies():
    stars = stars_of("disc")[1]
    assert len(trainer("factored", "disc").stars.w) == len(trainer("conditional", "disc").stars.w) == len(stars)
    for family in ("joint", "spline", "continuous"):
        assert len(trainer(family, "disc").stars.w) > len(stars)
    bare = flow_trainer(stars, settings("joint", padding=0.0), SUN, coordinates="disc", seed=3)
    assert len(bare.stars.w) == len(stars)
    # Coordinates and held-out stars are those of the stars themselves.
    padded = trainer("joint", "disc")
    assert padded.family.coordinates == bare.family.coordinates
    np.testing.assert_array_equal(padded.parts.held_out, bare.parts.held_out)
    assert dataclasses.replace(padded.stars, w=bare.stars.w, weight=bare.stars.weight).region == bare.stars.region
