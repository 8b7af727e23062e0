"""Runs on disk: create one, find one, list them all, and open a finished one as values.

Runs live under one directory (``--runs``, else DEEP_POTENTIAL_RUNS, else ``./runs``); the demonstration runs that come
with the program are found as well and never written to.
"""

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from core.catalog.store import EMBEDDED
from core.errors import CorruptArtifactError, DeepPotentialError, InputError, UnknownRunError, suggestion
from core.flow.distribution_function import FlowEnsemble
from core.potential.fields import PotentialEnsemble
from core.runs.artifacts import read_json, sync_directory, write_json
from core.runs.manifest import Manifest, manifest_from_json, provenance

RUNS_VARIABLE = "DEEP_POTENTIAL_RUNS"
EMBEDDED_RUNS = EMBEDDED / "demo" / "runs"


def runs_root(given: str | Path | None = None) -> Path:
    """The directory of the user's runs."""
    return Path(given or os.environ.get(RUNS_VARIABLE) or "runs").expanduser()


def new_run_id() -> str:
    """An id that sorts by time: date, time and four random hexadecimal digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def slug(name: str) -> str:
    """``name`` as the end of a directory's name: letters, digits and hyphens."""
    return re.sub(r"[^\w-]+", "-", name.strip().lower()).strip("-")[:60] or "run"


@dataclass(frozen=True)
class Run:
    """A run on disk, its products opened when they are first asked for."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def products(self) -> Path:
        """Directory of what the run made."""
        return self.path / "products"

    @property
    def embedded(self) -> bool:
        """Whether the run came with the program and must not be written to."""
        return self.path.is_relative_to(EMBEDDED_RUNS)

    def has(self, product: str) -> bool:
        """Whether the file of that name has been made."""
        return (self.products / product).is_file()

    @cached_property
    def flow(self) -> "FlowEnsemble":
        """The fitted distribution function: ``log_df(w)``, ``score(w)``, ``sample(key, n)``."""
        from core.runs import products  # JAX takes a second to import, and lists of runs do not need it

        return products.read_flow(self.products)

    @cached_property
    def potential(self) -> "PotentialEnsemble":
        """The potentials of the best fit: ``potential(x)``, ``acceleration(x)``, ``density(x)``, ``pattern_speed``."""
        return self.potentials("potential_seed")

    def potentials(self, pipeline: str) -> "PotentialEnsemble":
        """The potentials of one uncertainty pipeline."""
        from core.runs import products  # as above

        return products.read_potentials(self.products, pipeline)

    @property
    def scalars(self) -> dict[str, Any]:
        """The content of ``scalars.json`` (INTERFACES 3), and what else was found, keyed by scalar."""
        if not self.has("scalars.json"):
            raise UnknownRunError(
                f"run {self.manifest.name!r} has no scalars yet",
                remedy="Finish it with: deep-potential run RUN.",
            )
        return dict(read_json(self.products / "scalars.json"))


def create_run(root: Path, manifest: Manifest, command: Sequence[str]) -> Run:
    """A new run directory: complete, or not there at all."""
    path = root / f"{manifest.id}-{slug(manifest.name)}"
    incoming = root / f".incoming-{manifest.id}"
    try:
        (incoming / "tasks").mkdir(parents=True)
        (incoming / "products").mkdir()
        for task in manifest.tasks:
            (incoming / "tasks" / task.id).mkdir()
        write_json(incoming / "provenance.json", provenance(command))
        write_json(incoming / "run.json", manifest.to_json())
        incoming.rename(path)
    except OSError as error:
        raise InputError(
            f"the run cannot be created: {error.strerror or error}",
            file=root,
            remedy="Name a directory that can be written to with --runs.",
        ) from error
    sync_directory(root)
    return Run(path, manifest)


def open_run(path: str | Path) -> Run:
    """The run in a directory, with its specification checked."""
    path = Path(path)
    if not (path / "run.json").is_file():
        raise UnknownRunError("this is not a run: it holds no run.json", file=path)
    return Run(path.resolve(), manifest_from_json(read_json(path / "run.json")))


def find_run(name: str | Path, root: Path) -> Run:
    """The run that ``name`` means: a directory, an id, or the newest run of that name.

    Raises UnknownRunError with the nearest known name.
    """
    if (Path(name) / "run.json").is_file():
        return open_run(name)
    runs = list_runs(root)
    for run in runs:
        if str(name) in (run.id, run.path.name, run.manifest.name):
            return run
    known = {run.manifest.name for run in runs}
    remedy = suggestion(str(name), known) if known else "There are no runs yet: deep-potential fit CATALOGUE."
    raise UnknownRunError(f"there is no run {str(name)!r} in {root}", remedy=remedy)


def list_runs(root: Path) -> list[Run]:
    """The user's runs, newest first, then the demonstration runs; damaged ones are left out."""
    return [*_runs_in(root), *_runs_in(EMBEDDED_RUNS)]


def _runs_in(root: Path) -> Iterator[Run]:
    if not root.is_dir():
        return
    for path in sorted(root.iterdir(), reverse=True):
        if path.name.startswith(".") or not (path / "run.json").is_file():
            continue
        try:
            yield open_run(path)
        except (DeepPotentialError, CorruptArtifactError):
            continue  # one damaged run must not hide the others; opening it by name says what is wrong
