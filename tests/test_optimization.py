"""The descent finds minima, stops when it should, and goes on bit for bit from wherever it was stopped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core.config import OptimizationConfig
from core.errors import TrainingError
from core.optimization import REPORTS, Descent
from core.runs.trees import from_arrays, to_arrays

KEY = jax.random.key(0)
TRUE = jnp.array([2.0, -1.0, 0.5])
CONFIG = OptimizationConfig(steps=400, epochs=1e6, batch=64, learning_rate=0.1, weight_decay=0.0, patience=1000)


def rows(n=500, seed=0):
    """A regression without noise: rows of three inputs and their answer."""
    x = np.random.default_rng(seed).normal(size=(n, 3))
    return jnp.asarray(np.concatenate([x, x @ np.asarray(TRUE)[:, None]], 1))


def squares(parameters, batch, key):
    return jnp.mean((batch[:, :3] @ parameters["w"] - batch[:, 3]) ** 2)


def noisy(parameters, batch, key):
    """A loss that draws random numbers: its key must be that of the step."""
    return squares(parameters, batch, key) + 0.1 * jnp.sum(jax.random.normal(key, (3,)) * parameters["w"])


def start():
    return {"w": jnp.zeros(3)}


def leaves(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def descend(config=CONFIG, loss=squares, **options):
    return list(Descent(loss, config).run(start(), rows(), rows(100, 1), key=KEY, **options))


def test_it_finds_the_minimum_and_reports_the_way_there():
    reports = descend()
    np.testing.assert_allclose(reports[-1].state.best["w"], TRUE, atol=1e-3)
    assert [r.step for r in reports] == list(range(10, 401, 10))
    assert len(reports) == REPORTS
    assert all(r.steps == 400 for r in reports)
    best = np.minimum.accumulate([r.held_out for r in reports])
    np.testing.assert_allclose([float(r.state.best_loss) for r in reports], best, rtol=1e-6)


def test_the_best_parameters_are_those_of_the_best_report():
    last = descend()[-1]
    judged = squares(last.state.best, rows(100, 1), KEY)
    np.testing.assert_allclose(judged, last.state.best_loss, rtol=1e-5)


def test_a_resumed_descent_ends_bit_for_bit_where_an_undisturbed_one_does():
    descent = Descent(noisy, CONFIG)
    whole = list(descent.run(start(), rows(), rows(100, 1), key=KEY))
    for stopped, report in enumerate(whole):
        state = from_arrays(to_arrays(report.state), descent.start(start(), rows(100, 1)))
        rest = list(descent.run(start(), rows(), rows(100, 1), key=KEY, resume=state))
        assert [r.step for r in rest] == [r.step for r in whole[stopped + 1 :]]
        assert [r.held_out for r in rest] == [r.held_out for r in whole[stopped + 1 :]]
        assert leaves((rest or whole)[-1].state) == leaves(whole[-1].state)


def test_it_stops_when_it_no_longer_gets_better():
    """Held-out rows with another answer, at which it starts: every report is worse than the one before it."""
    others = rows(100, 1).at[:, 3].set(0.0)
    hasty = OptimizationConfig(steps=4000, epochs=1e6, batch=64, learning_rate=1e-3, patience=3)
    descent = Descent(squares, hasty)
    reports = list(descent.run(start(), rows(), others, key=KEY))
    assert len(reports) == 4
    assert float(reports[-1].state.best_loss) == pytest.approx(reports[0].held_out, rel=1e-6)
    assert list(descent.run(start(), rows(), others, key=KEY, resume=reports[-1].state)) == []


def test_a_descent_is_no_longer_than_its_passes():
    config = OptimizationConfig(steps=10_000, epochs=4.0, batch=100, patience=1000)
    assert descend(config)[-1].step == 20  # 4 passes of 500 rows


@pytest.mark.parametrize("count", [3, 63, 64, 65, 500])
def test_any_number_of_rows_will_do(count):
    """Batches wrap round the end of the data, and are no larger than it."""
    config = OptimizationConfig(steps=20, epochs=1e6, batch=64)
    reports = list(Descent(squares, config).run(start(), rows(count), rows(100, 1), key=KEY))
    assert reports[-1].step == 20
    assert np.isfinite(reports[-1].loss)


def test_every_row_is_used():
    """A loss that touches one parameter per row: after a few passes all have moved."""

    def touch(parameters, batch, key):
        return jnp.sum(parameters["w"][batch[:, 0].astype(int)])

    config = OptimizationConfig(steps=100, epochs=1e6, batch=16, weight_decay=0.0)
    data = jnp.arange(50.0)[:, None]
    last = list(Descent(touch, config).run({"w": jnp.zeros(50)}, data, data, key=KEY))[-1]
    assert np.all(np.asarray(last.state.parameters["w"]) < 0)


def test_only_what_the_mask_names_decays():
    def flat(parameters, batch, key):
        return 0.0 * jnp.sum(parameters["a"] + parameters["b"])

    config = OptimizationConfig(steps=200, epochs=1e6, batch=64, learning_rate=0.1, weight_decay=1.0)
    ones = {"a": jnp.ones(3), "b": jnp.ones(3)}
    descent = Descent(flat, config, {"a": True, "b": False})
    last = list(descent.run(ones, rows(), rows(100, 1), key=KEY))[-1].state.parameters
    np.testing.assert_array_equal(last["b"], 1.0)
    assert np.all(np.asarray(last["a"]) < 0.1)


def test_a_loss_that_is_no_longer_finite_is_said_with_its_step():
    def broken(parameters, batch, key):
        return squares(parameters, batch, key) + jnp.log(0.5 - parameters["w"][0])

    config = OptimizationConfig(steps=400, epochs=1e6, batch=64, learning_rate=1.0)
    with pytest.raises(TrainingError, match=r"no longer finite at step \d+ of 400"):
        descend(config, broken)
