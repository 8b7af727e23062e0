"""A cluster of SLURM jobs, each of which is one worker: on a GPU of its own, or on some cores.

``deep-potential run RUN --slurm FILE.toml`` stays where it is started, on a login node say, and asks for the jobs
(``pip install .[cluster]`` brings dask-jobqueue). They must see the runs, the data and the program under the same
paths. A job that comes to its end of time hands its tasks over at their newest checkpoints. FILE.toml, all of it::

    queue = "gpu"              # partition
    account = "galaxy"
    jobs = 4                   # as many at once
    cores = 8                  # tasks on the CPU at once, in each
    memory = "32GB"
    walltime = "04:00:00"
    gres = "gpu:1"             # one GPU a job; "" for none
    interface = "ib0"          # network that login node and nodes share; "" for the default
    directives = "--exclude=node13, --qos=long"
    prologue = '''
    module load cuda
    '''
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigError, InputError
from core.jobs.credentials import credentials, tls_directory
from core.settings import from_toml, setting

_MARGIN = 5
"""Minutes before the end of its time at which a job takes leave."""


@dataclass(frozen=True)
class SlurmConfig:
    """What to ask SLURM for, for each of the jobs."""

    queue: str = setting("", "partition")
    account: str = setting("", "account that pays")
    jobs: int = setting(1, "jobs at once", low=1, high=1000)
    cores: int = setting(4, "cores of a job", low=1, high=1024)
    memory: str = setting("16GB", "memory of a job")
    walltime: str = setting("04:00:00", "time of a job", unit="h:m:s")
    gres: str = setting("", "generic resource, as in gpu:1")
    interface: str = setting("", "network interface that all share")
    directives: str = setting("", "further options of sbatch, separated by commas")
    prologue: str = setting("", "lines of shell before the worker starts")

    @property
    def has_gpu(self) -> bool:
        """Whether every job has a GPU of its own."""
        return self.gres.startswith("gpu")

    @property
    def minutes(self) -> int:
        """How long a worker takes tasks."""
        found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", self.walltime)
        if not found:
            raise ConfigError(f"walltime {self.walltime!r} is not of the form 04:00:00", remedy="Or 1-12:00:00.")
        days, hours, minutes, _ = (int(part or 0) for part in found.groups())
        return max(24 * 60 * days + 60 * hours + minutes - _MARGIN, 1)


def read_slurm(path: str | Path) -> SlurmConfig:
    """The configuration in a file; ConfigError, with the file's name, where it is none."""
    try:
        config = from_toml(SlurmConfig(), Path(path).read_text(encoding="utf-8"))
        config.minutes  # noqa: B018  (raises)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the file cannot be read", file=path, remedy="Check its name and that it is text.") from error
    except ConfigError as error:
        raise ConfigError(error.reason, file=path, remedy=error.remedy) from error
    return config


def slurm_cluster(config: SlurmConfig) -> Any:
    """The cluster, its jobs asked for; InputError where dask-jobqueue is not installed."""
    try:
        from dask_jobqueue import SLURMCluster  # an extra: few have SLURM
    except ImportError as error:
        raise InputError("SLURM needs dask-jobqueue", remedy="pip install .[cluster]") from error
    cluster = SLURMCluster(**cluster_options(config))
    cluster.scale(jobs=config.jobs)
    return cluster


def cluster_options(config: SlurmConfig) -> dict[str, Any]:
    """What dask-jobqueue is told: one worker a job, which takes leave before its time is up, all over TLS."""
    resources = ["--resources", "accelerator=1"] if config.has_gpu else []
    directives = [part.strip() for part in config.directives.split(",") if part.strip()]
    return {
        "queue": config.queue or None,
        "account": config.account or None,
        "cores": config.cores,
        "processes": 1,
        "memory": config.memory,
        "walltime": config.walltime,
        "interface": config.interface or None,
        "job_extra_directives": [*([f"--gres={config.gres}"] if config.gres else []), *directives],
        "job_script_prologue": [line for line in config.prologue.splitlines() if line.strip()],
        "worker_extra_args": [*resources, "--lifetime", f"{config.minutes}m", "--lifetime-stagger", "2m"],
        "security": credentials(),
        "protocol": "tls://",
        "shared_temp_directory": str(tls_directory()),
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
    }
