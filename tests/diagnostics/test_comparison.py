"""Differences of fits: errors add where they are independent and cancel where they are the same; maps and stars too."""

from dataclasses import replace

import numpy as np
import pytest

from core.diagnostics.comparison import (
    common_region,
    common_spans,
    curve,
    scalar_difference,
    shared_stars,
    slice_difference,
)
from core.diagnostics.profiles import Band, Profile
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.slices import Slicer
from core.phase_space.region import Everything, Expression, Shell, columns_of
from core.phase_space.solar_position import SolarPosition
from core.pipelines import BARYONS, SOLAR_POSITION

RNG = np.random.default_rng(4)
SUN = SolarPosition()


def scalar(best, spread=1.0, **pipelines):
    draws = pipelines or {"df_seed": best + spread * RNG.normal(size=400)}
    return ScalarDraws("density_shell", "ρ", "Msun/pc³", "r < 1 kpc", best, draws)


def test_independent_errors_add_in_quadrature():
    difference = scalar_difference(scalar(5.0, 3.0), scalar(1.0, 4.0))
    assert difference.value == 4
    assert difference.error == pytest.approx(5, rel=0.1)
    assert difference.sigmas == pytest.approx(0.8, rel=0.1)


def test_the_shift_of_resampled_stars_is_in_the_error_of_the_difference():
    a, b = (scalar(best, bootstrap=best + shift + RNG.normal(size=50)) for best, shift in ((1.0, 3.0), (2.0, -5.0)))
    assert a.error > 2.5
    assert scalar_difference(b, a).error == pytest.approx(np.hypot(a.error, b.error))


def test_the_difference_changes_its_sign_with_the_order_and_is_nothing_from_itself():
    a, b = scalar(5.0), scalar(2.0, 2.0)
    there, back = scalar_difference(a, b), scalar_difference(b, a)
    assert (there.value, there.error) == (-back.value, back.error)
    assert scalar_difference(a, a).sigmas == 0


@pytest.mark.parametrize("name", [SOLAR_POSITION, BARYONS])
def test_what_is_unknown_to_both_alike_cancels(name):
    """The same Sun seen by both: with a shift common to all draws the difference is exact."""
    shifts, own = RNG.normal(size=50), 0.1 * RNG.normal(size=50)
    a, b = scalar(0.0, **{name: shifts + own, "df_seed": own}), scalar(3.0, **{name: 3 + shifts, "df_seed": 3 + own})
    apart, together = scalar_difference(b, a), scalar_difference(b, a, common={name})
    assert apart.error == pytest.approx(np.hypot(a.error, b.error))
    assert together.error < 0.3 * apart.error
    exact = scalar_difference(scalar(3.0, **{name: 3 + shifts}), scalar(0.0, **{name: shifts}), common={name})
    assert (exact.value, exact.error, exact.sigmas) == (3, 0, None)


def test_draws_that_do_not_belong_together_are_independent():
    a, b = scalar(0.0, solar_position=RNG.normal(size=50)), scalar(0.0, solar_position=RNG.normal(size=40))
    assert scalar_difference(b, a, common={SOLAR_POSITION}).error == pytest.approx(np.hypot(a.error, b.error))


def test_without_an_error_of_both_there_is_no_sigma():
    single = scalar(2.0, df_seed=np.array([2.0]))
    for a, b in ((single, scalar(1.0)), (scalar(1.0), single)):
        assert scalar_difference(a, b).error is None
        assert scalar_difference(a, b).sigmas is None


def test_slices_differ_by_their_medians_on_a_common_grid(fit):
    one = fit.potential.take(slice(0, 1))
    fits = [
        Slicer(potential, None, SUN, Shell(radius), Shell(0.8 * radius))
        for potential, radius in ((fit.potential, 0.5), (one, 1.0))
    ]
    spans = common_spans(fits)
    assert spans == dict.fromkeys("xyz", (-1.0, 1.0))
    small, large = (fitted.over(spans).plane("acceleration_x", "z", 0.1, count=24) for fitted in fits)
    assert small.a_range == large.a_range == (-1, 1)
    less, more = slice_difference(small, large), slice_difference(large, small)
    np.testing.assert_array_equal(more.view("difference"), large.median - small.median)
    np.testing.assert_array_equal(less.view("difference"), -more.view("difference"))
    assert np.any(more.view("difference"))
    np.testing.assert_array_equal(more.spread, small.spread)  # a single member has none
    for between in (less, more):
        np.testing.assert_array_equal(between.trusted, small.trusted & large.trusted)
        np.testing.assert_array_equal(between.inside, small.inside)
        np.testing.assert_array_equal(between.shade, small.shade)
    assert not slice_difference(large, large).view("difference").any()


def test_the_error_of_a_curve_is_that_of_all_uncertainties():
    at = np.linspace(0, 1, 5)
    bands = {"potential_seed": Band(at - 3, at, at + 3), "df_seed": Band(at + 1, at + 5, at + 9)}
    others = {"weak_form": Band(at - 99, at, at + 99), "null": Band(at - 99, at, at + 99)}
    profile = Profile("density", "ρ", "Msun/pc³", "Z", at, bands | others, None, at > 0)
    found = curve(profile)
    np.testing.assert_allclose(found.error, 5)
    np.testing.assert_array_equal(found.best, at)
    shifted = replace(profile, pipelines=bands | {"bootstrap": Band(at + 12, at + 12, at + 12)})
    np.testing.assert_allclose(curve(shifted).error, 13)
    assert curve(replace(profile, pipelines=others)) is None


def test_shared_stars_are_counted_whatever_their_order():
    w = RNG.normal(size=(5000, 6)).astype(np.float32)
    order = RNG.permutation(5000)
    assert shared_stars(w, w[order]) == 5000
    assert shared_stars(w[:3000], w[order]) == 3000
    assert shared_stars(w[:3000], w[2000:]) == 1000
    assert shared_stars(w[:2000], w[2000:]) == 0
    # The same number in another coordinate, or coordinates in another order, is another star.
    assert shared_stars(w, w[:, ::-1]) == shared_stars(w, -w) == 0


def test_the_common_region_is_inside_all_and_names_no_condition_twice():
    ball, thin, fast = Shell(1.0), Expression("abs(z) < 0.2"), Expression("vx > 0")
    regions = [ball & thin, ball, ball & fast, Everything()]
    common = common_region(regions)
    columns = columns_of(np.concatenate([0.6 * RNG.normal(size=(2000, 3)), 30 * RNG.normal(size=(2000, 3))], 1), SUN)
    expected = np.logical_and.reduce([np.broadcast_to(r.contains(columns), 2000) for r in regions])
    np.testing.assert_array_equal(common.contains(columns), expected)
    assert common == ball & thin & fast
