"""Laws of the guided solver: where the data speak it is the convex solver's answer, where they do not the Galaxy's."""

import dataclasses

import numpy as np
import pytest
from exact_galaxy import SUN, TRUTH, galaxy_scores
from exact_scores import configured, judged, scored
from hypothesis import given
from hypothesis import strategies as st

from core import mocks
from core.config import PotentialConfig
from core.galaxy_config import AnalyticConfig
from core.mocks import ball
from core.potential.galaxy import galaxy_state
from core.potential.normal_equations import Equations, greatest_evidence
from core.potential.reference_frame import reference_frame
from core.potential.training import PotentialMember, fit_analytic, fit_convex, fit_guided, gather

SPHERE = {
    "analytic.thin_mass": 0,
    "analytic.thick_mass": 0,
    "analytic.halo_mass": 0,
    "analytic.bulge_mass": 2e10,
    "analytic.free": "bulge_mass",
}
"""A bulge without a Galaxy, of Hernquist's profile and half of the length: what guides the fit is wrong."""


def shell(inner, outer):
    x = ball.draw_uniform(np.random.default_rng(4), 3000, outer)
    return x[np.linalg.norm(x, axis=1) > inner]


def error(potential, truth, x):
    """Median relative error of the acceleration."""
    found, true = potential.acceleration(x)[0], truth.acceleration(x)
    return np.median(np.linalg.norm(found - true, axis=1) / np.linalg.norm(true, axis=1))


@pytest.mark.parametrize(("name", "size"), [("freeman", 5e-3), ("shu-disc", 2e-3), ("plummer", 0.02)])
def test_exact_scores_give_the_true_potential_whatever_guides_it(name, size):
    settings = SPHERE if name == "plummer" else {}
    config = configured(name, solver="guided", **settings)
    member, fit = fit_guided(scored(name, noise=1e-6, members=2), config, SUN, seed=0, bootstrap=False)
    convex, _ = fit_convex(scored(name, noise=1e-6, members=2), config, SUN, seed=0, bootstrap=False)
    assert judged(name, member, config)[0] < size
    # The motion of the frame is the convex solver's.
    np.testing.assert_equal((member.pattern_speed, member.noise_share), (convex.pattern_speed, convex.noise_share))
    assert fit.correction > 0.01


def test_without_a_correction_it_is_the_analytic_galaxy():
    config = configured("shu-disc", solver="guided", pattern_speed="20", **{"guided.correction": 1e-4})
    sample = scored("shu-disc", noise=0.1, members=2)
    weights = np.ones(len(sample))
    member, fit = fit_guided(sample, config, SUN, seed=0, bootstrap=False, weights=weights)
    alone, _ = fit_analytic(sample, config, SUN, seed=0, bootstrap=False, weights=weights)
    np.testing.assert_array_equal(np.asarray(fit.galaxy.parameters), np.asarray(alone.state.parameters))
    x = shell(0, 1.4)
    plain = gather(dataclasses.replace(config, solver="analytic"), [alone]).acceleration(x)
    np.testing.assert_allclose(gather(config, [member]).acceleration(x), plain, atol=1e-3 * np.abs(plain).max())
    assert fit.correction == 1e-4


def test_where_the_data_say_little_a_wrong_galaxy_helps_and_is_mended():
    """Few stars of a Shu disc with errors of 30 %: nearer to the truth, near the edge and beyond, than either alone."""
    errors = {}
    for solver, fit in (("convex", fit_convex), ("analytic", fit_analytic), ("guided", fit_guided)):
        config = configured("shu-disc", solver=solver)
        found = []
        for seed in range(4):
            sample = scored("shu-disc", 2000, seed, noise=0.3, members=2)
            member, _ = fit(sample, config, SUN, seed=seed, bootstrap=False)
            potential = gather(config, [member])
            found.append([error(potential, mocks.system("shu-disc"), shell(*r)) for r in ((0.85, 1.0), (1.0, 1.5))])
            assert np.all(potential.density(shell(0, 1.5)) >= 0)
        errors[solver] = np.mean(found, 0)
    assert np.all(errors["guided"] < 0.9 * errors["convex"])
    assert np.all(errors["guided"] < 0.7 * errors["analytic"])


def test_a_galaxy_that_is_right_is_kept():
    values = dataclasses.asdict(TRUTH) | {"free": "thin_mass, thin_height"}
    config = PotentialConfig(solver="guided", analytic=AnalyticConfig(**values), pattern_speed="20")
    sample = galaxy_scores(3000, noise=0.2, members=2)
    truth = gather(dataclasses.replace(config, solver="analytic"), [_true_member()])
    x = shell(0.85, 1.3)
    true = truth.acceleration(x)[0]
    errors = []
    for solver, fit in (("convex", fit_convex), ("guided", fit_guided)):
        member, found = fit(sample, config, SUN, seed=0, bootstrap=False)
        a = gather(dataclasses.replace(config, solver=solver), [member]).acceleration(x)[0]
        errors.append(np.median(np.linalg.norm(a - true, axis=1) / np.linalg.norm(true, axis=1)))
    assert found.correction < 0.03
    assert errors[1] < 0.5 * errors[0]


def _true_member():
    return PotentialMember(galaxy_state(TRUTH, reference_frame("rotating", SUN), SUN), 20.0)


def test_seeds_are_bootstraps_and_repeat_and_conditional_samples_have_a_density():
    sample, config = scored("freeman", noise=0.02, members=2), configured("freeman", solver="guided")
    fits = [fit_guided(sample, config, SUN, seed=seed)[0].state.elements.coefficients for seed in (1, 1, 2)]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])
    fixed = dataclasses.replace(config, pattern_speed="20")
    exact = dataclasses.replace(scored("freeman"), conditional=True)
    member, _ = fit_guided(exact, fixed, SUN, seed=0, bootstrap=False)
    assert judged("freeman", member, fixed)[0] < 0.01
    assert member.pattern_speed == 20.0


@given(st.integers(0, 2**31), st.sampled_from([0.03, 0.3, 3.0]))
def test_the_greatest_evidence_is_that_of_the_size_that_was_drawn(seed, size):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(40, 40)) + 3 * np.eye(40)
    held, columns, target = mixing.T @ mixing, 100 * rng.normal(size=(200, 40)), rng.normal(size=40)
    truth = target + size * np.linalg.solve(mixing, rng.normal(size=40))
    seen = columns @ truth + rng.normal(size=200)
    found = greatest_evidence(Equations(columns.T @ columns, columns.T @ seen), held, target)
    assert found == pytest.approx(size, rel=0.6)
