"""A stage called again makes what is missing or damaged, and nothing else."""

import numpy as np
import pytest
from small_runs import waiting_run

from core import mocks
from core.jobs import flow_training
from core.jobs.execution import Task
from core.jobs.flow_training import train_flows
from core.jobs.stages import STAGES
from core.jobs.task import is_done
from core.runs.artifacts import file_digest, write_arrays, write_json
from core.runs.products import MAIN, flow_path

FLOWS = "flows-df_seed-00"


@pytest.fixture
def task(tmp_path, monkeypatch):
    """Training of two members that writes an array at once; ``task.trained`` lists who was trained."""
    run = waiting_run(tmp_path / "runs")
    trained = []

    def train(task, member, share):
        trained.append(member.number)
        write_arrays(flow_path(run.products, MAIN, member.number), {"w": np.full(5, float(member.number))}, {})

    monkeypatch.setattr(flow_training, "_train_one", train)
    stars = mocks.system("freeman").sample(np.random.default_rng(0), 1000)
    monkeypatch.setattr(Task, "stars", lambda *_: stars)
    task = Task(run, run.manifest.task(FLOWS), run.path / "tasks" / FLOWS, lambda *_, **__: None)
    return task, trained


def test_every_kind_of_task_has_a_stage(task):
    assert {t.kind for t in task[0].run.manifest.tasks} == set(STAGES)


def test_only_missing_and_damaged_members_are_trained(task):
    task, trained = task
    paths = train_flows(task)
    assert trained == [0, 1]
    digests = [file_digest(path) for path in paths]
    train_flows(task)
    assert trained == [0, 1]
    content = bytearray(paths[1].read_bytes())
    content[-1] ^= 1
    paths[1].write_bytes(content)
    train_flows(task)
    paths[0].unlink()
    train_flows(task)
    assert trained == [0, 1, 1, 0]
    assert [file_digest(path) for path in paths] == digests


def test_a_task_is_done_while_its_products_are_what_it_wrote(task):
    task, _ = task
    assert not is_done(task.run, FLOWS)
    marker = task.directory / "DONE"
    write_json(marker, {str(p.relative_to(task.run.path)): file_digest(p) for p in train_flows(task)})
    assert is_done(task.run, FLOWS)
    product = flow_path(task.run.products, MAIN, 1)
    content = product.read_bytes()
    for damaged in (content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
        product.write_bytes(damaged)
        assert not is_done(task.run, FLOWS)
    product.write_bytes(content)
    assert is_done(task.run, FLOWS)
    marker.write_text(marker.read_text()[:-10])
    assert not is_done(task.run, FLOWS)


def test_seeds_differ_by_what_they_are_for_and_by_run(task, tmp_path):
    task, _ = task
    words = [("flow", "df_seed", 0), ("flow", "df_seed", 1), ("flow", "null", 0), ("split",), ("azimuths",)]
    seeds = [task.seed(*w) for w in words]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [task.seed(*w) for w in words]
