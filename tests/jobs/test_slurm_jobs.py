"""Jobs of SLURM are asked for, asked for anew when they end, and gone with the run; a stand-in takes them here."""

import os
import shutil
import signal
import time

import pytest
from slurm_stand_in import StandIn

from core.errors import InputError
from core.jobs import slurm_jobs as jobs_module
from core.jobs.cluster import Place, dask_cluster
from core.jobs.machine import Machine
from core.jobs.slurm import SlurmConfig
from core.jobs.slurm_jobs import slurm_jobs

SLEEP, FAIL = "exec sleep 60\n", "echo 'no such module'\nexit 3\n"

pytestmark = pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid")


@pytest.fixture(autouse=True)
def slurm(tmp_path, monkeypatch):
    stand_in = StandIn(tmp_path / "slurm")
    monkeypatch.setenv("PATH", stand_in.path)
    monkeypatch.setattr(jobs_module, "_LOOK", 0.0)
    monkeypatch.setattr(jobs_module, "_AGAIN", 0.0)
    return stand_in


@pytest.fixture
def run_path(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_as_many_jobs_as_wanted_are_kept_and_none_is_left(slurm, run_path):
    with slurm_jobs(SlurmConfig(jobs=2), SLEEP, run_path) as jobs:
        assert "job 1 of SLURM has started" in jobs.tend(0)
        assert jobs.tend(2) is None
        first, _ = slurm.processes()
        os.kill(first, signal.SIGKILL)
        until(lambda: jobs.tend(1) is None and len(slurm.asked) == 3)
        jobs.tend(1)
        assert len(slurm.asked) == 3
        assert all("--job-name=deep-potential-run" in options for options in slurm.asked)
    assert slurm.processes() == []


def test_jobs_that_wait_are_said_to(slurm, run_path):
    slurm.hold()
    with slurm_jobs(SlurmConfig(jobs=2), SLEEP, run_path) as jobs:
        assert jobs.tend(0) == "SLURM has yet to start 2 jobs, 1 the first (Resources)"


def test_a_run_that_slurm_refuses_ends(slurm, run_path):
    slurm.refuse("invalid partition specified: nowhere")
    with (
        slurm_jobs(SlurmConfig(), SLEEP, run_path) as jobs,
        pytest.raises(InputError, match="SLURM's sbatch says: invalid partition specified: nowhere"),
    ):
        jobs.tend(0)


def test_a_limit_of_jobs_at_once_is_borne(slurm, run_path):
    slurm.refuse("too many jobs", after=1)
    with slurm_jobs(SlurmConfig(jobs=2), SLEEP, run_path) as jobs:
        assert jobs.tend(0) == "SLURM's sbatch says: too many jobs"
        assert jobs.tend(1) is None
        assert len(slurm.processes()) == 1


def test_jobs_that_end_at_once_are_told_with_their_last_words(slurm, run_path):
    with (
        slurm_jobs(SlurmConfig(), FAIL, run_path) as jobs,
        pytest.raises(InputError, match="end before they work, the last with the words 'no such module'"),
    ):
        until(lambda: jobs.tend(0) and False)
    assert len(slurm.asked) == 1


def test_without_slurm_the_run_says_so(slurm, run_path, monkeypatch):
    monkeypatch.setenv("PATH", str(run_path))
    with (
        pytest.raises(InputError, match=r"SLURM's scancel is not here.*on a machine of the cluster"),
        slurm_jobs(SlurmConfig(), SLEEP, run_path),
    ):
        pass


def test_a_job_is_a_worker_and_another_one_takes_the_place_of_one_that_was_cancelled(slurm, run_path, monkeypatch):
    monkeypatch.setenv("DEEP_POTENTIAL_TLS", str(run_path / "tls"))
    (run_path / "slurm.toml").write_text("cores = 1\n")
    with dask_cluster(Place(Machine(1), slurm=str(run_path / "slurm.toml")), run_path) as cluster:
        until(lambda: cluster.lacks() is None)
        assert cluster.client.submit(pow, 2, 3, pure=False).result(timeout=30) == 8
        os.killpg(slurm.processes()[0], signal.SIGTERM)
        until(lambda: cluster.lacks() is None and len(slurm.asked) == 2)
        assert cluster.client.submit(pow, 3, 2, pure=False).result(timeout=30) == 9
    assert slurm.processes() == []
