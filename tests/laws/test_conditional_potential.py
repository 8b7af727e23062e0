"""Laws of fits to ln p(v|x): stars selected by place in an unknown way give the same forces as all of them."""

import dataclasses
import json
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from finite_differences import differences

from core import mocks
from core.config import preset
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.stationarity import PatternSpeedVerdict
from core.errors import TrainingError
from core.mocks import ball
from core.mocks.disc import _ln_components_n
from core.mocks.system import evaluate
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.normal_equations import Equations, cross_equations, non_negative, own_equations
from core.potential.tracer_density import TracerDensity, disc_tracers, functions, kinematic_centre, sphere_tracers
from core.potential.training import fit_convex, fit_network_member, gather
from core.runs.products import potentials_path, read_members, write_potentials

SUN = SolarPosition()
FIXED = {"pattern_speed": "20"}


# ------------------------------------------------------------------------------------------------- stars in sight


def near(x):
    """Most of the stars beyond a third of a kpc are lost."""
    return np.exp(-3 * np.linalg.norm(x, axis=1))


def wedges(x):
    """Four clouds of dust with sharp edges hide nearly all that is behind them, and distance dims the rest."""
    open_sky = np.abs(np.sin(2 * np.arctan2(x[:, 1], x[:, 0]) + 0.4)) > 0.6
    return near(x) * np.where(open_sky, 1.0, 0.02)


def one_cone(x):
    """A survey that points at one side."""
    axis = np.array([0.8, 0.5, 0.33])
    return np.where(x @ axis > 0.5 * np.linalg.norm(x, axis=1), 1.0, 0.01)


def ln_n_gradient(system, x):
    """∂ln n/∂x of all stars: of the discs from their number density, of the sphere (1 + r²/b²)^(-5/2)."""
    if system.name == "plummer":
        return -5 * x / (1 + np.sum(x**2, 1, keepdims=True))
    return evaluate(_ln_n_gradient, system, x)


def _ln_n_gradient(system, x):
    return jax.grad(lambda point: jax.nn.logsumexp(_ln_components_n(system, point)))(x)


@cache
def seen(name, selection=near, n=8000, seed=0, **parameters):
    """A system, ``n`` of its stars in sight, the exact score of f, and that of p(v|x)."""
    system = mocks.system(name, parameters)
    rng = np.random.default_rng(seed)
    w = system.sample(rng, 25 * n).w
    if name == "plummer":
        # Stars that are hardly bound have scores without bounds.
        binding = -system.potential(w[:, :3]) - 0.5 * np.sum(w[:, 3:] ** 2, 1)
        w = w[binding > 0.1 * binding.max()]
    chance = selection(w[:, :3])
    w = w[rng.random(len(w)) < chance / chance.max()][:n]
    assert len(w) == n
    score = system.score(w)
    of_velocity = score.copy()
    of_velocity[:, :3] -= ln_n_gradient(system, w[:, :3])
    return system, w, score, of_velocity


def sample_of(w, score, *, noise=0.0, members=1, halves=True, conditional=True, seed=100):
    """Scores with independent noise of relative size ``noise`` in every member."""
    rng, size = np.random.default_rng(seed), noise * np.sqrt(np.mean(score**2, 0))
    scores = np.stack([score + size * rng.normal(size=score.shape) for _ in range(members)])
    half = np.arange(members) % 2 if halves and members > 1 else np.full(members, -1)
    return ScoredSample(w, np.zeros(scores.shape[:2]), scores, half, conditional)


def conditional(name, selection=near, n=8000, seed=0, **settings):
    _, w, _, score = seen(name, selection, n, seed)
    return sample_of(w, score, seed=seed + 100, **settings)


def configured(name, **settings):
    overrides = {f"potential.{key}": value for key, value in settings.items()}
    return preset("quick", {"potential.frame": mocks.system(name).frame, **overrides}).potential


def fitted(name, sample, **settings):
    return fit_convex(sample, configured(name, **settings), SUN, seed=0, bootstrap=False)


def places(name, n=1000):
    """Where stars are in sight, three quarters of them or more."""
    return ball.draw_uniform(np.random.default_rng(9), n, 1.5 if name == "plummer" else 0.8)


def judged(name, member, **settings):
    """Median relative error of the acceleration, and slopes of fitted on true acceleration along the basis' axes."""
    system, x = mocks.system(name), places(name)
    a, true = gather(configured(name, **settings), [member]).acceleration(x)[0], system.acceleration(x)
    error = np.median(np.linalg.norm(a - true, axis=1) / np.linalg.norm(true, axis=1))
    axes = SUN.axes if system.frame == "rotating" else np.eye(3)
    a, true = a @ axes.T, true @ axes.T
    return error, np.sum(a * true, 0) / np.sum(true**2, 0)


# ----------------------------------------------------------------------------------------------------- exact scores


@pytest.mark.parametrize("selection", [near, wedges, one_cone])
@pytest.mark.parametrize(
    ("name", "acceleration", "density", "speed"),
    [
        # Spheres at random places, ln(1 + r²/s²) of other scales than the true one.
        ("plummer", 0.02, 0.01, None),
        # The hard one: a fiftieth of the radial force's trace in the velocities is left beside ln n.
        ("freeman", 0.01, 0.02, 0.5),
        ("slab-spiral", 0.01, 0.02, 0.2),
        ("shu-disc", 0.005, 0.01, None),
    ],
)
def test_exact_scores_of_selected_stars_give_the_true_forces(name, selection, acceleration, density, speed):
    sample = conditional(name, selection)
    member, fit = fitted(name, sample)
    error, slopes = judged(name, member)
    assert error < acceleration
    # The azimuthal force of a disc is small: its slope weighs errors against little.
    np.testing.assert_allclose(slopes[[0, 2]], 1, atol=acceleration)
    x = sample.w[:, :3]
    true = ln_n_gradient(mocks.system(name), x)
    found = fit.tracer_density.gradient(x)
    assert np.median(np.linalg.norm(found - true, axis=1) / np.linalg.norm(true, axis=1)) < density
    assert 0 < fit.force_information < 0.3
    if speed is not None:
        assert abs(member.pattern_speed - mocks.system(name).pattern_speed) < speed


@pytest.mark.parametrize(
    ("name", "settings"), [("plummer", {}), ("freeman", {}), ("shu-disc", {"pattern_speed": "20"})]
)
def test_the_density_of_selected_stars_taken_for_the_true_one_spoils_the_forces(name, settings):
    """What a joint fit would see: the score of f times the selection, which falls by e in a third of a kpc."""
    _, w, score, of_velocity = seen(name)
    right, _ = fitted(name, sample_of(w, of_velocity), **settings)
    score = score.copy()
    score[:, :3] -= 3 * w[:, :3] / np.linalg.norm(w[:, :3], axis=1, keepdims=True)
    wrong, fit = fitted(name, sample_of(w, score, conditional=False), **settings)
    assert judged(name, wrong, **settings)[0] > 10 * judged(name, right, **settings)[0]
    assert (fit.tracer_density, fit.axis_information, fit.force_information) == (None, None, None)


@pytest.mark.parametrize("speed", [20.0, 25.0])
def test_a_fixed_pattern_speed_is_kept(speed):
    """With the true one everything is linear and exact; another one fits worse and gives other forces."""
    settings = {"pattern_speed": str(speed)}
    member, fit = fitted("freeman", conditional("freeman"), **settings)
    assert member.pattern_speed == speed
    assert (fit.pattern_speed, fit.noise_share) == (None, None)
    assert (judged("freeman", member, **settings)[0] < 5e-3) == (speed == 20.0)


# ---------------------------------------------------------------------------------------------------- noisy scores


@pytest.mark.parametrize(
    ("name", "noise", "tolerance", "shrunk", "settings"),
    [
        # What is left is chance, and more of it the less information ln n leaves.
        ("plummer", 0.1, 0.04, 0.97, {}),
        ("freeman", 0.1, 0.03, 0.93, FIXED),
        ("shu-disc", 0.3, 0.03, 0.9, FIXED),
        ("shu-disc", 0.3, 0.03, 0.9, {}),
    ],
    ids=["plummer", "freeman", "shu-disc", "shu-disc-free"],
)
def test_products_of_two_halves_undo_the_bias_of_noise(name, noise, tolerance, shrunk, settings):
    """Of noise the force shrinks as in a joint fit, but by noise² over the information that ln n leaves.

    With the usual weights: they are even in the errors of each half. A free Ω_p on an axisymmetric sample is noise, and
    may not touch the forces.
    """
    sample = conditional(name, n=16_000, noise=noise, members=2)
    instrumental, fit = fitted(name, sample, **settings)
    slopes = judged(name, instrumental, **settings)[1]
    np.testing.assert_allclose(slopes[[0, 2]], 1, atol=tolerance)
    alone, _ = fitted(name, sample.member(0), **settings)
    assert judged(name, alone, **settings)[1][[0, 2]].min() < shrunk
    if fit.pattern_speed is not None:
        assert fit.noise_share > 0.5


def test_a_joint_fit_keeps_its_forces_beside_a_pattern_speed_that_is_noise():
    """Nor may the weights bias products of halves: 30 % noise, Ω_p free where there is none, 0.2 % in the force."""
    _, w, score, _ = seen("shu-disc", n=16_000)
    member, fit = fitted("shu-disc", sample_of(w, score, noise=0.3, members=2, conditional=False))
    assert fit.noise_share > 0.8
    np.testing.assert_allclose(judged("shu-disc", member)[1][[0, 2]], 1, atol=0.015)


def test_a_weak_noise_leaves_the_pattern_speed_constrained():
    member, fit = fitted("freeman", conditional("freeman", n=16_000, noise=0.005, members=2))
    assert fit.noise_share < 0.3
    assert abs(member.pattern_speed - 20) < 1


def test_seeds_are_bootstraps_and_repeat():
    sample, config = conditional("freeman", noise=0.005, members=2), configured("freeman")
    fits = [fit_convex(sample, config, SUN, seed=seed) for seed in (1, 1, 2)]
    coefficients = [np.asarray(member.state.coefficients) for member, _ in fits]
    np.testing.assert_array_equal(coefficients[0], coefficients[1])
    assert not np.array_equal(coefficients[0], coefficients[2])
    # A member keeps Φ alone, so that all that reads potentials reads these.
    _, w, score, _ = seen("freeman")
    joint, _ = fit_convex(sample_of(w, score, conditional=False), config, SUN, seed=1)
    assert coefficients[0].shape == joint.state.coefficients.shape
    weights = fits[0][1].weights
    _, alone = fit_convex(sample.member(0), config, SUN, seed=0, bootstrap=False, weights=weights)
    np.testing.assert_array_equal(alone.weights, weights)


# -------------------------------------------------------------------------------- what cannot be told from what


@pytest.mark.parametrize(("noise", "members"), [(0.0, 1), (0.05, 2), (0.2, 4)])
def test_gaussian_velocities_of_one_dispersion_are_refused(noise, members):
    """There -∇Φ/σ² and ∇ln n are one: noise alone seems to tell them apart, which two halves see through."""
    _, w, _, score = seen("slab-spiral", components="[[1, 32, 17]]", amplitude=0.0)
    with pytest.raises(TrainingError, match="cannot be told from the density"):
        fitted("slab-spiral", sample_of(w, score, noise=noise, members=members))


def test_information_grows_with_the_distance_from_a_gaussian():
    found = []
    for components in ("[[0.97, 32, 17], [0.03, 45, 30]]", "[[0.92, 32, 17], [0.08, 50, 40]]"):
        _, w, _, score = seen("slab-spiral", components=components)
        _, fit = fitted("slab-spiral", sample_of(w, score), pattern_speed="28.2")
        found.append(fit.axis_information)
    assert np.all(found[0][[0, 2]] < 0.5 * found[1][[0, 2]])
    # The azimuth, along which the stars all move one way, is another matter: V there is not Gaussian about zero.
    assert min(f[1] for f in found) > 0.9
    assert fit.force_information == pytest.approx(found[1].min())


# ------------------------------------------------------------------------------------------ nothing turns at all


@pytest.mark.parametrize("precision", [np.float64, np.float32])
@pytest.mark.parametrize("is_conditional", [False, True], ids=["joint", "conditional"])
def test_an_exactly_axisymmetric_sample_has_no_pattern_speed(is_conditional, precision, tmp_path):
    """Its column is rounding: NaN, with noise share 1, not the ratio of two roundings; and NaN survives the files."""
    _, w, score, of_velocity = seen("shu-disc")
    score = (of_velocity if is_conditional else score).astype(precision)
    sample = sample_of(w, score, conditional=is_conditional)
    sample = dataclasses.replace(sample, score=sample.score.astype(precision))
    member, fit = fitted("shu-disc", sample)
    assert np.isnan(member.pattern_speed)
    assert (fit.noise_share, member.noise_share) == (1.0, 1.0)
    assert judged("shu-disc", member)[0] < 5e-3

    config = configured("shu-disc")
    write_potentials(potentials_path(tmp_path, "potential_seed"), config, [member, member], 27.0)
    _, (stored, _), _ = read_members(tmp_path, "potential_seed")
    assert np.isnan(stored.pattern_speed)
    assert stored.noise_share == 1.0
    best = gather(config, [stored, stored]).best_pattern_speed
    assert np.isnan(best)
    draws = ScalarDraws("pattern_speed", "Ωp", "km/s/kpc", "shell", best, {"potential_seed": np.full(2, best)})
    assert np.isnan(json.loads(json.dumps(draws.to_json()))["pipelines"]["potential_seed"]["median"])
    verdict = PatternSpeedVerdict(stored.noise_share, 27.0)
    assert (verdict.constrained, verdict.word) == (False, "not constrained")


# ------------------------------------------------------------------------------------------- the pieces of the fit


def tracers(kind):
    stars = np.random.default_rng(3).normal(size=(2000, 3))
    basis = disc_tracers(SUN) if kind == "disc" else sphere_tracers(stars, np.array([0.1, -0.2, 0.3]))
    count = len(functions(basis, jnp.array([0.1, 0.2, 0.3])))
    return TracerDensity(basis, np.random.default_rng(4).normal(size=count))


@pytest.mark.parametrize("kind", ["disc", "sphere"])
def test_a_tracer_density_and_its_gradient_agree(kind):
    x = ball.draw_uniform(np.random.default_rng(0), 40, 0.9)
    density = tracers(kind)
    gradient = density.gradient(x)
    np.testing.assert_allclose(
        gradient, differences(density.log_density, x, [1e-3] * 3), atol=1e-6 * np.abs(gradient).max()
    )
    far = density.log_density(1e4 * x) if kind == "sphere" else np.zeros(1)
    assert np.all(np.abs(far) < 1e3)


def test_a_conditional_sample_with_its_density_is_a_joint_one():
    sample, density = conditional("freeman"), tracers("disc")
    joint = density.joint(sample)
    assert not joint.conditional
    np.testing.assert_array_equal(joint.score[:, :, 3:], sample.score[:, :, 3:])
    np.testing.assert_allclose(joint.score[0, :, :3] - sample.score[0, :, :3], density.gradient(sample.w[:, :3]))
    np.testing.assert_allclose(joint.log_df[0], density.log_density(sample.w[:, :3]))


@pytest.mark.parametrize(("noise", "members", "tolerance"), [(0.0, 1, 1e-6), (0.3, 2, 0.03)])
def test_the_centre_of_a_sphere_is_found_from_one_side_of_it(noise, members, tolerance):
    sample = conditional("plummer", one_cone, noise=noise, members=members)
    assert np.linalg.norm(np.median(sample.w[:, :3], 0)) > 0.5
    assert np.linalg.norm(kinematic_centre(sample)) < tolerance


def test_a_centre_far_from_all_stars_is_not_believed():
    w = np.random.default_rng(1).normal(size=(500, 6))
    parallel = np.tile([1.0, 1e-3, 0, 0, 0, 0], (500, 1)) * np.linspace(1, 2, 500)[:, None]
    parallel[:, 1] += 1e-3 * (w[:, 1] - 10)
    np.testing.assert_allclose(kinematic_centre(sample_of(w, parallel)), np.median(w[:, :3], 0))


def test_products_of_equal_halves_are_squares():
    rng = np.random.default_rng(5)
    problem, weights = (rng.normal(size=(60, 5)), rng.normal(size=60)), rng.random(60)
    own, cross = own_equations(problem, weights), cross_equations(problem, problem, weights)
    np.testing.assert_allclose(own.gram, cross.gram, rtol=1e-12)
    np.testing.assert_allclose(own.moment, cross.moment, rtol=1e-12)
    # A coefficient that is known to be what it is leaves the others as they are.
    size = np.diag(own.gram)
    answer = non_negative(own, size, 2, 0.0)
    rest = non_negative(own.without(np.array([len(answer) - 1]), answer[-1:]), size[:-1], 2, 0.0)
    np.testing.assert_allclose(rest, answer[:-1], atol=1e-9)
    assert isinstance(own, Equations)


def test_the_network_fits_conditional_samples_with_the_convex_density():
    small = {"solver": "network", "network.hidden": 8, "network.layers": 2, "network.training.batch": 128}
    settings = {**small, "network.training.steps": 500, "network.training.learning_rate": 0.02}
    *_, (_, member) = fit_network_member(conditional("freeman", n=4000), configured("freeman", **settings), SUN, seed=1)
    error, slopes = judged("freeman", member, **settings)
    assert error < 0.05
    assert slopes[0] == pytest.approx(1, abs=0.05)
    assert abs(member.pattern_speed - 20) < 3
