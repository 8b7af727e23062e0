"""Runs on disk: create one, find one, list them all, and open a finished one as values.

Runs live under one directory (``--runs``, else DEEP_POTENTIAL_RUNS, else ``./runs``); the demonstration runs that come
with the program are found as well and never written to.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalog.store import EMBEDDED
from core.errors import CorruptArtifactError, DeepPotentialError, InputError, UnknownRunError, refusal, suggestion
from core.runs.artifacts import sync_directory, write_json
from core.runs.manifest import Manifest, provenance, read_manifest
from core.runs.seals import read_product

if TYPE_CHECKING:  # JAX takes a second to import, and lists of runs do not need it
    import core.flow.distribution_function
    import core.potential.fields

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
    def flow(self) -> "core.flow.distribution_function.FlowEnsemble":
        """The fitted distribution function: ``log_df(w)``, ``score(w)``, ``sample(key, n)``."""
        from core.runs import flow_files  # as above

        return flow_files.read_flow(self.products)

    @cached_property
    def potential(self) -> "core.potential.fields.PotentialEnsemble":
        """The potentials of the best fit: ``potential(x)``, ``acceleration(x)``, ``density(x)``, ``pattern_speed``."""
        return self.potentials("potential_seed")

    def potentials(self, pipeline: str) -> "core.potential.fields.PotentialEnsemble":
        """The potentials of one uncertainty pipeline."""
        from core.runs import products  # as above

        return products.read_potentials(self.products, pipeline)

    @property
    def scalars(self) -> dict[str, Any]:
        """The content of ``scalars.json`` (INTERFACES 3), and what else was found, keyed by scalar."""
        path = self.products / "scalars.json"
        if not path.is_file():
            raise UnknownRunError(
                f"run {self.manifest.name!r} has no scalars yet",
                remedy="Finish it with: deep-potential run RUN.",
            )
        document = read_product(path)
        if not isinstance(document, dict):
            raise CorruptArtifactError(f"{path} is damaged: it does not hold scalars by their names")
        return document


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
        shutil.rmtree(incoming, ignore_errors=True)
        raise InputError(
            f"the run cannot be created: {refusal(error)}",
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
    return Run(path.resolve(), read_manifest(path / "run.json"))


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
    readable = {run.path for run in runs}
    for path in _directories(root):
        if path.resolve() not in readable and f"{path.name}-".startswith(f"{name}-"):
            return open_run(path)  # says what is wrong with it
    known = {run.manifest.name for run in runs}
    remedy = suggestion(str(name), known) if known else "There are no runs yet: deep-potential fit CATALOGUE."
    raise UnknownRunError(f"there is no run {str(name)!r} in {root}", remedy=remedy)


def list_runs(root: Path) -> list[Run]:
    """The user's runs, newest first, then the demonstration runs; damaged ones are left out."""
    return [*_runs_in(root), *_runs_in(EMBEDDED_RUNS)]


def _directories(root: Path) -> list[Path]:
    """The directories of all runs below ``root``, newest first."""
    found = sorted(root.iterdir(), reverse=True) if root.is_dir() else []
    return [path for path in found if not path.name.startswith(".") and (path / "run.json").is_file()]


def _runs_in(root: Path) -> Iterator[Run]:
    for path in _directories(root):
        try:
            yield open_run(path)
        except (DeepPotentialError, OSError):
            continue  # one damaged run must not hide the others; opening it by its id says what is wrong
