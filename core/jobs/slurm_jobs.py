"""The jobs of a run with SLURM: asked for, asked for anew when they end, and cancelled with the run.

SLURM itself is asked which there are, by their name, so that a runner that was killed leaves none behind: the next
one cancels them.
"""

import getpass
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.jobs.credentials import credentials
from core.jobs.slurm import STAGGER, SlurmConfig

LOGS = "slurm"
"""Directory in that of the run, for what the jobs print."""
_LOOK = 10.0
"""Seconds between two looks at the queue: it is everybody's."""
_AGAIN, _SELDOM = 30.0, 600.0
"""Seconds between two rounds of asking for jobs: more and more, as long as they end before any works."""
_LONGEST = 30.0
"""Seconds that SLURM has for an answer."""


class SlurmRefusalError(Exception):
    """SLURM does not do what it is asked for; the message is its own."""


def job_script(config: SlurmConfig, scheduler: str) -> str:
    """What a job does: be one worker of the scheduler at an address, over TLS, until it takes leave.

    It ends with its scheduler, and opens no port beside the one that has the key.
    """
    key = credentials().get_tls_config_for_role("worker")
    worker = {
        "nthreads": config.cores,
        "memory-limit": 0,  # the work happens in processes that its tasks supervise; SLURM has an eye on all
        "death-timeout": 60,
        "lifetime": f"{config.minutes}m",
        "lifetime-stagger": f"{STAGGER}m",
        "dashboard-address": "127.0.0.1:0",
        "tls-ca-file": key["ca_file"],
        "tls-cert": key["cert"],
        "tls-key": key["key"],
        **({"interface": config.interface} if config.interface else {}),
        **({"resources": "accelerator=1"} if config.has_gpu else {}),
    }
    options = [word for name, value in worker.items() for word in (f"--{name}", str(value))]
    words = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--no-nanny", *options]
    return "\n".join(["#!/bin/bash", *config.prologue.strip().splitlines(), f"exec {shlex.join(words)}", ""])


@dataclass(frozen=True)
class Job:
    """A job as squeue lists it: its state, and the ``reason`` why it waits."""

    id: str
    state: str
    reason: str


class SlurmJobs:
    """As many jobs as are wanted, for one run."""

    def __init__(self, config: SlurmConfig, script: str, run_path: Path):
        self._config, self._script = config, script
        self._name, self._logs = f"deep-potential-{run_path.name}", run_path / LOGS
        self._logs.mkdir(exist_ok=True)
        self._look_at = self._ask_at = 0.0
        self._pause = _AGAIN
        self._asked = self._worked = False
        self._words = ""

    def tend(self, workers: int) -> str | None:
        """Ask for the jobs that are lacking, where it is time to; says for what a run without ``workers`` waits.

        Raises InputError where SLURM takes no job at all, or they end before there ever was a worker. What it refuses
        later is a matter of time: a limit of jobs at once, a controller that is down.
        """
        self._worked |= workers > 0
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK
            try:
                self._words = self._filled_up()
            except SlurmRefusalError as error:
                if not self._asked:
                    raise InputError(str(error), remedy="Mend the file of --slurm.") from error
                self._words = str(error)
        if workers:
            self._pause = _AGAIN
            self._words = "the workers of the run have gone; SLURM is asked for others"
            return None
        return self._words

    def cancel(self) -> None:
        """Cancel all jobs of the run."""
        _slurm("scancel", f"--user={getpass.getuser()}", f"--name={self._name}")

    def _filled_up(self) -> str:
        jobs = self._queue()
        lacking = self._config.jobs - len(jobs)
        if not jobs and self._asked and not self._worked:
            raise InputError(
                f"the jobs of SLURM end before they work, the last with {self._last_words()}",
                file=self._logs,
                remedy="Check the prologue, and that the nodes see the program under the same path.",
            )
        if lacking > 0 and time.monotonic() >= self._ask_at:
            self._ask_at, self._pause = time.monotonic() + self._pause, min(2 * self._pause, _SELDOM)
            for _ in range(lacking):
                _slurm("sbatch", *self._config.options, *self._own_options, script=self._script)
                self._asked = True
            jobs = self._queue()
        return _described(jobs)

    @property
    def _own_options(self) -> list[str]:
        return [f"--job-name={self._name}", f"--output={self._logs / '%j.txt'}", "--open-mode=append"]

    def _queue(self) -> list[Job]:
        form = ("--noheader", "--format=%i|%T|%r")
        listed = _slurm("squeue", f"--user={getpass.getuser()}", f"--name={self._name}", *form)
        jobs = [Job(*line.split("|", 2)) for line in listed.splitlines() if line.count("|") >= 2]
        return [job for job in jobs if job.state != "COMPLETING"]

    def _last_words(self) -> str:
        logs = sorted(self._logs.glob("*.txt"), key=lambda path: path.stat().st_mtime)
        lines = logs[-1].read_text(errors="replace").strip().splitlines() if logs else []
        return f"the words {lines[-1]!r}" if lines else "no word"


@contextmanager
def slurm_jobs(config: SlurmConfig, script: str, run_path: Path) -> Iterator[SlurmJobs]:
    """The jobs of a run, each of which does ``script``; none is left before and after."""
    jobs = SlurmJobs(config, script, run_path)
    try:
        jobs.cancel()
    except SlurmRefusalError as error:
        raise InputError(str(error), remedy="Start the run on a machine of the cluster.") from error
    try:
        yield jobs
    finally:
        with suppress(SlurmRefusalError):  # their scheduler is gone, and they end by themselves
            jobs.cancel()


def _described(jobs: list[Job]) -> str:
    """For what jobs wait none of which has a worker."""
    started = [job.id for job in jobs if job.state == "RUNNING"]
    if started:
        return f"job {started[0]} of SLURM has started, its worker has yet to come"
    if not jobs:
        return "the jobs of the run have ended; SLURM is asked for others"
    reasons = ", ".join(sorted({job.reason for job in jobs} - {"None"}))
    which = f"job {jobs[0].id}" if len(jobs) == 1 else f"{len(jobs)} jobs, {jobs[0].id} the first"
    return f"SLURM has yet to start {which}{f' ({reasons})' if reasons else ''}"


def _slurm(*command: str, script: str | None = None) -> str:
    """What one of SLURM's programs prints."""
    try:
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=_LONGEST, check=True)
    except FileNotFoundError as error:
        raise SlurmRefusalError(f"SLURM's {command[0]} is not here") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmRefusalError(f"SLURM's {command[0]} does not answer") from error
    except subprocess.CalledProcessError as error:
        told = _told(error.stderr) or f"exit code {error.returncode}"
        raise SlurmRefusalError(f"SLURM's {command[0]} says: {told}") from error
    return done.stdout


def _told(errors: str) -> str:
    """What went wrong, without the name of the program before each line."""
    return "; ".join(line.rpartition("error: ")[2].strip() for line in errors.splitlines() if line.strip())
