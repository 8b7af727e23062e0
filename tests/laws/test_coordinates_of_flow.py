"""What the networks see: a frame that turns with the velocity, and a place in space that can be found again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_flows import KINDS, SUN

from core import mocks
from core.flow import coordinates_of_flow


def coordinates(kind):
    system = mocks.system("freeman" if kind == "disc" else "plummer", {"radius": 1.0} if kind == "disc" else {})
    w = system.sample(np.random.default_rng(0), 500).w
    return coordinates_of_flow.fit_coordinates(w, kind, SUN), w


# ------------------------------------------------------------------------------------------------------- the velocity


@pytest.mark.parametrize("kind", KINDS)
def test_the_velocity_is_turned_and_scaled_and_nothing_else(kind):
    """At fixed x: an orthogonal matrix, then the scales; so p(v | x) needs no Jacobian but theirs."""
    frame, w = coordinates(kind)
    for point in jnp.asarray(w[:5]):
        jacobian = jax.jacfwd(lambda v, x=point[:3]: frame.velocity(jnp.concatenate([x, v])))(point[3:])
        turn = np.diag(frame.velocity_scale) @ np.asarray(jacobian)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(-np.linalg.slogdet(jacobian)[1], frame.log_velocity_volume)
        np.testing.assert_allclose(frame.inverse_velocity(point[:3], frame.velocity(point)), point[3:], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_networks_see_is_of_order_one(kind):
    frame, w = coordinates(kind)
    u = np.asarray(jax.vmap(frame.velocity)(jnp.asarray(w)))
    np.testing.assert_allclose(u.mean(0), 0, atol=1e-10)
    np.testing.assert_allclose(u.std(0), 1, rtol=1e-10)
    features = np.asarray(jax.vmap(frame.position)(jnp.asarray(w[:, :3])))
    assert features.shape == (len(w), frame.features)
    place = np.asarray(jax.vmap(frame.place)(jnp.asarray(w[:, :3])))
    for seen in (features, place):
        assert np.quantile(np.abs(seen), 0.99) < 6


def turned(w, angle):
    """Stars turned about the Galactic axis."""
    q = SUN.to_galactocentric(w)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    q[:, :2], q[:, 3:5] = q[:, :2] @ turn.T, q[:, 3:5] @ turn.T
    return SUN.to_heliocentric(q)


def test_an_axisymmetric_f_is_a_function_of_the_disc_coordinates_but_one():
    """Under a turn about the Galactic axis only the azimuth moves, by R0 times the angle over its scale."""
    frame, w = coordinates("disc")
    other = turned(w, 0.05)
    for seen in (frame.position, frame.place):
        before, after = (np.asarray(jax.vmap(seen)(jnp.asarray(p[:, :3]))) for p in (w, other))
        np.testing.assert_allclose(np.delete(after, 1, 1), np.delete(before, 1, 1), atol=1e-10)
        np.testing.assert_allclose(after[:, 1] - before[:, 1], -SUN.R0 * 0.05 / frame.scale[1], rtol=1e-9)
    velocities = [np.asarray(jax.vmap(frame.velocity)(jnp.asarray(p))) for p in (w, other)]
    np.testing.assert_allclose(velocities[1], velocities[0], atol=1e-10)


# ------------------------------------------------------------------------------------------------------ the place

NEAR = np.random.default_rng(0).normal(size=(200, 3)) * 0.5
FAR = np.random.default_rng(1).normal(size=(200, 3)) * 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("x", [NEAR, FAR], ids=["near", "far"])
def test_a_place_is_found_again(kind, x):
    """Also across the Galaxy, and for a halo star a hundred scale radii away."""
    frame, _ = coordinates(kind)
    place = jax.vmap(frame.place)(jnp.asarray(x))
    np.testing.assert_allclose(jax.vmap(frame.inverse_place)(place), x, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_is_found_again_in_single_precision(kind):
    """Training and sampling run in float32, whose rounding is 6e-8 of the eight kpc to the Galactic centre."""
    frame, _ = coordinates(kind)
    place = jax.vmap(frame.place)(jnp.asarray(NEAR, jnp.float32))
    again = jax.vmap(frame.inverse_place)(place)
    np.testing.assert_allclose(again, NEAR, rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("x", [NEAR, FAR], ids=["near", "far"])
def test_the_volume_of_a_place_is_its_jacobian(kind, x):
    frame, _ = coordinates(kind)
    jacobian = jax.jit(jax.vmap(jax.jacfwd(frame.place)))(jnp.asarray(x))
    log_volume = jax.vmap(frame.log_place_volume)(jnp.asarray(x))
    np.testing.assert_allclose(log_volume, -np.linalg.slogdet(jacobian)[1], atol=1e-10)


def test_the_centre_of_a_sphere_is_a_place_like_any_other():
    frame, _ = coordinates("sphere")
    zero = jnp.zeros(3)
    np.testing.assert_array_equal(frame.place(zero), zero)
    np.testing.assert_allclose(frame.inverse_place(zero), zero, atol=1e-12)
    np.testing.assert_allclose(frame.log_place_volume(zero), 3 * np.log(frame.scale[0]))
    assert np.all(np.isfinite(jax.grad(frame.log_place_volume)(zero)))


# ------------------------------------------------------------------------------------------------------ orientations


def test_a_disc_keeps_its_axes_and_members_differ_in_which_is_first():
    frame, _ = coordinates("disc")
    turns = [np.asarray(frame.orientation(jax.random.key(seed))) for seed in range(30)]
    for turn in turns:
        assert set(turn.ravel()) == {0.0, 1.0}
        np.testing.assert_array_equal(turn @ turn.T, np.eye(3))
    assert len({turn.tobytes() for turn in turns}) == 6  # every order of three axes


def test_a_sphere_is_turned_at_random():
    """Orthogonal, and without a preferred axis: every element of the Haar measure has mean 0 and mean square 1/3."""
    frame, _ = coordinates("sphere")
    turns = np.asarray(jax.vmap(frame.orientation)(jax.random.split(jax.random.key(0), 2000)))
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12)
    # Standard errors: 0.013 of the mean and 0.0067 of the mean square.
    assert np.abs(turns.mean(0)).max() < 4.5 * 0.013
    assert np.abs((turns**2).mean(0) - 1 / 3).max() < 4.5 * 0.0067


@pytest.mark.parametrize("kind", KINDS)
def test_coordinates_survive_json(kind):
    frame, _ = coordinates(kind)
    assert coordinates_of_flow.from_json(frame.to_json()) == frame
