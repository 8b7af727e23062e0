"""Laws of every potential and of its basis: forces derive from it, its density is never negative, signs are right."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact_scores import EXACT, drawn
from finite_differences import differences
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from core import ensemble, units
from core.galaxy_config import AnalyticConfig
from core.mocks import ball
from core.phase_space.solar_position import SolarPosition
from core.potential import analytic
from core.potential.basis import PANCAKE_HEIGHTS, SHEET_HEIGHTS, columns, densities, disc_basis, sphere_basis
from core.potential.boltzmann import residual
from core.potential.fields import PotentialEnsemble, circular_velocity, laplacian_density
from core.potential.galaxy import GalaxyModel, galaxy_state
from core.potential.guided import GuidedModel, GuidedState
from core.potential.neural import NetworkModel, NetworkState, PotentialNetwork
from core.potential.reference_frame import reference_frame
from core.potential.training import (
    LinearModel,
    LinearState,
)

SUN = SolarPosition()
X = ball.draw_uniform(np.random.default_rng(0), 40, 0.9)
STEPS = [1e-3] * 3


def basis_of(kind):
    rng = np.random.default_rng(3)
    return disc_basis(SUN, rng) if kind == "disc" else sphere_basis(rng.normal(size=(2000, 3)), rng)


def linear_ensemble(kind, members=2):
    """Coefficients of the size that a fit finds: tenths of Msun/pc³, 10⁹ Msun, hundreds of (km/s)²."""
    rng = np.random.default_rng(4)
    basis, states = basis_of(kind), []
    for _ in range(members):
        positive = rng.exponential(0.05, basis.positive) * (rng.random(basis.positive) < 0.3)
        harmonics = rng.normal(size=24) * 300
        states.append(LinearState(basis, jnp.asarray(np.concatenate([positive, harmonics]))))
    return PotentialEnsemble(LinearModel(4), ensemble.stack(states), np.array([20.0, 22.0]))


def network_ensemble():
    model = NetworkModel(2, 12)
    states = [
        NetworkState(
            network=nnx.state(PotentialNetwork(2, 12, rngs=nnx.Rngs(seed))),
            turn=jnp.asarray(2.0),
            centre=jnp.array([0.1, 0.0, 0.05]),
            length=jnp.asarray(0.6),
            energy=jnp.asarray(1000.0),
        )
        for seed in range(2)
    ]
    return PotentialEnsemble(model, ensemble.stack(states), None)


def galaxy_ensemble():
    state = galaxy_state(AnalyticConfig(), reference_frame("rotating", SUN), SUN)
    states = [state, state._replace(parameters=1.1 * state.parameters)]
    return PotentialEnsemble(GalaxyModel("hernquist"), ensemble.stack(states), np.array([20.0, 22.0]))


def guided_ensemble():
    galaxy, linear = galaxy_ensemble(), linear_ensemble("disc")
    states = [GuidedState(*(ensemble.member(part.states, k) for part in (galaxy, linear))) for k in range(2)]
    return PotentialEnsemble(GuidedModel("hernquist", 4), ensemble.stack(states), np.array([20.0, 22.0]))


MODELS = {
    "disc": partial(linear_ensemble, "disc"),
    "sphere": partial(linear_ensemble, "sphere"),
    "network": network_ensemble,
    "analytic": galaxy_ensemble,
    "guided": guided_ensemble,
}
made = cache(lambda name: MODELS[name]())


# --------------------------------------------------------------------------------------------------- every potential


@pytest.mark.parametrize("name", MODELS)
def test_the_acceleration_is_minus_the_gradient_of_the_potential(name):
    potential = made(name)
    a = potential.acceleration(X)
    numeric = -differences(potential.potential, X, STEPS)
    np.testing.assert_allclose(numeric, a, atol=1e-6 * np.abs(a).max())


@pytest.mark.parametrize("name", MODELS)
def test_the_density_is_the_laplacian_of_the_potential(name):
    """Closed form or not: Poisson's equation, by differences of the acceleration and by differentiating twice."""
    potential = made(name)
    density = potential.density(X)
    divergence = np.trace(differences(potential.acceleration, X, STEPS), axis1=-2, axis2=-1)
    scale = np.abs(density).max()
    # The thinnest sheet is 0.08 kpc high: differences over 1e-3 kpc err by (1e-3/0.08)⁴.
    expected = -divergence / (units.FOUR_PI_G * units.PC3_PER_KPC3)
    np.testing.assert_allclose(density, expected, atol=1e-5 * scale)
    state = ensemble.member(potential.states, 1)
    twice = jax.jit(jax.vmap(lambda x: laplacian_density(partial(potential.model.potential, state), x)))
    np.testing.assert_allclose(density[1], twice(jnp.asarray(X)), atol=1e-9 * scale)


@pytest.mark.parametrize("name", MODELS)
def test_one_point_or_many_in_any_order_and_precision(name):
    potential = made(name)
    many = ball.draw_uniform(np.random.default_rng(1), 5000, 0.9)
    whole = potential.acceleration(many)
    assert whole.shape == (2, 5000, 3)
    np.testing.assert_allclose(potential.acceleration(many[4990:]), whole[:, 4990:], rtol=1e-9)
    np.testing.assert_allclose(potential.potential(many[::-1]), potential.potential(many)[:, ::-1], rtol=1e-9)
    assert potential.density(many[:0]).shape == (2, 0)
    with jax.enable_x64(False):  # as the program runs: second derivatives are taken in double precision all the same
        single = potential.acceleration(many[:10].astype(np.float32))
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, whole[:, :10], rtol=1e-4, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize("name", MODELS)
def test_the_best_estimate_is_the_median_over_members(name):
    potential = made(name)
    for quantity in ("potential", "acceleration", "density"):
        members = getattr(potential, quantity)(X)
        np.testing.assert_allclose(getattr(potential.best(), quantity)(X), np.median(members, 0))
    one = potential.take(slice(1, 2))
    assert one.members == 1
    np.testing.assert_array_equal(one.potential(X)[0], potential.potential(X)[1])


def test_the_pattern_speed_of_an_ensemble():
    assert made("disc").best_pattern_speed == 21.0
    assert made("disc").take(slice(0, 1)).best_pattern_speed == 20.0
    assert made("network").best_pattern_speed is None
    assert made("network").take(slice(0, 1)).pattern_speed is None


def test_the_circular_velocity_is_that_of_a_circle():
    """V² = R |a_R| about the Galactic axis; not a number where the force points outwards."""
    x = X - X[:, [2]] * np.array([0, 0, 1.0])
    q = SUN.galactocentric_position(x)
    R = np.hypot(q[:, 0], q[:, 1])
    inwards = -(230.0**2) * np.stack([q[:, 0] / R**2, q[:, 1] / R**2, 0 * R], 1) @ SUN.axes
    np.testing.assert_allclose(circular_velocity(inwards, x, SUN), 230.0)
    assert np.all(np.isnan(circular_velocity(-inwards, x, SUN)))


# --------------------------------------------------------------------------------------------------------- the basis


@pytest.mark.parametrize(("kind", "degree"), [("disc", 0), ("disc", 1), ("disc", 4), ("sphere", 6)])
def test_harmonics_have_no_density_and_are_independent(kind, degree):
    """2l + 1 of every degree l, and none is a sum of others, nor of the positive elements."""
    basis = basis_of(kind)
    every = jax.jit(jax.vmap(lambda x: columns(basis, degree, x)))
    values = np.asarray(every(jnp.asarray(ball.draw_uniform(np.random.default_rng(1), 400, 1.0))))[:, basis.positive :]
    assert values.shape == (400, degree * (degree + 2))
    if degree == 0:
        return
    second = jax.jit(jax.vmap(jax.hessian(lambda x: columns(basis, degree, x))))(jnp.asarray(X))
    laplacian = np.trace(np.asarray(second), axis1=2, axis2=3)[:, basis.positive :]
    np.testing.assert_allclose(laplacian, 0, atol=1e-9 * np.abs(values).max() * degree**2)
    singular = np.linalg.svd(values / np.linalg.norm(values, axis=0), compute_uv=False)
    assert singular[-1] > 1e-2 * singular[0]


@pytest.mark.parametrize("kind", ["disc", "sphere"])
def test_every_element_has_the_density_that_is_said_in_closed_form(kind):
    basis = basis_of(kind)
    x = jnp.asarray(X[:10])
    hessian = jax.jit(jax.vmap(jax.hessian(lambda y: columns(basis, 0, y))))(x)
    expected = np.trace(np.asarray(hessian), axis1=-2, axis2=-1) / (units.FOUR_PI_G * units.PC3_PER_KPC3)
    closed = np.asarray(jax.jit(jax.vmap(partial(densities, basis)))(x))
    assert closed.shape[1] == basis.positive
    np.testing.assert_allclose(closed, expected, rtol=1e-6, atol=1e-9)


@given(st.integers(0, 2**31), st.floats(-3, 3), st.sampled_from(["disc", "sphere"]))
def test_the_density_is_nowhere_negative(seed, log_reach, kind):
    """For any coefficients ≥ 0 and at any distance: exactly, not to rounding."""
    rng = np.random.default_rng(seed)
    basis = cached_basis(kind)
    coefficients = rng.exponential(10.0 ** rng.uniform(-3, 2), basis.positive)
    x = rng.normal(size=(50, 3)) * 10.0**log_reach
    values = np.asarray(all_densities(basis, jnp.asarray(x)) @ coefficients)
    assert np.all(values >= 0)
    assert np.all(np.isfinite(values))


cached_basis = cache(basis_of)
all_densities = jax.jit(jax.vmap(densities, in_axes=(None, 0)))


def test_the_disc_lies_in_the_galactic_plane():
    """A unit coefficient is 1 Msun/pc³ in the midplane of a sheet, which passes z0 below the Sun, tilted with it."""
    basis = disc_basis(SUN, None)
    azimuth = np.linspace(-0.1, 0.1, 5)
    plane = np.stack([-SUN.R0 * np.cos(azimuth), SUN.R0 * np.sin(azimuth), 0 * azimuth], 1) @ SUN.axes + SUN.centre
    values = np.asarray(all_densities(basis, jnp.asarray(plane)))
    np.testing.assert_allclose(values[:, : len(SHEET_HEIGHTS) + 1], 1.0, rtol=1e-12)
    above = plane + SUN.axes[2] * SHEET_HEIGHTS[0]
    values = np.asarray(all_densities(basis, jnp.asarray(above)))
    np.testing.assert_allclose(values[:, 0], 1 / np.cosh(1) ** 2, rtol=1e-9)
    assert basis.positive == len(SHEET_HEIGHTS) + 1 + 7 * len(PANCAKE_HEIGHTS)
    np.testing.assert_allclose(SUN.galactocentric_position(np.asarray(basis.origin)), [-8.2769738, 0, 0], atol=1e-6)


def test_the_elements_of_a_sphere_are_plummer_spheres_of_a_billion_suns():
    basis = basis_of("sphere")
    values = np.asarray(jax.vmap(lambda x: columns(basis, 0, x))(jnp.asarray(X[:5])))
    for k in (0, 30, 151):
        centre, scale = np.asarray(basis.centre)[k], float(basis.height[k])
        expected = [float(analytic.plummer(jnp.asarray(x - centre), mass=1e9, scale=scale)) for x in X[:5]]
        np.testing.assert_allclose(values[:, 1 + k], expected, rtol=1e-12)


def test_members_of_the_potential_seed_ensemble_have_bases_of_their_own():
    first, second, plain = disc_basis(SUN, np.random.default_rng(0)), disc_basis(SUN, np.random.default_rng(1)), None
    plain = disc_basis(SUN, plain)
    assert not np.array_equal(first.centre, second.centre)
    np.testing.assert_allclose(np.asarray(plain.centre)[:3], 0, atol=1e-12)
    np.testing.assert_array_equal(first.sheet_height, second.sheet_height)


# --------------------------------------------------------------------------------------------- the frame and its signs


@pytest.mark.parametrize("name", EXACT)
def test_a_stationary_system_has_no_residual(name):
    """Nor another frame's: the residual without the turning, for a true pattern, is as large as its terms."""
    system, w, _, score = drawn(name)
    frame = reference_frame(system.frame, SUN)
    force = system.acceleration(w[:, :3])
    size = np.abs(frame.streaming(w, score)).mean()
    speed = system.pattern_speed or 0.0
    assert np.abs(residual(frame, w, score, force, speed)).max() < 1e-9 * size * len(w)
    assert frame.rotates == (system.frame == "rotating")
    if system.pattern_speed:
        wrong = residual(frame, w, score, force, -speed)
        np.testing.assert_allclose(wrong, 2 * speed * frame.turning(w, score), rtol=1e-6, atol=1e-6 * size)
        assert np.abs(wrong).mean() > 1e-3 * size


def test_an_axisymmetric_system_does_not_know_how_the_frame_turns():
    _, w, _, score = drawn("shu-disc")
    frame = reference_frame("rotating", SUN)
    assert np.abs(frame.turning(w, score)).max() < 1e-9 * np.abs(frame.streaming(w, score)).max()


def test_turning_is_the_change_of_ln_f_along_the_rotation_of_the_galaxy():
    """A positive pattern speed carries the pattern from the Sun towards positive y: clockwise seen from the north."""
    system, w, _, score = drawn("freeman")
    frame = reference_frame("rotating", SUN)

    def turned(angle):
        q = SUN.to_galactocentric(w)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        q[:, :2], q[:, 3:5] = q[:, :2] @ turn.T, q[:, 3:5] @ turn.T
        return SUN.to_heliocentric(q)

    assert np.all(turned(0.01)[:, 1] > w[:, 1])
    numeric = (system.ln_f(turned(1e-5)) - system.ln_f(turned(-1e-5))) / 2e-5
    np.testing.assert_allclose(frame.turning(w, score), numeric, rtol=1e-5, atol=1e-5 * np.abs(numeric).max())


def test_an_inertial_frame_is_that_of_the_catalogue():
    frame = reference_frame("inertial", SUN)
    _, w, _, score = drawn("plummer")
    assert not frame.rotates
    np.testing.assert_allclose(frame.streaming(w, score), np.sum(w[:, 3:] * score[:, :3], 1))
    np.testing.assert_array_equal(frame.turning(w, score), 0)


@pytest.mark.parametrize("kind", ["disc", "sphere"])
@pytest.mark.parametrize("count", [3, 11])
def test_members_together_are_the_members_one_by_one(kind, count):
    """With elements in common and of their own, more of them than a group has room for, and one without any."""
    rng = np.random.default_rng(5)
    members = linear_ensemble(kind, count).states
    centre = np.array(members.basis.centre)
    centre[::2] += rng.normal(0, 0.1, (len(centre[::2]), 1, 3))
    coefficients = np.array(members.coefficients)
    coefficients[1] = 0
    states = LinearState(members.basis._replace(centre=jnp.asarray(centre)), jnp.asarray(coefficients))
    model = LinearModel(4)
    potential = PotentialEnsemble(model, states, None)
    assert potential._together is not None
    with jax.enable_x64(True):
        alone = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), states)
        for name, kernel in [
            ("potential", model.potential),
            ("density", model.density),
            ("acceleration", lambda state, x: -jax.grad(model.potential, 1)(state, x)),
        ]:
            at_all = jax.jit(jax.vmap(jax.vmap(kernel, in_axes=(None, 0)), in_axes=(0, None)))
            expected = np.asarray(at_all(alone, jnp.asarray(X)))
            found = getattr(potential, name)(X)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_members_seen_from_different_places_are_not_merged():
    basis = linear_ensemble("disc").states.basis
    apart = np.array(basis.origin) + np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.01]])
    states = linear_ensemble("disc").states._replace(basis=basis._replace(origin=jnp.asarray(apart)))
    potential = PotentialEnsemble(LinearModel(4), states, None)
    assert potential._together is None
    assert np.all(potential.density(X)[0] != potential.density(X)[1])
