"""The runner drives a graph to its end, whatever its tasks do."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import create_autospec

import psutil
import pytest
from distributed import Client, Scheduler, SpecCluster
from small_runs import waiting_run

from core.errors import CancelledError, InputError
from core.jobs import cluster, runner
from core.jobs.cluster import Cluster, Place, dask_cluster
from core.jobs.machine import Machine, is_for_accelerator
from core.jobs.ownership import CANCEL_FILE, recorded_state, request_cancel
from core.jobs.runner import run_graph
from core.jobs.status import run_status
from core.jobs.supervisor import TaskFailedError, supervise
from core.runs import registry
from core.runs.registry import open_run


@pytest.fixture
def run(tmp_path):
    return waiting_run(tmp_path / "runs")


def pretended(path, task_id, *needs, **how):
    """In place of a task: writes down that it was done, or fails or is told to stop where a file of it says so."""
    run = open_run(path)
    told = run.path / "tasks" / task_id / "SIGNAL"
    if told.exists():
        os.kill(os.getpid(), int(told.read_text()))
        while not (run.path / CANCEL_FILE).exists():
            time.sleep(0.01)
    assert set(needs) == set(run.manifest.task(task_id).needs)
    if (run.path / CANCEL_FILE).exists():
        raise CancelledError("the run was cancelled")
    failure = run.path / "tasks" / task_id / "FAIL"
    if failure.exists():
        raise TaskFailedError(task_id, "on purpose", int(failure.read_text()))
    with (run.path / "done.txt").open("a") as file:
        file.write(f"{task_id}\n")
    return task_id


@pytest.fixture
def pretend(monkeypatch):
    monkeypatch.setattr(runner, "supervise", pretended)


def done(run):
    path = run.path / "done.txt"
    return path.read_text().split() if path.exists() else []


def test_the_embedded_cluster_works_and_opens_no_port(tmp_path):
    with dask_cluster(Place(Machine(2)), tmp_path) as embedded:
        assert embedded.client.gather(embedded.client.map(pow, [1, 2, 3], [2, 2, 2], pure=False)) == [1, 4, 9]
        assert [c for c in psutil.Process().net_connections() if c.status == psutil.CONN_LISTEN] == []


def test_its_only_worker_is_never_taken_for_dead(tmp_path):
    with dask_cluster(Place(Machine(1)), tmp_path) as embedded:
        assert "worker-ttl" not in embedded.client.cluster.scheduler.periodic_callbacks


def test_a_scheduler_that_has_gone_is_not_one_without_workers(monkeypatch):
    """Who waits for workers would wait for ever: that it has gone is noticed by who does not."""
    client = create_autospec(Client, instance=True)
    client.nthreads.side_effect = [{}, OSError("it has gone"), {"worker": 1}]
    monkeypatch.setattr(cluster, "_LOOK", -1.0)
    lacks = cluster._Attendance(client)
    assert [lacks(), lacks(), lacks()] == ["the Dask scheduler has no workers", None, None]


def test_an_address_that_is_none_is_refused(tmp_path):
    with (
        pytest.raises(InputError, match=r"no Dask scheduler answers at nowhere://x.*leave --scheduler out"),
        dask_cluster(Place(Machine(2), "nowhere://x"), tmp_path),
    ):
        pass


def test_every_task_is_done_after_those_it_needs(run, pretend):
    run_graph(run)
    order = done(run)
    assert sorted(order) == sorted(t.id for t in run.manifest.tasks)
    assert all(order.index(need) < order.index(t.id) for t in run.manifest.tasks for need in t.needs)
    assert recorded_state(run)["state"] == "done"


def overlapping(run_path, task_id, *needs, **how):
    """Writes down when it begins and ends."""
    for word in ("begins", "ends"):
        with (Path(run_path) / "overlap.txt").open("a") as file:
            file.write(f"{word} {task_id}\n")
        time.sleep(0.05 if word == "begins" else 0)
    return task_id


def test_an_accelerator_has_one_task_at_a_time_and_the_cores_go_on_beside_it(run, monkeypatch):
    monkeypatch.setattr(runner, "supervise", overlapping)
    run_graph(run, machine=Machine(8, accelerated=True))
    running, most, held = [], 0, 0
    for line in (run.path / "overlap.txt").read_text().splitlines():
        word, task = line.split()
        running = [*running, task] if word == "begins" else [t for t in running if t != task]
        most = max(most, len(running))
        held = max(held, sum(is_for_accelerator(run.manifest.task(t), run.manifest.config) for t in running))
    assert held == 1
    assert most > 1


def test_one_failed_task_stops_only_what_needs_it_and_the_run_goes_on_later(run, pretend):
    failure = run.path / "tasks" / "potentials-df_seed" / "FAIL"
    failure.write_text("2")
    with pytest.raises(TaskFailedError, match="task potentials-df_seed: on purpose") as caught:
        run_graph(run)
    assert caught.value.exit_code == 2
    assert {t.id for t in run.manifest.tasks} - set(done(run)) == {"potentials-df_seed", "scalars"}
    record = recorded_state(run)
    assert record["state"] == "failed"
    assert "on purpose" in record["error"]
    failure.unlink()
    run_graph(run)
    assert recorded_state(run)["state"] == "done"
    assert "scalars" in done(run)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_termination_cancel_the_run(number, run, pretend):
    (run.path / "tasks" / "sample-df_seed" / "SIGNAL").write_text(str(int(number)))
    before = signal.getsignal(number)
    with pytest.raises(CancelledError, match="was cancelled"):
        run_graph(run)
    assert signal.getsignal(number) == before
    assert recorded_state(run)["state"] == "cancelled"
    assert sorted(done(run)) == ["flows-df_seed-00", "preview"]


def test_files_that_a_killed_process_had_half_written_are_swept(run, pretend):
    half = run.products / ".flow-df_seed-000.safetensors.0123456789ab.tmp"
    half.write_bytes(b"half")
    run_graph(run)
    assert not half.exists()


def test_a_request_to_stop_from_before_is_forgotten(run, pretend):
    request_cancel(run)
    earlier = time.time() - 60
    os.utime(run.path / CANCEL_FILE, (earlier, earlier))
    run_graph(run)
    assert recorded_state(run)["state"] == "done"


def test_a_request_to_stop_while_the_program_starts_is_obeyed(run, pretend):
    asked = time.time() - 1
    request_cancel(run)
    with pytest.raises(CancelledError, match="go on with: deep-potential run"):
        run_graph(run, asked=asked)
    assert done(run) == []
    assert recorded_state(run)["state"] == "cancelled"


class WithoutWorkers:
    """A cluster whose workers never come."""

    def __init__(self, words=None):
        self.words = words

    @contextmanager
    def __call__(self, place, run_path):
        scheduler = {
            "cls": Scheduler,
            "options": {"protocol": "inproc://", "dashboard": False, "dashboard_address": "127.0.0.1:0", "port": 0},
        }
        with SpecCluster(scheduler=scheduler, silence_logs=50) as cluster, Client(cluster) as client:
            yield Cluster(client, accelerated=False, lacks=lambda: self.words)


@pytest.mark.parametrize("words", ["SLURM has yet to start job 7 (Priority)", None])
def test_a_run_without_workers_says_for_what_it_waits_and_can_be_cancelled(words, run, monkeypatch):
    monkeypatch.setattr(runner, "dask_cluster", WithoutWorkers(words))
    monkeypatch.setattr(runner, "_STOPS", 0.5)
    seen = []

    def look():
        until = time.monotonic() + 20
        while not seen and time.monotonic() < until:
            status = run_status(run)
            seen.extend([(status.state, status.error)] if status.state == ("paused" if words else "running") else [])
            time.sleep(0.05)
        request_cancel(run)

    threading.Thread(target=look).start()
    with pytest.raises(CancelledError, match="was cancelled"):
        run_graph(run)
    assert seen == [("paused", words)] if words else [("running", "")]
    assert run_status(run).state == "cancelled"


def test_the_demonstration_is_never_run(run, pretend, monkeypatch):
    monkeypatch.setattr(registry, "EMBEDDED_RUNS", run.path.parent)
    before = sorted(run.path.rglob("*"))
    with pytest.raises(InputError, match="read-only"):
        run_graph(run)
    assert sorted(run.path.rglob("*")) == before


def test_a_task_that_cannot_be_done_leaves_its_reason(run, monkeypatch, tmp_path):
    """In a process of its own: here the catalogue of the run is not stored."""
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path / "data"))
    with pytest.raises(TaskFailedError, match=r"there is no catalogue '0123456789ab'") as caught:
        supervise(str(run.path), "flows-df_seed-00")
    assert caught.value.exit_code == 2
    directory = run.path / "tasks" / "flows-df_seed-00"
    assert "Traceback" in (directory / "log.txt").read_text()
    assert {p.name for p in directory.iterdir()} >= {"error.json", "attempts.jsonl", "progress.jsonl"}
