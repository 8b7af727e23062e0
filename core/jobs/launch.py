"""Starting the runner as a process of its own: a closed browser, terminal or server does not end the run."""

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core.jobs.ownership import CANCEL_FILE, owner_of
from core.jobs.status import run_status
from core.runs.registry import Run, list_runs

RUNNER_LOG = "runner.log"
_MOST_AUTOMATIC = 3
"""How often in a row a run goes on by itself without getting further: it may be what stops the machine."""


def launch_detached(run: Run, options: Sequence[str] = ()) -> None:
    """Start the runner so that it outlives this process, its words going to ``runner.log``."""
    with (run.path / RUNNER_LOG).open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "core", "run", str(run.path), "--quiet", "--asked", str(time.time()), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def resume_interrupted(root: Path) -> list[Run]:
    """Go on with the runs of a directory that were interrupted on this machine, where they ran; returns them.

    One that was cancelled stays so, one of another machine is left to it, and one that stops the machine each time is
    left to a person.
    """
    resumed = []
    for run in list_runs(root):
        owner = None if run.embedded or not run.manifest.config.jobs.resume else owner_of(run.path)
        if owner is None or owner.host != socket.gethostname() or (run.path / CANCEL_FILE).exists():
            continue
        status = run_status(run)
        # Owner and state are two files: a runner killed between the two had not begun.
        if status.state not in ("interrupted", "waiting"):
            continue
        further = status.fraction > float(owner.about.get("fraction", 0.0))
        automatic = 1 if further else int(owner.about.get("automatic", 0)) + 1
        if automatic <= _MOST_AUTOMATIC:
            options = [str(word) for word in owner.about.get("options", [])]
            with suppress(OSError):  # no room for its log: it stays interrupted, and nothing else is held up
                launch_detached(run, [*options, "--automatic", str(automatic)])
                resumed.append(run)
    return resumed
