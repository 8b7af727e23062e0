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
