"""Runs on disk: create one, find one, list them all, and open a finished one as values.

Runs live under one directory (``--runs``, else DEEP_POTENTIAL_RUNS, else ``./runs``); the demonstration runs that come
with the program are found as well and never written to.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.catalog.store import EMBEDDED
from core.errors import CorruptArtifactError, DeepPotentialError, InputError, UnknownRunError, refusal, suggestion
from core.phase_space.region import Region
from core.runs import labels
from core.runs.artifacts import sync_directory, write_json
from core.runs.manifest import Manifest, provenance, read_manifest
from core.runs.seals import read_product
from core.runs.trash import trashed

if TYPE_CHECKING:  # JAX takes a second to import, and lists of runs do not need it
    import core.flow.distribution_function
    import core.potential.fields

RUNS_VARIABLE = "DEEP_POTENTIAL_RUNS"
_INCOMING = ".incoming-"
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

    @property
    def tags(self) -> tuple[str, ...]:
        """What people call it besides its name."""
        return labels.tags(self.path)

    @property
    def archived(self) -> bool:
        """Whether it is out of the way: not offered, and still there for who names it."""
        return labels.is_archived(self.path)

    def has(self, product: str) -> bool:
        """Whether the file of that name has been made."""
        return (self.products / product).is_file()

    @cached_property
    def flow(self) -> "core.flow.distribution_function.FlowEnsemble":
        """The fitted distribution function: ``log_df(w)``, ``score(w)``, ``sample(key, n)``."""
        from core.runs import flow_files  # as above

        return flow_files.read_flow(self.products)

    @cached_property
    def fitted_region(self) -> Region:
        """The region of the flows, without their networks, whose libraries take seconds and a hundred megabytes."""
        from core.runs import products  # as above

        return products.read_region(self.products)

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
    path = root / directory_name(manifest)
    try:
        with incoming_directory(root) as incoming:
            make_directories(incoming, manifest)
            write_json(incoming / "provenance.json", provenance(command))
            write_json(incoming / "run.json", manifest.to_json())
            incoming.rename(path)
    except OSError as error:
        raise InputError(
            f"the run cannot be created: {refusal(error)}",
            file=root,
            remedy="Name a directory that can be written to with --runs.",
        ) from error
    sync_directory(root)
    return Run(path, manifest)


def directory_name(manifest: Manifest) -> str:
    """What the directory of a run is called."""
    return f"{manifest.id}-{slug(manifest.name)}"


def make_directories(path: Path, manifest: Manifest) -> None:
    """The directories that every run has, as far as they are not there."""
    for name in ("products", *(f"tasks/{task.id}" for task in manifest.tasks)):
        (path / name).mkdir(parents=True, exist_ok=True)


@contextmanager
def incoming_directory(root: Path) -> Iterator[Path]:
    """An empty directory in which a run is put together; what is not moved from there is removed.

    So are those that were left behind by a process that was killed, when they are a day old.
    """
    root.mkdir(parents=True, exist_ok=True)
    for abandoned in root.glob(f"{_INCOMING}*"):
        with suppress(FileNotFoundError):
            if time.time() - abandoned.stat().st_mtime > 86400:
                shutil.rmtree(abandoned, ignore_errors=True)
    incoming = root / f"{_INCOMING}{secrets.token_hex(8)}"
    incoming.mkdir()
    try:
        yield incoming
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def open_run(path: str | Path) -> Run:
    """The run in a directory, with its specification checked."""
    path = Path(path)
    if not (path / "run.json").is_file():
        raise UnknownRunError("this is not a run: it holds no run.json", file=path)
    return Run(path.resolve(), read_manifest(path / "run.json"))


def find_run(name: str | Path, root: Path) -> Run:
    """The run that ``name`` means: a directory, an id, or the newest run of that name; archived ones come last.

    Raises UnknownRunError with the nearest known name.
    """
    if (Path(name) / "run.json").is_file():
        return open_run(name)
    runs = list_runs(root)
    for run in sorted(runs, key=lambda run: run.archived):
        if str(name) in (run.id, run.path.name, run.manifest.name):
            return run
    readable = {run.path for run in runs}
    for path in _directories(root):
        if path.resolve() not in readable and f"{path.name}-".startswith(f"{name}-"):
            return open_run(path)  # says what is wrong with it
    if any(str(name) in thrown.names for thrown in trashed(root)):
        raise UnknownRunError(
            f"the run {str(name)!r} is in the trash", remedy=f"Bring it back with: deep-potential restore {name}"
        )
    known = {run.manifest.name for run in runs}
    remedy = suggestion(str(name), known) if known else "There are no runs yet: deep-potential fit CATALOGUE."
    raise UnknownRunError(f"there is no run {str(name)!r} in {root}", remedy=remedy)


def find_own_run(name: str | Path, root: Path) -> Run:
    """As :func:`find_run`; InputError for a demonstration run, which nobody may change."""
    run = find_run(name, root)
    if run.embedded:
        raise InputError("the demonstration runs are read-only", file=run.path.name, remedy="Fit its catalogue anew.")
    return run


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
