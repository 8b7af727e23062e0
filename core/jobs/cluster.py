"""Where tasks are placed: an embedded Dask cluster, or a scheduler given by its address.

The embedded cluster lives in threads of the runner and opens no port: the work happens in the processes that its tasks
supervise, so worker processes would add memory and an attack surface and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, Scheduler, SpecCluster, Worker

from core.errors import InputError
from core.jobs.machine import Machine

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


@contextmanager
def dask_client(scheduler: str | None, machine: Machine) -> Iterator[Client]:
    """A client of the embedded cluster on ``machine``, or of the scheduler at an address such as ``tls://host:8786``."""
    with dask.config.set(_QUIET):
        if scheduler is not None:
            with _connected(scheduler) as client:
                yield client
            return
        inside = {"protocol": "inproc://", "dashboard": False}
        place = {**inside, "nthreads": machine.cores, "resources": ACCELERATOR if machine.accelerated else {}}
        with (
            SpecCluster(
                scheduler={"cls": _ClosedScheduler, "options": inside},
                workers={0: {"cls": _ClosedWorker, "options": place}},
                silence_logs=50,  # what went wrong is told by the runner, once
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: {error}", remedy="Start one, or leave --scheduler out."
        ) from error
