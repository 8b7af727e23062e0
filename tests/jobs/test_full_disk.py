"""A run on a disk that fills up at the first write of each of its files: it waits for room, and ends as any other."""

import re

import numpy as np
import pytest
from full_disk import FullDisk
from small_runs import TINY

from core import mocks
from core.catalog.store import CatalogueStore
from core.config import preset
from core.errors import InputError, lacks_room
from core.jobs import runner, supervisor, task
from core.jobs.creation import create_fit
from core.jobs.machine import Machine
from core.jobs.pausing import pause
from core.jobs.runner import run_graph
from core.jobs.status import run_status
from core.runs.artifacts import file_digest

SETTINGS = {
    **TINY,
    "flow.velocity.training.steps": 60,
    "flow.velocity.training.epochs": 10,
    "potential.frame": "inertial",
    "pipelines.solar_members": 2,
    "sample.flow_stars": 1000,
    "sample.scored_points": 1000,
}


def here(run, task_id, watch, environment):
    """An attempt at a task in this process, which is what compiles once."""
    try:
        task.execute(run.path, task_id)
    except OSError as error:
        if lacks_room(error):
            return task.DISK_FULL
        raise
    return 0


def kind_of(path):
    """The file that is written, by whatever temporary name, and whatever its number."""
    return re.sub(r"\d+|-[0-9a-f]{12}", "", re.sub(r"^\.(.*)\.[0-9a-f]{12}\.tmp$", r"\1", path.name))


@pytest.fixture
def fit(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(supervisor, "_attempted", here)
    system = mocks.system("plummer", {"radius": 1.0})
    w = np.asarray(system.sample(np.random.default_rng(0), 2000).w)
    columns = dict(zip(("x", "y", "z", "vx", "vy", "vz"), w.T, strict=True))
    catalogue = CatalogueStore(tmp_path / "data").add(columns, name="plummer", region=system.region, frame="inertial")
    return lambda: create_fit(catalogue, preset("quick", SETTINGS), root=tmp_path / "runs", preset_name="quick")


def digests(run):
    return {path.name: file_digest(path) for path in run.products.iterdir()}


@pytest.mark.slow
def test_a_run_waits_for_room_wherever_it_finds_none(fit, monkeypatch):
    whole, run = fit(), fit()
    run_graph(whole, machine=Machine(1))
    disk, refused, waited = FullDisk(run.path), [], []

    def fills(what, path):
        kind = kind_of(path)
        if what != "write" or kind in refused:
            return False
        refused.append(kind)
        return True

    def make_room(path, check):
        waited.append(path)
        disk.is_full = False

    monkeypatch.setattr(supervisor, "wait_for_room", make_room)
    monkeypatch.setattr(runner, "wait_for_room", make_room)
    with disk.filled(fills):
        with pytest.raises(InputError, match="cannot be locked: there is no room on the disk"):
            run_graph(run, machine=Machine(1))  # it cannot begin
        disk.is_full = False
        run_graph(run, machine=Machine(1))
    assert digests(run) == digests(whole)
    assert {*refused} >= {kind_of(path) for path in (*whole.products.iterdir(), *whole.path.glob("tasks/*/DONE"))}
    assert {*refused} >= {"owner.json", "state.json", "progress.jsonl", "attempts.jsonl", "state-A.safetensors"}
    assert len(waited) >= len(refused) - 2
    assert (run_status(run).state, pause(run.path)) == ("done", None)
    assert [path for path in run.path.rglob("*") if path.name.startswith(".")] == []
