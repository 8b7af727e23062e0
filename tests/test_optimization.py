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


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_weights_decay_as_the_configuration_says(decay):
    def flat(parameters, batch, key):
        return 0.0 * jnp.sum(parameters["a"])

    config = OptimizationConfig(
        steps=200, epochs=200 * 64 / len(rows()), batch=64, learning_rate=0.1, weight_decay=decay
    )
    last = list(Descent(flat, config).run({"a": jnp.ones(3)}, rows(), rows(100, 1), key=KEY))[-1].state.parameters
    if decay:
        assert np.all(np.asarray(last["a"]) < 0.1)
    else:
        np.testing.assert_array_equal(last["a"], 1.0)


def test_few_stars_decay_to_the_same_total_and_many_with_the_square_of_the_passes():
    """ln of what is left of a weight that no loss holds: -learning rate · decay · steps, whatever their number."""

    def flat(parameters, batch, key):
        return 0.0 * jnp.sum(parameters["a"])

    def left(stars):
        data = rows(stars)
        config = OptimizationConfig(steps=2000, epochs=100, batch=64, learning_rate=0.01, weight_decay=0.1)
        last = list(Descent(flat, config).run({"a": jnp.ones(3)}, data, rows(100, 1), key=KEY))[-1]
        return float(jnp.log(last.state.parameters["a"][0]))

    enough = 2000 * 64 // 100
    assert -2 < left(enough) < -0.5
    assert left(enough // 4) == pytest.approx(left(enough), rel=0.03)
    assert left(enough * 2) == pytest.approx(left(enough) / 4, rel=0.03)


def test_a_loss_that_is_no_longer_finite_is_said_with_its_step():
    def broken(parameters, batch, key):
        return squares(parameters, batch, key) + jnp.log(0.5 - parameters["w"][0])

    config = OptimizationConfig(steps=400, epochs=1e6, batch=64, learning_rate=1.0)
    with pytest.raises(TrainingError, match=r"no longer finite at step \d+ of 400"):
        descend(config, broken)


# ------------------------------------------------------------------------------------------------------- standing still


def the_weights(parameters, held_out):
    return parameters["w"][None]


def watched(settled, **changes):
    """Reports of a descent that watches the parameters themselves."""
    values = {"steps": 4000, "epochs": 1e6, "batch": 64, "learning_rate": 0.1, "weight_decay": 0.0, "patience": 1000}
    config = OptimizationConfig(**{**values, "settled": settled, **changes})
    return list(Descent(squares, config, watch=the_weights).run(start(), rows(), rows(100, 1), key=KEY))


def test_a_descent_stops_when_what_is_watched_stands_still():
    """It changes by less than a hundredth three reports in a row, and has come to rest where a whole descent does."""
    reports = watched(0.01)
    assert 3 < len(reports) < REPORTS
    changes = [r.change for r in reports]
    assert changes[0] == np.inf
    assert max(changes[-3:]) < 0.01
    assert all(max(changes[i : i + 3]) >= 0.01 for i in range(len(changes) - 3))
    np.testing.assert_allclose(reports[-1].state.best["w"], TRUE, atol=0.02)


def test_a_change_is_that_of_the_watched_values_relative_to_their_size():
    first, second = (np.asarray(r.state.mean["w"]) for r in watched(1e-9)[:2])
    change = watched(1e-9)[1].change
    assert change == pytest.approx(np.linalg.norm(second - first) / np.linalg.norm(second), rel=1e-5)


def test_a_descent_that_may_not_settle_goes_on_to_its_end():
    assert len(watched(0.0)) == REPORTS
    assert len(descend()) == REPORTS  # nothing is watched


def test_a_settled_descent_stays_so_when_it_is_resumed():
    last = watched(0.01)[-1]
    config = OptimizationConfig(
        steps=4000, epochs=1e6, batch=64, learning_rate=0.1, weight_decay=0.0, patience=1000, settled=0.01
    )
    descent = Descent(squares, config, watch=the_weights)
    state = from_arrays(to_arrays(last.state), descent.start(start(), rows(100, 1)))
    assert list(descent.run(start(), rows(), rows(100, 1), key=KEY, resume=state)) == []


# ------------------------------------------------------------------------------------------------------------ together


def stacked(*trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def one_of(tree, i):
    return jax.tree.map(lambda leaf: leaf[i], tree)


STARTS = ({"w": jnp.zeros(3)}, {"w": jnp.array([5.0, 5.0, 5.0])})
KEYS = jax.random.split(KEY, 2)


def together(loss=noisy, config=CONFIG, data=(0, 2), **options):
    data = stacked(*(rows(seed=seed) if isinstance(seed, int) else seed for seed in data))
    held_out = stacked(rows(100, 1), rows(100, 1))
    return list(Descent(loss, config).run(stacked(*STARTS), data, held_out, key=KEYS, together=True, **options))


def alone(i, loss=noisy, config=CONFIG):
    data = rows(seed=(0, 2)[i])
    return list(Descent(loss, config).run(STARTS[i], data, rows(100, 1), key=KEYS[i]))


def test_descents_together_are_those_alone():
    reports, each = together(), [alone(0), alone(1)]
    for i in (0, 1):
        np.testing.assert_allclose(reports[-1].state.best["w"][i], each[i][-1].state.best["w"], rtol=1e-6)
    for name in ("loss", "held_out"):
        values = np.mean([[getattr(r, name) for r in reports] for reports in each], 0)
        np.testing.assert_allclose([getattr(r, name) for r in reports], values, rtol=1e-5)


def test_descents_together_are_resumed_bit_for_bit():
    whole = together()
    for stopped in (0, 17, len(whole) - 1):
        template = stacked(*(Descent(noisy, CONFIG).start(s, rows(100, 1)) for s in STARTS))
        rest = together(resume=from_arrays(to_arrays(whole[stopped].state), template))
        assert [r.step for r in rest] == [r.step for r in whole[stopped + 1 :]]
        assert leaves((rest or whole)[-1].state) == leaves(whole[-1].state)


def test_one_that_diverges_is_lost_and_the_others_go_on():
    """Nothing of it is left that could pass for a result; reports are of the other alone."""
    reports = together(data=(0, rows().at[::5, 0].set(jnp.nan)))
    good = alone(0)
    np.testing.assert_allclose(reports[-1].state.best["w"][0], good[-1].state.best["w"], rtol=1e-6)
    np.testing.assert_allclose([r.held_out for r in reports], [r.held_out for r in good], rtol=1e-5)
    assert np.all(np.isnan(reports[-1].state.best["w"][1]))
    assert np.isnan(reports[-1].state.best_loss[1])


def test_one_that_was_lost_stays_lost():
    """Its loss is infinite where it starts and finite later: what it finds then is not what it would have found."""

    def passing(parameters, batch, key):
        return squares(parameters, batch, key) + jnp.where(parameters["w"][0] > 4.5, jnp.inf, 0.0)

    best = together(loss=passing)[-1].state
    assert float(passing(one_of(best.mean, 1), rows(seed=2), KEY)) < 1.0
    assert np.all(np.isnan(best.best["w"][1]))
    assert np.all(np.isfinite(best.best["w"][0]))


def test_all_must_have_stopped_getting_better():
    """The first is no longer better from its first report on, the second is to the end."""
    config = OptimizationConfig(steps=4000, epochs=1e6, batch=64, learning_rate=1e-3, weight_decay=0.0, patience=3)
    worse = rows(100, 1).at[:, 3].set(0.0)
    held_out = stacked(worse, rows(100, 1))
    data = stacked(rows(), rows(seed=2))
    reports = list(Descent(squares, config).run(stacked(*STARTS), data, held_out, key=KEYS, together=True))
    assert int(reports[-1].state.reports_since_best[0]) > 3
    assert len(reports) > 10
