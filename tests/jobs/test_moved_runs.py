"""A training that is stopped, packed and unpacked elsewhere ends with the same flow, to the last bit."""

import dataclasses

import pytest
from small_runs import TINY, ball, manifest

from core.catalog.store import CatalogueStore
from core.config import preset
from core.jobs.execution import Task
from core.jobs.flow_training import train_flows
from core.jobs.graph import plan
from core.phase_space.region import Everything
from core.runs.artifacts import file_digest
from core.runs.manifest import CatalogueReference
from core.runs.packing import write_pack
from core.runs.products import MAIN
from core.runs.registry import create_run
from core.runs.unpacking import unpack

FLOWS = "flows-df_seed-00"


class StoppedError(Exception):
    """What a kill is to a training in this process."""


def train(run, reports=10**9):
    """Train the flows of a run, at most until so many reports of progress have been made."""
    made = []

    def report(fraction, **values):
        made.append(fraction)
        if len(made) > reports:
            raise StoppedError

    spec = dataclasses.replace(run.manifest.task(FLOWS), parameters={"pipeline": MAIN, "members": [0]})
    return [file_digest(path) for path in train_flows(Task(run, spec, run.path / "tasks" / FLOWS, report))]


@pytest.mark.slow
def test_an_unfinished_run_goes_on_elsewhere_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("core.runs.registry.EMBEDDED_RUNS", tmp_path / "embedded")
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path / "here" / "data"))
    stars = ball(tmp_path / "here" / "data", 1500)
    config = preset("quick", {**TINY, "flow.velocity.training.steps": 100, "flow.velocity.training.batch": 128})
    reference = CatalogueReference(stars.id, stars.name, len(stars), True)
    values = {"catalogue": reference, "region": Everything(), "config": config, "tasks": plan(config, 1500)}
    run = create_run(tmp_path / "here" / "runs", manifest(**values), ["test"])
    with pytest.raises(StoppedError):
        train(run, reports=1)
    assert list((run.path / "tasks" / FLOWS).glob("state-*.safetensors"))
    write_pack(run, tmp_path / "run.tar", stars)
    expected = train(run)

    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path / "there" / "data"))
    arrived, _ = unpack(tmp_path / "run.tar", tmp_path / "there" / "runs", CatalogueStore(tmp_path / "there" / "data"))
    assert train(arrived) == expected
