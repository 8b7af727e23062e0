"""The machine that runs the tasks: its cores, and an accelerator where JAX finds one."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from core.config import Config
from core.runs.manifest import TaskSpec


@dataclass(frozen=True)
class Machine:
    """How many tasks can go on at once: one on each core, and one on the accelerators, all of which it may use."""

    cores: int
    accelerated: bool = False

    def __str__(self) -> str:
        return f"{self.cores} cores{' and an accelerator' if self.accelerated else ''}"


def this_machine() -> Machine:
    """What is here for this process to use."""
    return Machine(_cores(), _is_accelerated())


def is_for_accelerator(task: TaskSpec, config: Config) -> bool:
    """Whether a task is long arithmetic on small data; the others are faster on a core, beside it."""
    return task.kind in ("flows", "sample") or (task.kind == "potentials" and config.potential.solver == "network")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@cache
def _is_accelerated() -> bool:
    """Asked in another process: JAX takes memory of an accelerator that it has once looked for."""
    if not importlib.metadata.entry_points(group="jax_plugins") and importlib.util.find_spec("libtpu") is None:
        return False
    asked = [sys.executable, "-c", "import jax; print(jax.default_backend())"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() != "cpu"


def task_environment(task: TaskSpec, config: Config) -> dict[str, str]:
    """What the process of a task finds in its environment beside what its parent has.

    One XLA thread per process: trainings run side by side, one per core, at half the cost of a threaded one. An
    accelerator is left to the tasks that gain from it, one at a time and with all threads. They take memory as they
    need it, so that two runs find room.
    """
    machine = this_machine()
    if machine.accelerated and is_for_accelerator(task, config):
        return {"XLA_PYTHON_CLIENT_PREALLOCATE": os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "false")}
    flags = os.environ.get("XLA_FLAGS", "")
    single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    place = {"JAX_PLATFORMS": "cpu"} if machine.accelerated else {}
    return {**threads, **place, "XLA_FLAGS": f"{flags} {single}".strip()}
