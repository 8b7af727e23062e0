"""The runner: takes the lock of a run, submits its task graph, records how it ended. One per run, anywhere.

The disk is the truth. Submitting the whole graph again resumes a run after anything: tasks that are done return at
once, others go on from their newest checkpoint.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from distributed import Future

from core.catalog.store import DATA_VARIABLE, data_roots
from core.errors import CancelledError, DeepPotentialError, InputError, lacks_room
from core.jobs.cluster import ACCELERATOR, Cluster, Place, dask_cluster
from core.jobs.lease import Lease
from core.jobs.machine import Machine, is_for_accelerator, this_machine
from core.jobs.ownership import CANCEL_FILE, forget_cancel, owned, record_state, request_cancel
from core.jobs.pausing import PAUSED_FILE, paused, wait_for_room
from core.jobs.status import run_status
from core.jobs.supervisor import TaskFailedError, supervise
from core.runs.registry import Run

_MOST_LOSSES = 10
"""How often in a row a cluster may be lost before any task got further."""
_LONGEST_PAUSE = 60.0
_STOPS = 10.0
"""Seconds in which all that works for a cancelled run has stopped."""


class ClusterLostError(Exception):
    """The scheduler or its workers are gone; what was done is on the disk."""


def run_graph(
    run: Run,
    *,
    scheduler: str | None = None,
    slurm: str | None = None,
    machine: Machine | None = None,
    asked: float | None = None,
    automatic: int = 0,
) -> None:
    """Bring the run to its end, from wherever it stands.

    Tasks go to ``scheduler``, the address of a Dask cluster, to the jobs that a file for ``slurm`` asks for, or to
    ``machine``, by default this one. ``asked`` is when this was asked for (Unix time; by default now): what was
    cancelled earlier is forgotten, what is cancelled while the program still starts is obeyed. ``automatic`` counts how
    often the run went on by itself without getting further.
    Raises RunBusyError where another process has it, CancelledError where it was cancelled, and TaskFailedError, after
    everything that could still be done is done, where a task failed.
    """
    if run.embedded:
        raise InputError(
            "the demonstration runs are finished and read-only",
            file=run.path.name,
            remedy="Fit its catalogue anew.",
        )
    place = Place(machine or this_machine(), scheduler, slurm)
    about = {"options": place.options, "automatic": automatic, "fraction": run_status(run).fraction}
    with owned(run, about) as lease:
        started = time.time()
        forget_cancel(run, before=started if asked is None else asked)
        for unfinished in run.path.rglob(".*.tmp"):  # left by processes that were killed while they wrote
            unfinished.unlink(missing_ok=True)
        (run.path / PAUSED_FILE).unlink(missing_ok=True)
        try:
            _record(run, "running", started=started)
            with _interruptible(run):
                _bring_to_end(run, place, lease)
        except DeepPotentialError as error:
            state = "cancelled" if isinstance(error, CancelledError) else "failed"
            _record(run, state, started=started, finished=time.time(), error=str(error))
            raise
        _record(run, "done", started=started, finished=time.time())


def _record(run: Run, state: str, **values: Any) -> None:
    """Write down how the run stands; where there is no room for it, wait, unless the run is to end anyway."""
    while True:
        try:
            record_state(run, state, **values)
        except OSError as error:
            if not lacks_room(error):
                raise
            if state in ("running", "done"):
                with paused(run.path, "there is no room on the disk to write down how the run stands"):
                    wait_for_room(run.path, _cancellation(run))
                continue
        return


def _bring_to_end(run: Run, place: Place, lease: Lease) -> None:
    """Submit the graph, again whenever the cluster was lost, after a pause."""
    losses, best, pause = 0, -1.0, 1.0
    while True:
        try:
            with dask_cluster(place, run.path) as cluster:
                _drive(run, cluster, lease.token)
            return
        except (ClusterLostError, InputError) as error:
            if isinstance(error, InputError) and not losses:
                raise  # there never was one
            reached = run_status(run).fraction
            losses, pause, best = (losses + 1, 2 * pause, best) if reached <= best else (1, 1.0, reached)
            if place.is_embedded or losses > _MOST_LOSSES:
                raise TaskFailedError("?", str(error), 1) from error
            lease.renew()  # whatever still works for the lost cluster stops
            with paused(run.path, f"{error}; the run tries again"):
                _wait(min(pause, _LONGEST_PAUSE), _cancellation(run))


def _drive(run: Run, cluster: Cluster, token: str) -> None:
    """Submit every task after those it needs, and wait for all; the first failure is raised at the end.

    Where workers are accelerated the tasks that gain from it have an accelerator each for themselves.
    """
    client = cluster.client
    futures: dict[str, Future] = {}
    environment = {DATA_VARIABLE: os.pathsep.join(str(root.absolute()) for root in data_roots())}
    for task in run.manifest.tasks:
        futures[task.id] = client.submit(
            supervise,
            str(run.path),
            task.id,
            *(futures[need] for need in task.needs),
            token=token,
            environment=environment,
            key=f"{run.id}/{token}/{task.id}",
            pure=False,
            retries=0,
            resources=ACCELERATOR if cluster.accelerated and is_for_accelerator(task, run.manifest.config) else None,
        )
    while any(future.status == "pending" for future in futures.values()):
        if client.status != "running":
            raise ClusterLostError("the Dask scheduler does not answer")
        _wait_for_workers(run, cluster)
        if (run.path / CANCEL_FILE).exists() and not _settled(list(futures.values())):
            break  # no worker took up what is left, so that none gives it up
        time.sleep(0.1)
    _judge(run, list(futures.values()))


def _wait_for_workers(run: Run, cluster: Cluster) -> None:
    """Say for what the cluster waits, as long as nobody works for it."""
    check = _cancellation(run)
    while words := cluster.lacks():
        with paused(run.path, words):
            while cluster.lacks() == words:
                _wait(0.5, check)


def _settled(futures: list[Future]) -> bool:
    """Wait until no future is pending, as long as a cancelled task takes to stop; whether that came about."""
    until = time.monotonic() + _STOPS
    while any(future.status == "pending" for future in futures):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _judge(run: Run, futures: list[Future]) -> None:
    """Raise what the futures ended with, if not well."""
    if (run.path / CANCEL_FILE).exists():
        _cancellation(run)()
    if any(future.status in ("lost", "cancelled") for future in futures):
        raise ClusterLostError("the Dask scheduler has forgotten the run")
    failures = [future.exception() for future in futures if future.status == "error"]
    own = [failure for failure in failures if isinstance(failure, TaskFailedError)]
    if own:
        raise own[0]
    if failures:
        raise ClusterLostError(f"{type(failures[0]).__name__}: {failures[0]}")


def _cancellation(run: Run) -> Callable[[], None]:
    """What raises CancelledError once somebody asks the run to stop."""

    def check() -> None:
        if (run.path / CANCEL_FILE).exists():
            raise CancelledError(f"run {run.manifest.name!r} was cancelled; go on with: deep-potential run {run.path}")

    return check


def _wait(seconds: float, check: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        check()
        time.sleep(0.1)


@contextmanager
def _interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM become a cancellation: no task outlives the runner, and the state says what happened."""

    def cancel(signum: int, frame: FrameType | None) -> None:
        request_cancel(run)

    signals = (signal.SIGINT, signal.SIGTERM)
    try:
        previous = {s: signal.signal(s, cancel) for s in signals}
    except ValueError:  # not the main thread: whoever runs us there handles signals
        yield
        return
    try:
        yield
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)
