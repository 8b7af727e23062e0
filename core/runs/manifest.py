"""What a run is: an immutable specification, written once, and where it came from."""

import dataclasses
import importlib.metadata
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import settings
from core.config import Config
from core.errors import ConfigError, CorruptArtifactError, InputError
from core.phase_space import region as regions
from core.phase_space.region import Region
from core.runs.artifacts import fits_seal, read_json, sealed

SCHEMA = 2

_PLAIN = ("id", "name", "created", "stars", "preset", "parent")
_KEYS = {*_PLAIN, "schema", "catalogue", "region", "config", "tasks", "sha256"}


PROVENANCE_KEYS = {"command", "version", "commit", "python", "platform", "host", "packages", "sha256"}


@dataclass(frozen=True)
class TaskSpec:
    """A node of the task graph: what to do, after which others.

    ``weight`` is its expected share of the work, in CPU seconds on the reference machine.
    """

    id: str
    kind: str
    needs: tuple[str, ...]
    parameters: Mapping[str, Any]
    weight: float


@dataclass(frozen=True)
class CatalogueReference:
    """The stars of a run: the content-addressed id of a stored catalogue, and what to show of it."""

    id: str
    name: str
    stars: int
    synthetic: bool


@dataclass(frozen=True)
class Manifest:
    """The content of ``run.json``."""

    id: str
    name: str
    created: str
    catalogue: CatalogueReference
    region: Region
    stars: int
    config: Config
    preset: str
    tasks: tuple[TaskSpec, ...]
    parent: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, sealed by a digest of them all; :func:`read_manifest` is the inverse."""
        values = {
            "schema": SCHEMA,
            **{k: getattr(self, k) for k in _PLAIN},
            "catalogue": dataclasses.asdict(self.catalogue),
            "region": self.region.to_json(),
            "config": settings.to_dict(self.config),
            "tasks": [dataclasses.asdict(task) for task in self.tasks],
        }
        return sealed(values)

    def task(self, task_id: str) -> TaskSpec:
        """The task called ``task_id``."""
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise ConfigError(f"run {self.name} has no task {task_id!r}")

    def tasks_of(self, kind: str) -> Sequence[TaskSpec]:
        """The tasks of one kind, in order."""
        return [task for task in self.tasks if task.kind == kind]


def read_manifest(path: Path) -> Manifest:
    """The manifest in ``run.json``, which ``to_json`` made.

    Raises CorruptArtifactError where it is damaged, ConfigError where another version of the program wrote it.
    """
    values = read_json(path)
    schema = values.get("schema") if isinstance(values, Mapping) else None
    if schema != SCHEMA:
        raise ConfigError(
            f"the run has schema {schema!r}, this program reads {SCHEMA}",
            file=path,
            remedy="Open it with the version that wrote it.",
        )
    if not fits_seal(values) or set(values) - _KEYS:
        raise CorruptArtifactError(f"{path} is damaged: its content does not match its SHA-256")
    try:
        return Manifest(
            **{key: values[key] for key in _PLAIN},
            catalogue=CatalogueReference(**values["catalogue"]),
            region=regions.from_json(values["region"]),
            config=settings.from_dict(Config(), values["config"]),
            tasks=tuple(TaskSpec(**{**t, "needs": tuple(t["needs"])}) for t in values["tasks"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CorruptArtifactError(f"{path} is incomplete: {error}") from error
    except InputError as error:
        raise ConfigError(
            f"it cannot be understood: {error}", file=path, remedy="Open it with the version that wrote it."
        ) from error


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def provenance(command: Sequence[str]) -> dict[str, Any]:
    """Code version, packages, interpreter and machine: what is needed to repeat a run, sealed.

    On which device each task was done is in the record of its attempts.
    """
    return sealed(
        {
            "command": list(command),
            "version": importlib.metadata.version("deep-potential"),
            "commit": _commit(),
            "python": sys.version.split()[0],
            "platform": f"{platform.system()} {platform.machine()}",
            "host": platform.node(),
            "packages": _packages(),
        }
    )


def _packages() -> dict[str, str]:
    """The versions of all packages that the program asks for, and of those that compile for it."""
    asked = importlib.metadata.requires("deep-potential") or []
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in asked if "extra ==" not in line}
    found = {}
    for name in sorted({*names, "jaxlib"}, key=str.lower):
        with suppress(importlib.metadata.PackageNotFoundError):  # one for another kind of machine
            found[name] = importlib.metadata.version(name)
    return found


def _commit() -> str | None:
    """The commit of the checkout that the code runs from, marked where it has local changes."""
    root = Path(__file__).resolve().parents[2]
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+changes" if dirty.stdout.strip() else "")
