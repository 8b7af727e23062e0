"""Training: what a member sees, that it goes on bit for bit, how stars weigh, and which stars are refused."""

import dataclasses
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_flows import FAMILIES, SUN, bits, settings, stars_of, trained, trainer, weights_of, with_stars

from core import ensemble
from core.config import preset
from core.errors import TrainingError
from core.flow.distribution_function import FlowEnsemble
from core.flow.family import Batch
from core.flow.halves import split
from core.flow.training import flow_trainer
from core.phase_space.region import Shell
from core.phase_space.sample import PhaseSpaceSample
from core.runs.trees import from_arrays, to_arrays

PHASES = {"factored": ["velocity"], "joint": ["likelihood"], "continuous": ["matching", "likelihood"]}


@pytest.mark.parametrize("family", PHASES)
def test_members_differ_and_each_fits_the_stars(family):
    """The gap to the exact f is under 0.6 nat after a second of training, and no likelihood is beyond the truth's."""
    made = trained(family, "disc")
    w = np.asarray(made.stars.w[made.trainer.parts.held_out], float)
    log_df = made.flow.log_df(w)
    np.testing.assert_allclose(log_df.mean(1), made.held_out, rtol=1e-6)
    exact = made.system.ln_f(w)
    gaps = exact.mean() - log_df.mean(1)
    error = (exact - log_df[0]).std() / np.sqrt(len(w))
    assert np.all(gaps < 0.6)
    assert np.all(gaps > -4 * error)
    assert np.std(log_df[0] - log_df[1]) > 0.01


@pytest.mark.parametrize("family", PHASES)
def test_training_resumed_from_any_report_ends_bit_for_bit_the_same(family):
    made = trainer(family, "disc")
    reports = list(made.train(10, 0))
    assert list(dict.fromkeys(r.phase for r in reports)) == PHASES[family]
    assert [r.fraction for r in reports] == sorted(r.fraction for r in reports)
    assert reports[-1].fraction == pytest.approx(1.0)
    edge = [r.phase for r in reports].index(PHASES[family][-1])
    for stopped in {0, edge // 2, max(edge - 1, 0), edge, edge + 7, len(reports) - 2, len(reports) - 1}:
        arrays = to_arrays(reports[stopped].checkpoint)
        resumed = from_arrays(arrays, made.template(int(arrays[".phase"])))
        rest = list(made.train(10, 0, resumed))
        assert [(r.phase, r.step) for r in rest] == [(r.phase, r.step) for r in reports[stopped + 1 :]]
        assert bits((rest or reports)[-1].checkpoint) == bits(reports[-1].checkpoint)


def test_the_finished_member_is_that_of_its_last_report():
    made = trained("factored", "disc")
    *_, last = made.trainer.train(10, 0)
    assert bits(ensemble.member(made.flow.states, 0)) == bits(made.trainer.finish(10, last.checkpoint))


def test_a_member_never_sees_the_other_half():
    """Whatever is done to the stars of the other half, its first reports are the same."""
    made = trainer("factored", "disc")
    w = np.array(made.stars.w)
    others = made.parts.halves[1]
    w[others] = np.random.default_rng(0).permutation(w[others])[:, [2, 0, 1, 5, 3, 4]]
    changed = with_stars(made, w)
    for half, same in ((0, True), (1, False)):
        first = [bits(next(t.train(5, half)).checkpoint) for t in (made, changed)]
        assert (first[0] == first[1]) == same
    # A member on both halves differs from either, at the latest when a pass of it reaches the second.
    both, one = (list(islice(made.train(5, half), 20))[-1] for half in (None, 0))
    assert bits(both.checkpoint) != bits(one.checkpoint)


def test_a_member_whose_training_diverged_is_refused():
    made = trainer("factored", "disc")
    *_, last = made.train(10, 0)
    descent = last.checkpoint.descent
    lost = jax.tree.map(lambda leaf: leaf.at[..., 0].set(jnp.nan), descent.best)
    with pytest.raises(TrainingError, match="its loss stopped being finite in training"):
        made.finish(10, last.checkpoint._replace(descent=descent._replace(best=lost)))


# -------------------------------------------------------------------------------------------------- weights of stars


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "conditional"])
def test_a_star_of_weight_three_counts_as_three_stars(family):
    """The loss of every phase at the same parameters, but that of flow matching, which draws one line per row."""
    made = trainer(family, "disc")
    times = np.random.default_rng(0).integers(1, 4, 60)
    for phase in made._phases:
        if phase.name == "matching":
            continue
        parameters = weights_of(made.family.networks(jax.random.key(0))[phase.network], 0.2, 3)
        rows = phase.rows(jnp.eye(3))[:60]
        loss = jax.jit(phase.descent.loss)
        weighted = loss(parameters, Batch(rows, jnp.asarray(times, float)), jax.random.key(1))
        repeated = loss(parameters, Batch(jnp.repeat(rows, times, axis=0), jnp.ones(times.sum())), jax.random.key(1))
        alike = loss(parameters, Batch(rows, jnp.ones(60)), jax.random.key(1))
        assert float(weighted) == pytest.approx(float(repeated), rel=1e-12)
        assert abs(float(weighted - alike)) > 1e-4


def test_the_mean_of_a_batch_is_weighed():
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=(2, 50)) + np.array([[0.0], [5.0]])
    batch = Batch(jnp.zeros((50, 1)), jnp.asarray(weight))
    assert float(batch.mean(jnp.asarray(values))) == pytest.approx(np.average(values, weights=weight), rel=1e-12)


def weighted_trainer(weight, family="joint"):
    return flow_trainer(
        dataclasses.replace(stars_of("disc")[1], weight=weight), settings(family), SUN, coordinates="disc", seed=3
    )


def test_only_the_ratios_of_weights_matter():
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 6000)
    first, second = weighted_trainer(weight), weighted_trainer(1000 * weight)
    np.testing.assert_allclose(first.stars.weight, second.stars.weight, rtol=1e-6)
    np.testing.assert_allclose(first.stars.weight[:6000], weight / weight.mean(), rtol=1e-6)
    np.testing.assert_array_equal(trainer("joint", "disc").stars.weight, 1.0)


def test_held_out_stars_weigh_too():
    made = trained("factored", "disc")
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(made.stars.w))
    changed = dataclasses.replace(made.trainer, stars=dataclasses.replace(made.trainer.stars, weight=weight))
    rows = made.trainer.parts.held_out
    log_df = made.flow.log_df(made.stars.w[rows])[0]
    found = changed.held_out_log_df(ensemble.member(made.flow.states, 0))
    assert found == pytest.approx(np.average(log_df, weights=weight[rows]), rel=1e-12)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_that_are_none_are_refused(bad):
    weight = np.ones(6000)
    weight[77] = bad
    with pytest.raises(TrainingError, match="weights of the stars must be positive and finite"):
        weighted_trainer(weight)


# ------------------------------------------------------------------------------------------------- parts, and refusals


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("held_out", [0.01, 0.3])
def test_the_split_is_fair_and_keeps_groups_together(grouped, held_out):
    n = 20_000
    group = np.random.default_rng(1).integers(0, 4000, n) * 7 - 100 if grouped else None
    sample = PhaseSpaceSample(np.zeros((n, 6)), Shell(1.0), group=group)
    parts = split(sample, held_out, seed=2)
    first, second = parts.halves
    rows = np.concatenate([first, second, parts.held_out])
    assert len(np.unique(rows)) == len(rows)
    assert len(first) == len(second)
    # Dealt, not thrown: what is uneven is less than one group.
    longest = np.bincount(np.unique(group, return_inverse=True)[1]).max() if grouped else 1
    assert abs(len(parts.held_out) - held_out * n) <= longest / 2
    assert n - len(rows) <= longest
    if grouped:
        owners = [set(group[part]) for part in (first, second, parts.held_out)]
        assert not owners[0] & owners[1]
        assert not owners[0] & owners[2]
        assert not owners[1] & owners[2]
    # In random order: batches are consecutive rows.
    assert np.all(np.abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 5 / np.sqrt(len(first)))
    np.testing.assert_array_equal(split(sample, held_out, seed=2).held_out, parts.held_out)
    assert not np.array_equal(split(sample, held_out, seed=3).held_out[:100], parts.held_out[:100])
    np.testing.assert_array_equal(parts.rows(None), np.concatenate(parts.halves))
    np.testing.assert_array_equal(parts.rows(1), second)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w[:500], "500 stars are too few: each half needs 256 to train on and gets 237"),
        (lambda w: w[:1], "1 stars are too few"),
        (lambda w: np.where(np.arange(6) == 2, np.nan, w), "not finite"),
        (lambda w: np.where(np.arange(len(w))[:, None] == 7, np.inf, w), "not finite"),
    ],
    ids=["few", "one", "nan", "inf"],
)
def test_stars_that_cannot_be_trained_on_are_refused_in_words(change, words):
    w = np.random.default_rng(0).normal(size=(3000, 6)) * 0.2
    config = preset("quick").flow
    with pytest.raises(TrainingError, match=words):
        flow_trainer(PhaseSpaceSample(change(w), Shell(3.0)), config, SUN, coordinates="sphere", seed=0)


def test_an_ensemble_knows_its_members():
    flow = trained("factored", "disc").flow
    assert isinstance(flow, FlowEnsemble)
    assert flow.members == 2
    assert flow.half.tolist() == [0, 1]
