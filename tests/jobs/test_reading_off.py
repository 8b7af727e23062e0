"""The null share is 1 for a sample without a pattern and near 0 for a pattern, whatever the number of flows."""

import numpy as np
import pytest
from exact_scores import scored
from small_runs import TINY, waiting_run

from core.config import preset
from core.jobs.execution import Task
from core.jobs.reading_off import _profile
from core.pipelines import NULL
from core.runs.products import MAIN, scored_path, write_scored


@pytest.fixture
def profiled(tmp_path):
    """``profiled(fit, null, **settings)``: what a run with these scored samples knows of L(Ω_p)."""

    def made(fit, null=None, **settings):
        run = waiting_run(tmp_path, config=preset("quick", {**TINY, **settings}))
        run.products.mkdir(exist_ok=True)
        for pipeline, sample in ((MAIN, fit), (NULL, null)):
            if sample is not None:
                write_scored(scored_path(run.products, pipeline), sample)
        return _profile(Task(run, run.manifest.task("scalars"), run.path, lambda *_, **__: None))

    return made


@pytest.mark.parametrize("members", [2, 8])
def test_noise_is_as_strong_in_both_whatever_the_number_of_flows(profiled, members):
    """A fit with four times the flows has less noise: it is compared with as many as the null test has."""
    fit = scored("shu-disc", noise=0.05, members=members)
    assert profiled(fit, scored("shu-disc", seed=1, noise=0.05, members=2)).null_share == pytest.approx(1, abs=0.3)


def test_a_pattern_has_more_than_its_null_test(profiled):
    known = profiled(scored("freeman", noise=0.01, members=4), scored("shu-disc", noise=0.01, members=2))
    assert known.null_share < 0.1
    assert known.null is not None


def test_without_a_null_test_there_is_no_share_and_for_another_solver_nothing(profiled):
    fit = scored("freeman", noise=0.01, members=2)
    known = profiled(fit)
    assert (known.null, known.null_share) == (None, None)
    assert np.argmin(known.fit.own) > 0


def test_other_solvers_have_no_such_curve(profiled):
    assert profiled(scored("freeman", members=2), **{"potential.solver": "network"}) is None
