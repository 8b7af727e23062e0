"""Where tasks are placed: an embedded Dask cluster, a scheduler given by its address, or jobs of SLURM.

The embedded cluster lives in threads of the runner and opens no port: the work happens in the processes that its tasks
supervise, so worker processes would add memory and an attack surface and nothing else.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Client, Scheduler, SpecCluster, Worker

from core.errors import InputError
from core.jobs.credentials import security_of
from core.jobs.machine import Machine
from core.jobs.slurm import read_slurm, slurm_cluster

_QUIET = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.large-graph-warning-threshold": "1GB",
    # A worker that dies marks all tasks assigned to it as suspicious, also those that never started.
    "distributed.scheduler.allowed-failures": 20,
}


ACCELERATOR = {"accelerator": 1.0}
"""What a task asks for that uses all accelerators of a machine, so that there is one such task at a time."""


class _Closed:
    """A node without the web server that Dask would open on every network interface, dashboard or not."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        pass


class _ClosedScheduler(_Closed, Scheduler):
    """The scheduler of the embedded cluster."""


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


@contextmanager
def dask_client(place: Place) -> Iterator[tuple[Client, bool]]:
    """A client of the cluster at a place, and whether its workers offer an accelerator each.

    Raises InputError where no scheduler answers.
    """
    with dask.config.set(_QUIET), ExitStack() as stack:
        if place.scheduler is not None:
            client = stack.enter_context(_connected(place.scheduler))
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            yield client, any(set(ACCELERATOR) & set(worker["resources"]) for worker in workers)
            return
        if place.slurm is not None:
            config = read_slurm(place.slurm)
            cluster = stack.enter_context(slurm_cluster(config))
            yield stack.enter_context(Client(cluster, security=cluster.security)), config.has_gpu
            return
        cluster = stack.enter_context(_embedded(place.machine))
        yield stack.enter_context(Client(cluster)), place.machine.accelerated


def _embedded(machine: Machine) -> SpecCluster:
    inside = {"protocol": "inproc://", "dashboard": False}
    resources = ACCELERATOR if machine.accelerated else {}
    return SpecCluster(
        scheduler={"cls": _ClosedScheduler, "options": inside},
        workers={0: {"cls": _ClosedWorker, "options": {**inside, "nthreads": machine.cores, "resources": resources}}},
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
