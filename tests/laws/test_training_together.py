"""Members trained in one compiled program are those trained alone; what befalls one leaves the others alone."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest
from small_flows import bits, trained, trainer, with_stars

from core import ensemble
from core.errors import TrainingError
from core.runs.trees import from_arrays, to_arrays

ROOT = Path(__file__).parents[2]
SEEDS, HALVES = (10, 11), (0, 1)


@cache
def reports_together():
    return list(trainer("factored", "disc").train_together(SEEDS, HALVES))


@cache
def reports_alone():
    return [list(trainer("factored", "disc").train(seed, half)) for seed, half in zip(SEEDS, HALVES, strict=True)]


def assert_close(tree, other):
    """To rounding of single precision, which 200 steps of Adam make grow a thousandfold; members differ by 0.1."""
    for one, two in zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


def test_members_together_are_those_trained_alone():
    """Each with its seed, its half and its orientation; a report is the mean of theirs."""
    together, alone = reports_together(), reports_alone()
    assert [(r.phase, r.step) for r in together] == [(r.phase, r.step) for r in alone[0]]
    for i in range(2):
        checkpoint = ensemble.member(together[-1].checkpoint, i)
        assert_close(checkpoint.descent.best, alone[i][-1].checkpoint.descent.best)
        assert_close(checkpoint.networks, alone[i][-1].checkpoint.networks)
    held_out = np.mean([[r.held_out for r in reports] for reports in alone], 0)
    np.testing.assert_allclose([r.held_out for r in together], held_out, rtol=1e-5)


def test_a_member_of_those_together_is_finished_as_one_alone():
    made = trained("factored", "disc")
    for i, seed in enumerate(SEEDS):
        state = made.trainer.finish(seed, ensemble.member(reports_together()[-1].checkpoint, i))
        assert_close(state, ensemble.member(made.flow.states, i))


def test_training_together_goes_on_bit_for_bit():
    made, reports = trainer("factored", "disc"), reports_together()
    for stopped in (0, 3, len(reports) // 2, len(reports) - 1):
        arrays = to_arrays(reports[stopped].checkpoint)
        resumed = from_arrays(arrays, made.template(int(arrays[".phase"].max()), 2))
        rest = list(made.train_together(SEEDS, HALVES, resumed))
        assert [(r.phase, r.step) for r in rest] == [(r.phase, r.step) for r in reports[stopped + 1 :]]
        assert bits((rest or reports)[-1].checkpoint) == bits(reports[-1].checkpoint)


def spoilt(halves):
    """The trainer of stars some of which, in the given halves, are nowhere."""
    made = trainer("factored", "disc")
    w = np.array(made.stars.w)
    for half in halves:
        w[made.parts.halves[half][::7]] = np.nan
    return with_stars(made, w)


def test_one_that_diverges_does_not_end_the_others():
    """Its loss is not a number from the first step: it is refused, the other is what it would have been alone."""
    made = spoilt([1])
    reports = list(made.train_together(SEEDS, HALVES))
    good, bad = (ensemble.member(reports[-1].checkpoint, i) for i in range(2))
    assert_close(good.descent.best, reports_alone()[0][-1].checkpoint.descent.best)
    assert np.isfinite(made.held_out_log_df(made.finish(SEEDS[0], good)))
    assert all(np.isfinite(r.held_out) for r in reports)
    with pytest.raises(TrainingError, match="its loss stopped being finite in training"):
        made.finish(SEEDS[1], bad)
    # Alone it says so at once.
    with pytest.raises(TrainingError, match="the loss is no longer finite at step"):
        next(made.train(SEEDS[1], 1))


def test_when_all_diverge_there_is_nothing_to_go_on_with():
    with pytest.raises(TrainingError, match="the loss is no longer finite at step"):
        next(spoilt([0, 1]).train_together(SEEDS, HALVES))


ON_TWO_DEVICES = """
import json, sys
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
from small_flows import trainer
from core.runs.trees import from_arrays, to_arrays

made = trainer("factored", "disc")
seeds, halves = json.loads(sys.argv[1])
reports = list(made.train_together(seeds, halves))
leaf = jax.tree.leaves(reports[-1].checkpoint.descent.parameters)[0]
stored = from_arrays(to_arrays(reports[-20].checkpoint), made.template(0, len(seeds)))
*_, again = made.train_together(seeds, halves, stored)
sums = lambda report: [float(np.sum(np.abs(a))) for a in jax.tree.leaves(report.checkpoint.descent.best)]
print(json.dumps({
    "devices": len(leaf.sharding.device_set),
    "held_out": [r.held_out for r in reports],
    "best": sums(reports[-1]),
    "resumed": sums(again),
}))
"""


def on_two_devices(seeds, halves):
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }
    command = [sys.executable, "-c", ON_TWO_DEVICES, json.dumps([seeds, halves])]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_members_are_dealt_out_over_devices_and_stay_what_they_are():
    """Two members on two devices; and they go on from a stored checkpoint."""
    found, here = on_two_devices(SEEDS, HALVES), reports_together()
    assert found["devices"] == 2
    np.testing.assert_allclose(found["held_out"], [r.held_out for r in here], rtol=1e-5)
    best = [float(np.sum(np.abs(a))) for a in jax.tree.leaves(here[-1].checkpoint.descent.best)]
    np.testing.assert_allclose(found["best"], best, rtol=1e-4)
    np.testing.assert_allclose(found["resumed"], found["best"], rtol=1e-12)
