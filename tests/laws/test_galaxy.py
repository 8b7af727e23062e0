"""Laws of the analytic solver: from exact scores of a Galaxy of its family it gives the parameters back."""

import dataclasses

import numpy as np
import pytest
from exact_galaxy import ROTATION, SUN, TRUTH, galaxy_scores
from exact_scores import configured, judged, scored

from core.config import PotentialConfig, preset
from core.errors import ConfigError, TrainingError
from core.galaxy_config import PARAMETERS, AnalyticConfig
from core.potential.training import fit_analytic


def configuration(free, **potential):
    values = {**dataclasses.asdict(TRUTH), "free": free}
    return PotentialConfig(solver="analytic", analytic=AnalyticConfig(**values), **potential)


def started_elsewhere(config, factor):
    """The same configuration with its free parameters ``factor`` times their true values."""
    changes = {name: factor * getattr(TRUTH, name) for name in config.analytic.free_names}
    return dataclasses.replace(config, analytic=dataclasses.replace(config.analytic, **changes))


def found(fit):
    return dict(zip(PARAMETERS, np.asarray(fit.state.parameters), strict=True))


@pytest.mark.parametrize("factor", [0.6, 1.5])
@pytest.mark.parametrize(
    "free",
    [
        "",
        "thin_mass",
        "thin_mass, thin_height, halo_mass",
        "thin_mass, thin_length, thin_height, thick_mass, halo_mass",
    ],
)
def test_exact_scores_give_the_free_parameters_back_and_the_others_stay(free, factor):
    config = started_elsewhere(configuration(free), factor)
    member, fit = fit_analytic(galaxy_scores(), config, SUN, seed=0, bootstrap=False)
    for name, value in found(fit).items():
        if name in config.analytic.free_names:
            assert value == pytest.approx(getattr(TRUTH, name), rel=1e-4)
        else:
            assert value == getattr(config.analytic, name)
    # Nothing turns in an axisymmetric system: no pattern speed, as the convex solver says too.
    assert np.isnan(member.pattern_speed)
    assert fit.noise_share == 1.0


def test_a_sphere_about_the_origin_of_an_inertial_frame():
    """A Plummer sphere is a bulge without a Galaxy."""
    alone = {"analytic.thin_mass": 0, "analytic.thick_mass": 0, "analytic.halo_mass": 0, "analytic.bulge": "plummer"}
    begin = {"analytic.bulge_mass": 2e10, "analytic.bulge_scale": 2.0, "analytic.free": "bulge_scale,bulge_mass"}
    config = configured("plummer", solver="analytic", **begin, **alone)
    member, fit = fit_analytic(scored("plummer"), config, SUN, seed=0, bootstrap=False)
    assert found(fit)["bulge_mass"] == pytest.approx(1e10, rel=1e-4)
    assert found(fit)["bulge_scale"] == pytest.approx(1.0, rel=1e-4)
    assert (member.pattern_speed, member.noise_share) == (None, None)
    error, slope, _ = judged("plummer", member, config)
    assert error < 1e-3
    assert slope == pytest.approx(1, abs=1e-3)


def test_a_pattern_speed_of_an_axisymmetric_galaxy_is_not_claimed():
    """Freeman's bar turns at 20 km/s/kpc; without its torques the fit is far off, while the halves agree perfectly."""
    sample = scored("freeman", noise=0.01, members=2)
    member, fit = fit_analytic(sample, configured("freeman", solver="analytic"), SUN, seed=0, bootstrap=False)
    assert fit.noise_share < 0.3
    assert abs(member.pattern_speed - 20) > 5
    assert member.noise_share is None


def test_a_fixed_pattern_speed_is_kept():
    config = configured("freeman", solver="analytic", pattern_speed="24.5")
    member, fit = fit_analytic(scored("freeman", noise=0.01, members=2), config, SUN, seed=0, bootstrap=False)
    assert (member.pattern_speed, fit.noise_share) == (24.5, None)
    assert fit.weights.mean() == pytest.approx(1)


def test_noise_in_an_axisymmetric_system_turns_with_its_stars():
    """As in the convex solver: the plain answer, which noise pulls to the stars' own rotation."""
    config = configuration("thin_mass, thin_height")
    member, fit = fit_analytic(galaxy_scores(noise=0.05, members=2), config, SUN, seed=0, bootstrap=False)
    assert fit.noise_share > 0.5
    assert member.pattern_speed == pytest.approx(ROTATION, abs=1.5)


def test_products_of_the_halves_undo_the_bias_of_noise():
    """Noise of 30 % shrinks the force, and with it the mass that makes it; two halves do not share it."""
    config = configuration("thin_mass, thin_height", reweights=0, pattern_speed="0")
    sample = galaxy_scores(16_000, noise=0.3, members=2)
    masses = [
        found(fit_analytic(s, config, SUN, seed=0, bootstrap=False)[1])["thin_mass"] / TRUTH.thin_mass
        for s in (sample.member(0), sample)
    ]
    assert abs(masses[1] - 1) < 0.05
    assert abs(masses[0] - 1) > 2 * abs(masses[1] - 1)


def test_seeds_are_bootstraps_and_repeat():
    sample, config = galaxy_scores(noise=0.02, members=2), configuration("thin_mass, thin_height")
    fits = [fit_analytic(sample, config, SUN, seed=seed)[1].state.parameters for seed in (1, 1, 2)]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])


def test_a_parameter_stays_inside_its_bounds():
    """A tenth of the force would want a disc thicker than is allowed: the fit ends at the bound."""
    config = configuration("thin_height", pattern_speed="0")
    sample = galaxy_scores()
    stretched = dataclasses.replace(sample, score=sample.score * np.where(np.arange(6) < 3, 0.1, 1.0))
    _, fit = fit_analytic(stretched, config, SUN, seed=0, bootstrap=False)
    assert found(fit)["thin_height"] == pytest.approx(config.analytic.bounds("thin_height")[1])


def test_scores_that_are_not_finite_are_refused():
    sample = scored("freeman")
    broken = dataclasses.replace(sample, score=np.where(np.arange(6) == 4, np.nan, sample.score))
    with pytest.raises(TrainingError, match="not finite"):
        fit_analytic(broken, configured("freeman", solver="analytic"), SUN, seed=0)


def test_a_conditional_sample_takes_its_density_from_the_convex_solver():
    sample = dataclasses.replace(scored("freeman"), conditional=True)
    config = configured("freeman", solver="analytic", pattern_speed="20")
    member, _ = fit_analytic(sample, config, SUN, seed=0, bootstrap=False)
    joint, _ = fit_analytic(scored("freeman"), config, SUN, seed=0, bootstrap=False)
    heights = [float(m.state.parameters[PARAMETERS.index("thin_height")]) for m in (member, joint)]
    assert heights[0] == pytest.approx(heights[1], rel=0.1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"free": "thin_mas"}, r"names no parameter 'thin_mas'. Did you mean 'thin_mass'"),
        ({"free": "bulge_mass", "bulge_mass": 0}, r"bulge_mass is free and begins at 0"),
    ],
)
def test_what_cannot_be_freed_is_refused_in_words(settings, words):
    with pytest.raises(ConfigError, match=words):
        preset("quick", {f"potential.analytic.{key}": value for key, value in settings.items()})
