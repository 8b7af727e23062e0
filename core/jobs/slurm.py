"""What a file asks SLURM for: jobs, each of which is one worker, on a GPU of its own or on some cores.

``deep-potential fit CATALOGUE --slurm FILE.toml`` (or ``run RUN --slurm FILE.toml``) stays where it is started, on a
login node say, and asks for the jobs. They must see the runs, the data and the program under the same paths. A job that
comes to its end of time hands its tasks over at their newest checkpoints, and another one takes its place.
FILE.toml, all of it::

    queue = "gpu"              # partition
    account = "galaxy"
    jobs = 4                   # as many at once
    cores = 8                  # tasks on the CPU at once, in each
    memory = "32G"
    walltime = "04:00:00"
    gres = "gpu:1"             # one GPU a job; "" for none
    interface = "ib0"          # network that login node and nodes share; "" for the default
    directives = "--exclude=node13,node14 --qos=long"
    prologue = '''
    module load cuda
    '''
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError, InputError
from core.settings import from_toml, setting

_MARGIN = 5
"""Minutes before the end of its time at which a job takes leave."""
STAGGER = 2
"""Minutes by which the jobs differ in that."""


@dataclass(frozen=True)
class SlurmConfig:
    """What to ask SLURM for, for each of the jobs."""

    queue: str = setting("", "partition")
    account: str = setting("", "account that pays")
    jobs: int = setting(1, "jobs at once", low=1, high=1000)
    cores: int = setting(4, "cores of a job", low=1, high=1024)
    memory: str = setting("16G", "memory of a job")
    walltime: str = setting("04:00:00", "time of a job", unit="h:m:s")
    gres: str = setting("", "generic resource, as in gpu:1")
    interface: str = setting("", "network interface that all share")
    directives: str = setting("", "further options of sbatch, as on its command line")
    prologue: str = setting("", "lines of shell before the worker starts")

    @property
    def has_gpu(self) -> bool:
        """Whether every job has a GPU of its own."""
        return self.gres.startswith("gpu")

    @property
    def minutes(self) -> int:
        """How long a worker takes tasks."""
        found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", self.walltime)
        if not found:
            raise ConfigError(f"walltime {self.walltime!r} is not of the form 04:00:00", remedy="Or 1-12:00:00.")
        days, hours, minutes, _ = (int(part or 0) for part in found.groups())
        left = 24 * 60 * days + 60 * hours + minutes - _MARGIN
        if left <= STAGGER:
            raise ConfigError(
                f"walltime {self.walltime!r} is too short: a worker leaves {_MARGIN} minutes before its end",
                remedy=f"Ask for {_MARGIN + STAGGER + 1} minutes at least.",
            )
        return left

    @property
    def options(self) -> list[str]:
        """What sbatch is told."""
        asked = {"partition": self.queue, "account": self.account, "gres": self.gres}
        try:
            further = shlex.split(self.directives)
        except ValueError as error:
            raise ConfigError(f"directives {self.directives!r} cannot be read: {error}") from error
        return [
            *(f"--{name}={value}" for name, value in asked.items() if value),
            "--ntasks=1",
            f"--cpus-per-task={self.cores}",
            f"--mem={self.memory}",
            f"--time={self.walltime}",
            *further,
        ]


def read_slurm(path: str | Path) -> SlurmConfig:
    """The configuration in a file; ConfigError, with the file's name, where it is none."""
    try:
        config = from_toml(SlurmConfig(), Path(path).read_text(encoding="utf-8"))
        config.minutes, config.options  # noqa: B018  (raise)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the file cannot be read", file=path, remedy="Check its name and that it is text.") from error
    except ConfigError as error:
        raise ConfigError(error.reason, file=path, remedy=error.remedy) from error
    return config
