"""Laws of L(Ω_p): what a fit leaves that is given that Ω_p; halves agree on a real pattern alone."""

import numpy as np
import pytest
from exact_scores import configured, scored

from core.config import PotentialConfig
from core.phase_space.solar_position import SolarPosition
from core.potential.design import Design
from core.potential.normal_equations import non_negative, own_equations
from core.potential.profile_loss import RANGE, fit_profile, profile_loss, speeds_about
from core.potential.tracer_density import SphereTracers, TracerColumns

SUN = SolarPosition()
SPEEDS = np.array([0.0, 7.5, 20.0, 45.0])


def found(name, **options):
    return fit_profile(scored(name, **options), configured(name), SUN, seed=0)


def lowest(speeds, loss):
    return speeds[int(np.argmin(loss))]


@pytest.mark.parametrize("best", [20.0, 3.0, -40.0, 90.0])
def test_speeds_span_the_range_and_the_best_fit(best):
    speeds = speeds_about(best)
    assert np.all(np.diff(speeds) > 0)
    assert speeds[0] <= min(RANGE[0], best - 10)
    assert speeds[-1] >= max(RANGE[1], best + 10)
    near = np.abs(speeds - best) <= 2.5
    assert np.diff(speeds[near]).max() < 0.11


def design(rng, *, tracers):
    """A random problem: two members on two halves, five positive columns of eight, two of ln n where asked for."""
    matrix, streaming = rng.normal(size=(2, 300, 9)), rng.normal(size=(2, 300))
    columns = None
    if tracers:
        shared = rng.normal(size=(2, 300, 2))
        matrix[:, :, 6:8] = -shared[0]
        columns = TracerColumns(SphereTracers(np.zeros(3), np.ones(1)), np.eye(2), *shared)
    return Design(matrix, streaming, np.array([0, 1]), positive=5, turning=True, tracers=columns)


@pytest.mark.parametrize("tracers", [False, True])
def test_it_is_what_a_given_pattern_speed_leaves(tracers):
    """With ln n there are products of its coefficients and Ω_p: for a given Ω_p they are columns like all others."""
    rng = np.random.default_rng(3)
    problem, weights = design(rng, tracers=tracers), rng.uniform(0.5, 2, 300)
    config = PotentialConfig(ridge=0.0)
    loss = profile_loss(problem, config, weights, SPEEDS)
    columns, streaming = problem.mean()
    for speed, own in zip(SPEEDS, loss.own, strict=True):
        given = columns[:, :-1].copy()
        if tracers:
            given[:, 6:8] += speed * problem.tracers.turning
        target = streaming - speed * columns[:, -1]
        equations = own_equations((given, target), weights)
        answer = non_negative(equations, np.diag(equations.gram), problem.positive, 0.0)
        left = np.sum(weights * (target - given @ answer) ** 2) / np.sum(weights * streaming**2)
        assert own == pytest.approx(left, rel=1e-9)


def test_plain_loss_is_convex_and_not_negative():
    problem = design(np.random.default_rng(5), tracers=False)
    speeds = np.linspace(-20, 60, 81)
    loss = profile_loss(problem, PotentialConfig(ridge=0.0), np.ones(300), speeds)
    assert np.all(loss.own >= 0)
    assert np.all(np.diff(loss.own, 2) >= -1e-9 * loss.own.max())
    assert loss.information > 0


def test_exact_scores_put_both_minima_at_the_true_pattern_speed():
    loss = found("freeman", noise=0.01, members=2)
    assert lowest(loss.speeds, loss.own) == pytest.approx(20, abs=0.5)
    assert lowest(loss.speeds, loss.cross) == pytest.approx(20, abs=0.3)
    rises = [part - part.min() for part in (loss.own, loss.cross)]
    far = np.abs(loss.speeds - 20) > 5
    np.testing.assert_allclose(rises[1][far], rises[0][far], rtol=0.1)


def test_noise_alone_has_a_minimum_in_squares_that_products_of_the_halves_do_not_share():
    """PHYSICS 3: on an axisymmetric sample the plain loss is lowest at the stars' own 26 to 27 km/s/kpc."""
    loss = found("shu-disc", noise=0.05, members=2)
    assert 24 < lowest(loss.speeds, loss.own) < 29
    rises = [np.interp([10.0, 40.0], loss.speeds, part).mean() - part.min() for part in (loss.own, loss.cross)]
    at = int(np.argmin(loss.own))
    common = np.interp([10.0, 40.0], loss.speeds, loss.cross).mean() - loss.cross[at]
    assert common < 0.5 * rises[0]


def test_without_halves_there_are_no_products_and_without_a_free_pattern_speed_nothing():
    assert found("freeman", noise=0.01, members=2, halves=False).cross is None
    given = configured("freeman", pattern_speed="20")
    assert fit_profile(scored("freeman"), given, SUN, seed=0) is None
    assert found("plummer") is None
    assert found("shu-disc") is None  # exact scores: nothing turns at all
