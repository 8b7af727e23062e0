"""FFJORD: its likelihood is that of the equation it solves, with the exact trace, and it knows when it is not."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_flows import fewer_draws, settings, trainer, weights_of

from core.config import ContinuousConfig
from core.errors import TrainingError
from core.flow import continuous
from core.flow.continuous import LARGEST_DIFFERENCE, ContinuousFlow, VectorField
from core.flow.family import Batch
from core.flow.whole import WHOLE

POINTS = 1.5 * jax.random.normal(jax.random.key(0), (20, 6))


def family(steps=4):
    return dataclasses.replace(trainer("continuous", "disc").family, steps=steps)


def field_of(scale=0.25, seed=0):
    """Parameters of a wild field, and the field itself."""
    flow = family()
    graph, fresh = nnx.split(VectorField(flow.hidden, flow.layers, rngs=nnx.Rngs(0)))
    parameters = weights_of(fresh, scale, seed)
    return parameters, nnx.merge(graph, parameters)


def solved_anew(field, u, steps=200):
    """End, ∫ tr, ∫ |g|² and ∫ |∂g/∂u|² by the classical Runge–Kutta method, the Jacobian by forward differentiation."""

    def rates(t, y):
        jacobian = jax.jacfwd(lambda point: field(point, t))(y[0])
        g = field(y[0], t)
        return g, jnp.trace(jacobian), jnp.sum(g**2), jnp.sum(jacobian**2)

    def moved(y, h, slope):
        return jax.tree.map(lambda a, b: a + h * b, y, slope)

    def step(y, t):
        h = 1 / steps
        k1 = rates(t, y)
        k2 = rates(t + h / 2, moved(y, h / 2, k1))
        k3 = rates(t + h / 2, moved(y, h / 2, k2))
        k4 = rates(t + h, moved(y, h, k3))
        slope = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
        return moved(y, h, slope), None

    zero = jnp.zeros(())
    return jax.lax.scan(step, (u, zero, zero, zero), jnp.arange(steps) / steps)[0]


@pytest.mark.parametrize("scale", [0.1, 0.25])
def test_the_likelihood_is_that_of_the_equation_solved_anew(scale):
    """On a grid of 64 steps of fifth order, and of 200 of the classical method: both are converged to 1e-8."""
    parameters, field = field_of(scale)
    end, trace, kinetic, jacobian = jax.jit(jax.vmap(partial(solved_anew, field)))(POINTS)
    expected = -0.5 * jnp.sum(end**2, -1) - 3 * jnp.log(2 * jnp.pi) + trace
    times = jnp.linspace(0, 1, 65)
    log_prob, *penalties = jax.jit(jax.vmap(lambda u: family()._solved(parameters, u, times)))(POINTS)
    np.testing.assert_allclose(log_prob, expected, atol=1e-8)
    np.testing.assert_allclose(penalties, [kinetic, jacobian], rtol=1e-7)
    # What is evaluated has eight steps: of a field as gentle as training makes it, good to 1e-3.
    coarse = jax.jit(jax.vmap(partial(family().log_prob, parameters)))(POINTS)
    assert np.abs(coarse - expected).max() < (1e-3 if scale == 0.1 else 2e-2)


def test_a_finer_grid_is_of_fifth_order():
    """Halving the steps takes 2⁵ from the error; rounding is far below."""
    parameters, _ = field_of(0.25)
    values = []
    for steps in (8, 16, 64):
        times = jnp.linspace(0, 1, steps + 1)
        values.append(jax.jit(jax.vmap(lambda u, t=times: family()._solved(parameters, u, t)[0]))(POINTS))
    errors = [np.sqrt(np.mean((v - values[2]) ** 2)) for v in values[:2]]
    assert 16 < errors[0] / errors[1] < 100


def test_a_field_of_zero_is_the_normal_distribution():
    """As training begins."""
    log_prob = jax.jit(jax.vmap(partial(family().log_prob, family().networks(jax.random.key(0))[WHOLE])))(POINTS)
    expected = -0.5 * jnp.sum(POINTS**2, -1) - 3 * jnp.log(2 * jnp.pi)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)


def test_what_is_drawn_flows_back_to_the_normal_draws():
    parameters, field = field_of(0.25)
    key = jax.random.key(3)
    drawn = family(16).standard_draws(parameters, key, 50)
    end = jax.jit(jax.vmap(partial(solved_anew, field)))(drawn)[0]
    np.testing.assert_allclose(end, jax.random.normal(key, (50, 6)), atol=1e-5)
    assert np.abs(drawn - end).max() > 0.1


# ------------------------------------------------------------------------------------------------- the solver's errors


def finished(scale, steps):
    made = trainer("continuous", "disc")
    held_out = made.stars.w[made.parts.held_out]
    with fewer_draws():
        return family(steps).finish({WHOLE: field_of(scale)[0]}, jnp.eye(3), made.stars, held_out)


def test_a_flow_that_learned_the_errors_of_its_solver_is_refused():
    """Where the mean ln p on the grid of training and on one four times finer, computed here, differ by the limit."""
    made = trainer("continuous", "disc")
    u = made.family.standardised(made.stars.w[made.parts.held_out], jnp.eye(3))

    @partial(jax.jit, static_argnums=1)
    def mean_on(parameters, steps):
        times = jnp.linspace(0, 1, steps + 1)
        return jnp.mean(jax.vmap(lambda point: family()._solved(parameters, point, times)[0])(u))

    refused = []
    for scale in (0.1, 0.3, 0.5, 0.8):
        parameters, _ = field_of(scale)
        coarse, fine = (float(mean_on(parameters, steps)) for steps in (2, 8))
        refused.append(abs(coarse - fine) >= LARGEST_DIFFERENCE)
        if not refused[-1]:
            assert np.isfinite(finished(scale, 2).log_normaliser)
            continue
        words = r"has learned the errors of its solver; raise flow\.continuous\.steps"
        with pytest.raises(TrainingError, match=words) as error:
            finished(scale, 2)
        assert f"training grid of times, {coarse:.4f}, and on a finer one, {fine:.4f}" in str(error.value)
    assert {True, False} == set(refused)


def test_enough_steps_help():
    assert np.isfinite(finished(0.5, 16).log_normaliser)


@pytest.mark.parametrize("steps", [2, 3, 4, 16])
def test_the_times_of_training_grow_from_zero_to_one(steps):
    """Whatever the key; and the inner ones are nowhere twice."""
    times = np.stack([continuous._jittered(jax.random.key(k), steps, jnp.zeros(())) for k in range(200)])
    assert times.shape == (200, steps + 1)
    np.testing.assert_array_equal(times[:, 0], 0)
    np.testing.assert_array_equal(times[:, -1], 1)
    assert np.diff(times).min() > 0.3 / steps
    assert np.all(times[:, 1:-1].std(0) > 0.1 / steps)


# ------------------------------------------------------------------------------------------------------- its training


@pytest.mark.parametrize("count", [40, 256, 300, 512])
def test_pairing_makes_lines_short_and_keeps_the_normal_draws(count):
    """Each draw is taken about once: their mean and spread stay, while the lines are shorter than at random."""
    star_key, base_key, pair_key = jax.random.split(jax.random.key(count), 3)
    stars = jax.random.normal(star_key, (count, 6)) @ jnp.diag(jnp.array([1.0, 0.5, 2.0, 1.0, 1.0, 1.0])) + 0.5
    base = jax.random.normal(base_key, (count, 6))
    paired = np.asarray(continuous._paired(pair_key, stars, base))
    cost = [np.mean(np.sum((np.asarray(stars) - b) ** 2, 1)) for b in (base, paired)]
    assert cost[1] < 0.75 * cost[0]
    # Of 6 coordinates: the draws are a sample with replacement of themselves, 4.5 standard errors.
    error = 4.5 * np.asarray(base).std(0) / np.sqrt(count)
    assert np.all(np.abs(paired.mean(0) - base.mean(0)) < error)
    assert np.all(np.abs(paired.var(0) - base.var(0)) < np.sqrt(2) * 1.5 * error)
    rows = {row.tobytes() for row in np.asarray(base)}
    taken = [row.tobytes() for row in paired]
    assert set(taken) <= rows
    assert len(set(taken)) > 0.5 * count


def batch_of(n=128):
    made = trainer("continuous", "disc")
    return Batch(made.family.standardised(made.stars.w[:n], jnp.eye(3)), jnp.ones(n))


def loss_of(phase, parameters, key=0, **changes):
    config = settings("continuous", **{f"continuous__{k}": v for k, v in changes.items()})
    phases = {p.name: p for p in family().phases(trainer("continuous", "disc").stars, config)}
    return float(jax.jit(phases[phase].descent.loss)(parameters, batch_of(), jax.random.key(key)))


def test_flow_matching_starts_at_the_mean_square_of_its_lines_and_falls_with_transport():
    zero = family().networks(jax.random.key(0))[WHOLE]
    at_random, paired = (loss_of("matching", zero, transport=t) for t in (False, True))
    rows = batch_of().rows
    expected = float(jnp.mean(rows**2)) + 1  # E|star − draw|² per coordinate
    assert abs(at_random - expected) < 0.2
    assert paired < 0.7 * at_random


def test_the_regularisers_are_added_to_the_likelihood():
    parameters, field = field_of(0.25)
    _, _, kinetic, jacobian = jax.jit(jax.vmap(partial(solved_anew, field)))(batch_of().rows)
    plain = loss_of("likelihood", parameters)
    # The grid of training, moved at random, has four steps: its own errors are the same in both.
    added = loss_of("likelihood", parameters, kinetic=0.5) - plain
    assert added == pytest.approx(0.5 * float(kinetic.mean()), rel=2e-2)
    added = loss_of("likelihood", parameters, jacobian=0.5) - plain
    assert added == pytest.approx(0.5 * float(jacobian.mean()), rel=2e-2)


@pytest.mark.parametrize(("match", "names"), [(True, ["matching", "likelihood"]), (False, ["likelihood"])])
def test_matching_comes_first_where_it_is_wanted(match, names):
    phases = family().phases(trainer("continuous", "disc").stars, settings("continuous", continuous__match=match))
    assert [p.name for p in phases] == names
    assert isinstance(family(), ContinuousFlow)
    assert family(ContinuousConfig().steps).steps == 4
