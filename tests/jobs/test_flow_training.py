"""The stage that trains flows: a member that fails leaves its reason and is not tried again, the others are trained."""

import dataclasses
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_flows import TINY
from small_runs import waiting_run

from core import mocks
from core.config import preset
from core.errors import TrainingError
from core.flow.training import FlowProgress, FlowTrainer
from core.jobs import flow_training
from core.jobs.execution import Task
from core.jobs.flow_training import train_flows
from core.jobs.graph import plan
from core.pipelines import BOOTSTRAP
from core.runs.artifacts import read_json
from core.runs.flow_files import read_flow
from core.runs.products import MAIN, flow_path, rejection_path, stored_flows

FLOWS = "flows-df_seed-00"


class Fake:
    """Training that is over at once; ``fails`` maps members to where they fail."""

    def __init__(self, members):
        self.members, self.fails, self.trained, self.finished = members, {}, Counter(), Counter()

    def number(self, seed):
        return self.members[seed]

    def progress(self, trainer, checkpoint):
        return FlowProgress("velocity", 1.0, 5, 5, 1.0, 1.0, np.inf, checkpoint)

    def train(self, trainer, seed, half, resume=None):
        number = self.number(seed)
        self.trained[number] += 1
        assert half == number % 2
        yield self.progress(trainer, trainer.template(0))
        if self.fails.get(number) == "training":
            raise TrainingError("the loss is no longer finite at step 7 of 200")

    def train_together(self, trainer, seeds, halves, resume=None, *, trainers):
        numbers = [self.number(seed) for seed in seeds]
        self.trained.update(numbers)
        assert halves == [number % 2 for number in numbers]
        yield self.progress(trainer, trainer.template(0, len(seeds)))
        if all(self.fails.get(number) == "training" for number in numbers):
            raise TrainingError("the loss is no longer finite at step 7 of 200")

    def finish(self, trainer, seed, checkpoint):
        number = self.number(seed)
        self.finished[number] += 1
        if number in self.fails:
            raise TrainingError("its loss stopped being finite in training")
        return FlowTrainer._finish(trainer, seed, checkpoint)


@pytest.fixture
def task(tmp_path, monkeypatch):
    """Four members in one task, whose training is faked."""
    config = preset("quick", {**TINY, "flow.members": 4, "jobs.members_per_task": 4})
    run = waiting_run(tmp_path / "runs", config=config, tasks=plan(config, 1000))
    lines = []
    task = Task(run, run.manifest.task(FLOWS), run.path / "tasks" / FLOWS, lambda f, **v: lines.append((f, v)))
    stars = mocks.system("freeman").sample(np.random.default_rng(0), 1000)
    monkeypatch.setattr(Task, "stars", lambda *_: stars)
    fake = Fake({task.seed("flow", MAIN, number): number for number in range(4)})
    monkeypatch.setattr(FlowTrainer, "_finish", FlowTrainer.finish, raising=False)
    for name in ("train", "train_together", "finish"):
        method = getattr(fake, name)
        monkeypatch.setattr(FlowTrainer, name, lambda self, *a, _method=method, **k: _method(self, *a, **k))
    return task, fake, lines


@pytest.fixture(params=["one by one", "together"])
def either(request, monkeypatch):
    """As on a CPU, and as on an accelerator."""
    if request.param == "together":
        backend = type("Accelerated", (), {"default_backend": staticmethod(lambda: "gpu")})
        monkeypatch.setattr(flow_training, "jax", backend)
    return request.param


def test_all_members_are_trained_and_can_be_used(task, either):
    task, fake, lines = task
    paths = train_flows(task)
    assert paths == [flow_path(task.run.products, MAIN, number) for number in range(4)]
    assert fake.trained == dict.fromkeys(range(4), 1)
    assert read_flow(task.run.products).half.tolist() == [0, 1, 0, 1]
    fractions = [fraction for fraction, _ in lines]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    members = [values["member"] for _, values in lines]
    assert members == (["0–3"] if either == "together" else ["0", "1", "2", "3"])
    assert {values["change"] for _, values in lines} == {None}  # JSON has no infinity


def test_a_member_that_fails_leaves_its_reason_and_the_others_are_trained(task, either):
    task, fake, _ = task
    fake.fails = {1: "training" if either == "one by one" else "finish"}
    paths = train_flows(task)
    assert paths[1] == rejection_path(task.run.products, MAIN, 1)
    assert not flow_path(task.run.products, MAIN, 1).exists()
    rejection = read_json(paths[1])
    assert (rejection["member"], rejection["half"]) == (1, 1)
    assert "finite" in rejection["reason"]
    assert [flow.reason is None for flow in stored_flows(task.run.products)] == [True, False, True, True]
    assert read_flow(task.run.products).half.tolist() == [0, 0, 1]


def test_a_member_that_fails_its_last_check_is_left_out_too(task, either):
    task, fake, _ = task
    fake.fails = {2: "finish"}
    train_flows(task)
    assert read_json(rejection_path(task.run.products, MAIN, 2))["reason"].startswith("its loss stopped being finite")


def test_a_member_that_failed_is_not_tried_again(task, either):
    task, fake, _ = task
    fake.fails = {1: "finish", 2: "finish"}
    first = train_flows(task)
    fake.fails = {}
    assert train_flows(task) == first
    assert fake.trained == dict.fromkeys(range(4), 1)
    # One that is lost is trained again, and no other.
    flow_path(task.run.products, MAIN, 3).unlink()
    assert train_flows(task) == first
    assert fake.trained == {0: 1, 1: 1, 2: 1, 3: 2}


def test_when_all_fail_the_next_task_says_why(task, either):
    task, fake, _ = task
    fake.fails = dict.fromkeys(range(4), "training")
    paths = train_flows(task)
    assert paths == [rejection_path(task.run.products, MAIN, number) for number in range(4)]
    with pytest.raises(TrainingError, match=r"only 0 of 4 flows can be used.*flow 0: the loss is no longer finite"):
        read_flow(task.run.products)


def test_a_stored_member_knows_its_likelihood(task):
    """The mean ln f of the held-out stars, from which outliers are told."""
    task, _, _ = task
    train_flows(task)
    flow = read_flow(task.run.products)
    config = task.run.manifest.config
    trainer = flow_training.flow_trainer(
        task.stars(MAIN), config.flow, config.solar, coordinates=config.flow_coordinates, seed=task.seed("split")
    )
    w = trainer.stars.w[trainer.parts.held_out]
    held_out = [stored.held_out for stored in stored_flows(task.run.products)]
    np.testing.assert_allclose(held_out, flow.log_df(w).mean(1), rtol=1e-6)
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(flow.states))


def resampled_task(tmp_path, monkeypatch, stars):
    """Flows of three draws in one task, two each; ``stars(draw)`` are those of a draw."""
    config = preset("quick", {**TINY, "flow.members": 2, "pipelines.bootstrap_members": 3})
    tasks = plan(config, 1000, accelerated=True)
    run = waiting_run(tmp_path / "runs", config=config, tasks=tasks)
    monkeypatch.setattr(Task, "stars", lambda self, pipeline, draw=0: stars(draw))
    name = "flows-bootstrap-00"
    return Task(run, run.manifest.task(name), run.path / "tasks" / name, lambda *_, **__: None)


def test_draws_are_trained_in_one_program_each_on_its_own_stars(tmp_path, monkeypatch, either):
    """Draws of different size: no flows know the stars of a draw as well as its own two."""

    def stars(draw):
        """Hotter from draw to draw."""
        sample = mocks.system("freeman").sample(np.random.default_rng(draw), 1500 - 100 * draw)
        return dataclasses.replace(sample, w=sample.w * np.repeat([1.0, 1.0 + draw], 3))

    task = resampled_task(tmp_path, monkeypatch, stars)
    assert task.spec.parameters["members"] == list(range(6))
    paths = train_flows(task)
    assert paths == [flow_path(task.run.products, BOOTSTRAP, number) for number in range(6)]
    flow = read_flow(task.run.products, BOOTSTRAP)
    assert flow.half.tolist() == [0, 1, 0, 1, 0, 1]
    best = [np.argsort(flow.log_df(stars(draw).w).mean(1))[-2:] for draw in range(3)]
    assert [sorted(two.tolist()) for two in best] == [[0, 1], [2, 3], [4, 5]]
