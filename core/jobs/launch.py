"""Starting the runner as a process of its own: a closed browser, terminal or server does not end the run."""

import subprocess
import sys
import time

from core.runs.registry import Run

RUNNER_LOG = "runner.log"


def launch_detached(run: Run) -> None:
    """Start the runner so that it outlives this process, its words going to ``runner.log``."""
    with (run.path / RUNNER_LOG).open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "core", "run", str(run.path), "--quiet", "--asked", str(time.time())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
