"""What SLURM is asked for, and the key without which nobody joins a cluster."""

import re
import shutil

import pytest
from distributed import Client, LocalCluster

from core.errors import ConfigError, InputError
from core.jobs import slurm
from core.jobs.cluster import Place, dask_cluster
from core.jobs.credentials import credentials, security_of
from core.jobs.machine import Machine
from core.jobs.slurm import read_slurm
from core.jobs.slurm_jobs import job_script


@pytest.fixture(autouse=True)
def keys(tmp_path, monkeypatch):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    monkeypatch.setenv("DEEP_POTENTIAL_TLS", str(tmp_path / "tls"))
    return tmp_path / "tls"


def example():
    """The file that the module documents."""
    block = slurm.__doc__.split("FILE.toml, all of it::")[1]
    return re.sub(r"^ {4}", "", block, flags=re.M)


def test_the_documented_example_asks_for_one_gpu_a_job(tmp_path):
    (tmp_path / "slurm.toml").write_text(example())
    config = read_slurm(tmp_path / "slurm.toml")
    asked = ["partition=gpu", "account=galaxy", "gres=gpu:1", "ntasks=1", "cpus-per-task=8", "mem=32G", "time=04:00:00"]
    assert config.options == [*(f"--{option}" for option in asked), "--exclude=node13,node14", "--qos=long"]
    assert config.jobs == 4
    first, prologue, worker = job_script(config, "tls://10.0.0.1:8786").strip().splitlines()
    assert (first, prologue) == ("#!/bin/bash", "module load cuda")
    for words in ("tls://10.0.0.1:8786", "--nthreads 8", "--lifetime 235m", "--resources accelerator=1", "--tls-key"):
        assert words in worker


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("qeue = 'x'", "Did you mean 'queue'"),
        ("walltime = '4h'", "not of the form"),
        ("jobs = 0", "jobs"),
        ("walltime = '00:05:00'", "too short"),
        ("directives = '\"'", "cannot be read"),
    ],
)
def test_what_is_no_such_file_is_refused_by_name(text, words, tmp_path):
    (tmp_path / "slurm.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"slurm\.toml.*{words}"):
        read_slurm(tmp_path / "slurm.toml")
    with pytest.raises(InputError, match=r"none\.toml: the file cannot be read"):
        read_slurm(tmp_path / "none.toml")


def test_the_key_is_made_once_and_for_its_owner_alone(keys):
    first = credentials()
    assert credentials().tls_ca_file == first.tls_ca_file == str(keys / "cert.pem")
    assert (keys / "key.pem").stat().st_mode & 0o077 == 0
    assert keys.stat().st_mode & 0o077 == 0


def test_nobody_without_the_key_gets_into_a_cluster(keys, tmp_path, monkeypatch):
    """Neither in the clear nor with a key of its own; the runner, which has the key, does."""
    with LocalCluster(
        n_workers=0, protocol="tls://", host="127.0.0.1", security=credentials(), dashboard_address="127.0.0.1:0"
    ) as cluster:
        port = cluster.scheduler_address.rpartition(":")[2]
        with dask_cluster(Place(Machine(1), f"127.0.0.1:{port}"), tmp_path) as found:
            assert found.client.scheduler_info()["address"] == cluster.scheduler_address
            assert found.lacks() == "the Dask scheduler has no workers"
        monkeypatch.setenv("DEEP_POTENTIAL_TLS", str(tmp_path / "other"))
        for address, security in ((f"tcp://127.0.0.1:{port}", None), (f"tls://127.0.0.1:{port}", credentials())):
            with pytest.raises(OSError, match=r"Timed out|reset|certificate"):
                Client(address, timeout=1, security=security)


def test_an_address_is_tls_unless_it_says_otherwise_which_is_warned_of(caplog):
    address, security = security_of("node1:8786")
    assert (address, security.require_encryption) == ("tls://node1:8786", True)
    assert security_of("tcp://node1:8786") == ("tcp://node1:8786", None)
    assert "whoever reaches it can run programs as you" in caplog.text
