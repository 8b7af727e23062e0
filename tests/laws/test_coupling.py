"""The maps of one coordinate, the layers made of them, and their stack: monotone, invertible, with their Jacobians."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_flows import weights_of

from core.flow.coupling import MAPS, Conditioner, CouplingFlow, MixtureOfLogistics, OneCoordinateLayer

# --------------------------------------------------------------------------------------------- the one-dimensional maps


def mixture(seed, scale, components=4, n=1):
    return scale * jax.random.normal(jax.random.key(seed), (n, 3 * components + 2), jnp.float64)


def a_map(kind, seed, scale, n=1):
    """The same map of either kind for ``n`` numbers."""
    parameters = scale * jax.random.normal(jax.random.key(seed), (MAPS[kind].parameters(4),), jnp.float64)
    return MAPS[kind].build(jnp.broadcast_to(parameters, (n, len(parameters))))


STRENGTHS = [(0, 0.0), (0, 0.5), (1, 0.5), (2, 2.0), (3, 2.0)]
CASES = [(kind, *strength) for kind in MAPS for strength in STRENGTHS]


@pytest.mark.parametrize(("kind", "seed", "scale"), CASES)
def test_the_log_determinant_is_the_derivative_of_the_map(kind, seed, scale):
    x = jnp.linspace(-25.003, 25.001, 401)  # no knot of a spline, where its derivative is not defined
    log_det = a_map(kind, seed, scale, 401).forward_and_log_det(x)[1]
    slope = jax.vmap(jax.grad(lambda u: a_map(kind, seed, scale).forward_and_log_det(u[None])[0][0]))(x)
    np.testing.assert_allclose(log_det, jnp.log(slope), rtol=1e-10, atol=1e-10)
    assert np.all(np.isfinite(log_det))


@pytest.mark.parametrize(("kind", "seed", "scale"), CASES)
def test_there_and_back_is_the_identity_in_the_far_tails_too(kind, seed, scale):
    """The map is monotone, so its inverse is unique.

    Its slope is exp(log_det): where that is small, x is known only to the rounding of y, 1e-15 |y| / slope. Newton's
    last step from an error e leaves about e² times the curvature, which for two narrow logistics side by side is 1e-9.
    """
    x = jnp.linspace(-25, 25, 401)
    bijector = a_map(kind, seed, scale, 401)
    y, log_det = bijector.forward_and_log_det(x)
    assert np.all(np.diff(y) > 0)
    again, inverse_log_det = bijector.inverse_and_log_det(y)
    np.testing.assert_allclose(again, x, atol=1e-8)
    np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-7)


def test_the_smooth_map_is_the_logit_of_a_mixture_of_logistics():
    """Written anew from its definition, where nothing under- or overflows."""
    parameters = np.asarray(mixture(5, 1.0)[0])
    x = np.linspace(-5, 5, 51)
    weight = np.exp(parameters[:4]) / np.exp(parameters[:4]).sum()
    centre = 2 * parameters[4:8] + np.linspace(-2, 2, 4)
    width = np.exp(2 * np.tanh(parameters[8:12] / 2) - 0.3)
    F = np.sum(weight / (1 + np.exp(-(x[:, None] - centre) / width)), 1)
    expected = np.exp(2 * np.tanh(parameters[12] / 2) - 0.5) * np.log(F / (1 - F)) + parameters[13]
    y, _ = MixtureOfLogistics(jnp.broadcast_to(jnp.asarray(parameters), (51, 14))).forward_and_log_det(jnp.asarray(x))
    np.testing.assert_allclose(y, expected, rtol=1e-10)


def test_a_smooth_map_without_parameters_is_odd_and_gentle():
    y, log_det = MixtureOfLogistics(jnp.zeros((401, 20))).forward_and_log_det(jnp.linspace(-20, 20, 401))
    np.testing.assert_allclose(y, -y[::-1], atol=1e-12)
    assert np.exp(log_det).min() > 0.4
    assert np.exp(log_det).max() < 1


def test_a_spline_is_the_identity_outside_and_its_slope_is_continuous():
    """At five standard deviations the slope is one; between, a rational-quadratic spline has kinks but no jumps."""
    far = jnp.array([-1e3, -7.0, -5.001, 5.001, 7.0, 1e3])
    y, log_det = a_map("spline", 2, 1.0, 6).forward_and_log_det(far)
    np.testing.assert_array_equal(y, far)
    np.testing.assert_array_equal(log_det, 0)
    steps = []
    for count in (4001, 16001):
        log_det = a_map("spline", 2, 1.0, count).forward_and_log_det(jnp.linspace(-6, 6, count))[1]
        steps.append(np.abs(np.diff(log_det)).max())
    assert 3 < steps[0] / steps[1] < 5  # a jump would stay, whatever the step


def test_single_precision_is_good_enough_for_samples():
    """Training and sampling run in float32: there and back within 1e-4 of a standard deviation over ±6 of them."""
    x = jnp.linspace(-6, 6, 201, dtype=jnp.float32)
    bijector = MixtureOfLogistics(jnp.broadcast_to(mixture(1, 0.5).astype(jnp.float32), (201, 14)))
    again, _ = bijector.inverse_and_log_det(bijector.forward_and_log_det(x)[0])
    assert again.dtype == jnp.float32
    np.testing.assert_allclose(again, x, atol=1e-4)


# ----------------------------------------------------------------------------------------------------- layers of them

SHAPES = [(kind, 3, axis, 3) for kind in MAPS for axis in range(3)]
SHAPES += [(kind, 6, axis, 0) for kind in MAPS for axis in (1, 5)]


@pytest.mark.parametrize(("kind", "dimensions", "axis", "features"), SHAPES)
def test_a_layer_moves_one_coordinate_and_knows_its_jacobian(kind, dimensions, axis, features):
    """With fresh weights, and with wild ones."""
    inputs = 2 * (dimensions - 1) + features
    graph, fresh = nnx.split(Conditioner(inputs, 8, MAPS[kind].parameters(3), rngs=nnx.Rngs(axis)))
    context = jnp.array([0.3, -1.0, 0.5])[:features]

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0))
    def there_and_back(state, u):
        layer = OneCoordinateLayer(nnx.merge(graph, state), context, axis, MAPS[kind])
        v, log_det = layer.forward_and_log_det(u)
        jacobian = jax.jacfwd(lambda point: layer.forward_and_log_det(point)[0])(u)
        return v, log_det, jnp.linalg.slogdet(jacobian)[1], *layer.inverse_and_log_det(v)

    for state in (fresh, weights_of(fresh, 1.0, axis)):
        u = 3 * jax.random.normal(jax.random.key(axis), (5, dimensions))
        v, log_det, expected, again, inverse_log_det = map(np.asarray, there_and_back(state, u))
        kept = np.arange(dimensions) != axis
        np.testing.assert_array_equal(v[:, kept], u[:, kept])
        np.testing.assert_allclose(log_det, expected, atol=1e-10)
        np.testing.assert_allclose(again, u, atol=1e-8)
        np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "dimensions", "layers", "features"),
    [("logistics", 3, 3, 3), ("logistics", 3, 4, 3), ("logistics", 6, 7, 0), ("spline", 3, 4, 3), ("spline", 6, 7, 0)],
)
def test_a_stack_of_layers_is_a_change_of_variables_of_the_normal_base(kind, dimensions, layers, features):
    """ln p(u) = ln N(z) + ln |∂z/∂u| with z = T(u), the Jacobian by autodiff; and what is drawn has been there."""
    graph, state = nnx.split(CouplingFlow(dimensions, features, layers, 8, 3, kind=kind, rngs=nnx.Rngs(0)))
    flow = nnx.merge(graph, weights_of(state, 0.7, 2))
    context = jnp.array([0.1, -0.4, 1.0])[:features]

    def base(u):
        return flow.distribution(context).bijector.inverse(u)

    @jax.jit
    @jax.vmap
    def both(u):
        z, slope = base(u), jnp.linalg.slogdet(jax.jacfwd(base)(u))[1]
        expected = -0.5 * jnp.sum(z**2) - 0.5 * dimensions * jnp.log(2 * jnp.pi) + slope
        return flow.distribution(context).log_prob(u), expected, flow.distribution(context).bijector.forward(z)

    u = 2 * jax.random.normal(jax.random.key(1), (5, dimensions))
    log_prob, expected, again = both(u)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-10)
    # The rounding of z is divided by the slopes of the layers, of which those of a spline go down to 1e-4.
    np.testing.assert_allclose(again, u, atol=1e-7 if kind == "logistics" else 1e-4)


@pytest.mark.parametrize("dimensions", [3, 6])
def test_every_coordinate_is_moved(dimensions):
    flow = CouplingFlow(dimensions, 0, dimensions, 8, 3, rngs=nnx.Rngs(0))
    bijector = flow.distribution(jnp.zeros(0)).bijector
    u = jnp.linspace(-1, 1, dimensions)
    assert np.all(np.asarray(bijector.inverse(u)) != np.asarray(u))
