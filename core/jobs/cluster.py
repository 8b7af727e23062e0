"""Where tasks are placed: an embedded Dask cluster, a scheduler given by its address, or jobs of SLURM.

The embedded cluster lives in threads of the runner and opens no port: the work happens in the processes that its tasks
supervise, so worker processes would add memory and an attack surface and nothing else.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dask
from distributed import Client, Scheduler, SpecCluster, Worker

from core.errors import InputError
from core.jobs.credentials import credentials, security_of
from core.jobs.machine import Machine
from core.jobs.slurm import SlurmConfig, read_slurm
from core.jobs.slurm_jobs import job_script, slurm_jobs

_QUIET = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.large-graph-warning-threshold": "1GB",
    # A worker that dies marks all tasks assigned to it as suspicious, also those that never started.
    "distributed.scheduler.allowed-failures": 20,
}

_ONE_PROCESS = {"distributed.scheduler.worker-ttl": None}
"""A runner that stood still for minutes, as when its machine slept, would take its only worker for dead."""

ACCELERATOR = {"accelerator": 1.0}
"""What a task asks for that uses all accelerators of a machine, so that there is one such task at a time."""


_LOOK = 5.0
"""Seconds between two questions about workers."""


class _Closed:
    """A node without the web server that Dask would open on every network interface, dashboard or not."""

    def start_http_server(self, *_: object, **__: object) -> None:
        pass


class _ClosedScheduler(_Closed, Scheduler):
    """The scheduler of the embedded cluster, or of SLURM's jobs."""


class _ClosedWorker(_Closed, Worker):
    """The worker of the embedded cluster."""


@dataclass(frozen=True)
class Place:
    """Where tasks go: to ``machine`` unless there is the address of a ``scheduler`` or a file for SLURM."""

    machine: Machine
    scheduler: str | None = None
    slurm: str | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether the cluster is part of this process, and cannot be lost."""
        return self.scheduler is None and self.slurm is None

    @property
    def options(self) -> list[str]:
        """What ``deep-potential run`` is told to go to the same place."""
        given = {"--scheduler": self.scheduler, "--slurm": self.slurm}
        return [word for option, value in given.items() if value is not None for word in (option, value)]


@dataclass(frozen=True)
class Cluster:
    """Where tasks are submitted, and whether its workers are ``accelerated``: offer an accelerator each.

    ``lacks``, to be called again and again, does what keeps its workers there and says for what it waits where there is
    none; it raises InputError where there never will be one.
    """

    client: Client
    accelerated: bool
    lacks: Callable[[], str | None] = lambda: None


@contextmanager
def dask_cluster(place: Place, run_path: Path) -> Iterator[Cluster]:
    """The cluster at a place, for a run.

    Raises InputError where no scheduler answers, or SLURM does not.
    """
    with dask.config.set(_QUIET), ExitStack() as stack:
        if place.scheduler is not None:
            client = stack.enter_context(_connected(place.scheduler))
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            accelerated = any(set(ACCELERATOR) & set(worker["resources"]) for worker in workers)
            yield Cluster(client, accelerated, _Attendance(client))
        elif place.slurm is not None:
            yield stack.enter_context(_of_slurm(read_slurm(place.slurm), run_path))
        else:
            cluster = stack.enter_context(_embedded(place.machine))
            yield Cluster(stack.enter_context(Client(cluster)), place.machine.accelerated)


class _Attendance:
    """Says that a scheduler has no workers, where it has none; it is asked every few seconds."""

    def __init__(self, client: Client):
        self._client, self._look_at = client, 0.0
        self._words: str | None = None

    def __call__(self) -> str | None:
        if time.monotonic() > self._look_at:
            self._look_at = time.monotonic() + _LOOK
            self._words = None  # that it does not answer is noticed where tasks are waited for
            with suppress(OSError, TimeoutError):
                self._words = None if self._client.nthreads() else "the Dask scheduler has no workers"
        return self._words


@contextmanager
def _of_slurm(config: SlurmConfig, run_path: Path) -> Iterator[Cluster]:
    """A scheduler in this process, for workers that are jobs of SLURM."""
    key = credentials()
    options = {"protocol": "tls://", "security": key, "interface": config.interface or None, "dashboard": False}
    try:
        cluster = SpecCluster(scheduler={"cls": _ClosedScheduler, "options": options}, security=key, silence_logs=50)
    except RuntimeError as error:
        raise InputError(f"no scheduler can be started for SLURM's jobs: {error}") from error
    with (
        cluster,
        slurm_jobs(config, job_script(config, cluster.scheduler_address), run_path) as jobs,
        Client(cluster, security=key) as client,
    ):
        yield Cluster(client, config.has_gpu, lambda: jobs.tend(len(cluster.scheduler_info["workers"])))


def _embedded(machine: Machine) -> SpecCluster:
    inside = {"protocol": "inproc://", "dashboard": False}
    resources = ACCELERATOR if machine.accelerated else {}
    worker = {"cls": _ClosedWorker, "options": {**inside, "nthreads": machine.cores, "resources": resources}}
    with dask.config.set(_ONE_PROCESS):
        return SpecCluster(
            scheduler={"cls": _ClosedScheduler, "options": inside},
            workers={0: worker},
            silence_logs=50,  # what went wrong is told by the runner, once
        )


def _connected(address: str) -> Client:
    try:
        full, security = security_of(address)
        return Client(full, timeout=10, security=security)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: {error}", remedy="Start one, or leave --scheduler out."
        ) from error
