"""The runner: takes the lock of a run, submits its task graph, records how it ended. One per run, anywhere.

The disk is the truth. Submitting the whole graph again resumes a run after anything: tasks that are done return at
once, others go on from their newest checkpoint.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from distributed import Future, as_completed

from core.errors import CancelledError, DeepPotentialError, InputError
from core.jobs.cluster import ACCELERATOR, dask_client
from core.jobs.machine import Machine, is_for_accelerator, this_machine
from core.jobs.ownership import CANCEL_FILE, forget_cancel, owned, record_state, request_cancel
from core.jobs.supervisor import TaskFailedError, supervise
from core.runs.registry import Run


def run_graph(
    run: Run, *, scheduler: str | None = None, machine: Machine | None = None, asked: float | None = None
) -> None:
    """Bring the run to its end, from wherever it stands.

    Tasks go to ``scheduler``, the address of a Dask cluster, or to ``machine``, by default this one. ``asked`` is when
    this was asked for (Unix time; by default now): what was cancelled earlier is forgotten, what is cancelled while the
    program still starts is obeyed.
    Raises RunBusyError where another process has it, CancelledError where it was cancelled, and TaskFailedError, after
    everything that could still be done is done, where a task failed.
    """
    if run.embedded:
        raise InputError(
            "the demonstration runs are finished and read-only",
            file=run.path.name,
            remedy="Fit its catalogue anew.",
        )
    with owned(run):
        started = time.time()
        forget_cancel(run, before=started if asked is None else asked)
        for unfinished in run.path.rglob(".*.tmp"):  # left by processes that were killed while they wrote
            unfinished.unlink(missing_ok=True)
        record_state(run, "running", started=started)
        try:
            here = machine or this_machine()
            with _interruptible(run), dask_client(scheduler, here) as client:
                _drive(run, client, one_at_a_time=here.accelerated and scheduler is None)
        except DeepPotentialError as error:
            state = "cancelled" if isinstance(error, CancelledError) else "failed"
            record_state(run, state, started=started, finished=time.time(), error=str(error))
            raise
        record_state(run, "done", started=started, finished=time.time())


def _drive(run: Run, client: Any, *, one_at_a_time: bool) -> None:
    """Submit every task after those it needs, and wait for all; the first failure is raised at the end.

    ``one_at_a_time`` holds for those that use an accelerator.
    """
    futures: dict[str, Future] = {}
    for task in run.manifest.tasks:
        needs = [futures[need] for need in task.needs]
        asked = ACCELERATOR if one_at_a_time and is_for_accelerator(task, run.manifest.config) else None
        futures[task.id] = client.submit(
            supervise, str(run.path), task.id, *needs, key=f"{run.id}/{task.id}", pure=False, retries=0, resources=asked
        )
    failures: list[BaseException] = []
    for future in as_completed(futures.values()):
        if future.status != "finished":
            failures.append(future.exception())
    if (run.path / CANCEL_FILE).exists():
        raise CancelledError(f"run {run.manifest.name!r} was cancelled; go on with: deep-potential run {run.path}")
    own = [f for f in failures if isinstance(f, TaskFailedError)]
    if failures:
        raise own[0] if own else TaskFailedError("?", f"{type(failures[0]).__name__}: {failures[0]}", 1)


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
