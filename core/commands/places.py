"""Where a run is told to go, if not to this machine alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from core.errors import InputError
from core.jobs.slurm import read_slurm

F = TypeVar("F", bound=Callable[..., Any])


def place_options(command: F) -> F:
    """``--scheduler`` and ``--slurm``."""
    scheduler = click.option(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler to use instead of this machine alone (TLS)."
    )
    slurm = click.option("--slurm", metavar="FILE.toml", help="Ask SLURM for jobs, as core/jobs/slurm.py describes.")
    return scheduler(slurm(command))


def given_place(scheduler: str | None, slurm: str | None) -> dict[str, str]:
    """The place that is given, by the name of its option; none is this machine.

    Raises InputError or ConfigError before anything is made for a place that is none.
    """
    if scheduler is not None and slurm is not None:
        raise InputError("--scheduler and --slurm are two places for the same tasks", remedy="Give one of them.")
    if slurm is not None:
        read_slurm(slurm)
        return {"slurm": str(Path(slurm).absolute())}
    return {} if scheduler is None else {"scheduler": scheduler}
