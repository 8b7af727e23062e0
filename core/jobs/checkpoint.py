"""What a task can go on from: checkpoints of its trainings, and draws that are finished.

Checkpoints come in two generations, each sealed, written in turn. A power cut or a damaged file costs one interval,
never the training: the newest generation that is whole and belongs to the same member is read, else the other, else
training starts again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CorruptArtifactError
from core.flow.training import Checkpoint
from core.jobs.events import note
from core.potential.training import PotentialMember
from core.runs import artifacts
from core.runs.artifacts import file_digest
from core.runs.products import read_members_in
from core.runs.trees import from_arrays, to_arrays

GENERATIONS = ("state-A.safetensors", "state-B.safetensors")


def save_checkpoint(directory: Path, identity: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    """Replace the older generation. ``identity`` says whose state it is."""
    serial, oldest = _next(directory)
    metadata = {"serial": serial, "identity": dict(identity)}
    artifacts.write_arrays(directory / oldest, to_arrays(checkpoint), metadata)


def load_checkpoint(
    directory: Path, identity: Mapping[str, Any], template: Callable[[int], Checkpoint]
) -> Checkpoint | None:
    """The newest whole checkpoint of ``identity``; None where there is none. ``template(phase)`` gives its shape.

    A damaged one is an event that the reader of the run is told of, and so is one of another fit, which is kept aside.
    """
    found = _readable(directory)
    if damaged := {name for name in GENERATIONS if (directory / name).exists()} - {m["name"] for _, _, m in found}:
        what = "the other one is used" if found else "training starts again"
        note(directory, f"checkpoint {', '.join(sorted(damaged))} is damaged: {what}")
    for _, arrays, metadata in sorted(found, key=lambda found: -found[0]):
        _keep_aside(directory, metadata, identity)
        if metadata["identity"] == dict(identity):
            phase = int(np.max(arrays[".phase"]))
            return Checkpoint(*from_arrays(arrays, template(phase)))
    return None


def _keep_aside(directory: Path, metadata: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Nothing is overwritten that somebody put here from a fit of other stars or with other settings."""
    if metadata["identity"].get("of") != identity.get("of"):
        name, aside = metadata["name"], f"other-{metadata['name']}"
        (directory / name).replace(directory / aside)
        note(directory, f"checkpoint {name} is of another fit: it is kept as {aside}, and not gone on from")


def finished_draw(directory: Path, number: int, source: Path) -> Path:
    """File of a potential that is finished, while others of its task are not; it was fitted to ``source`` as it is."""
    return directory / f"state-draw-{number:03d}-{file_digest(source)[:12]}.safetensors"


def load_draw(directory: Path, path: Path) -> PotentialMember | None:
    """The finished potential in a file; None where it has to be fitted, which a damaged one is an event for."""
    if not path.is_file():
        return None
    try:
        return read_members_in(path)[1][0]
    except CorruptArtifactError:
        note(directory, f"{path.name} is damaged: this draw is fitted again")
        return None


def _next(directory: Path) -> tuple[int, str]:
    serials = {name: serial for serial, name in ((s, m["name"]) for s, _, m in _readable(directory))}
    oldest = min(GENERATIONS, key=lambda name: serials.get(name, -1))
    return max(serials.values(), default=0) + 1, oldest


def _readable(directory: Path) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    found = []
    for name in GENERATIONS:
        if not (directory / name).exists():
            continue
        try:
            arrays, metadata = artifacts.read_arrays(directory / name)
        except CorruptArtifactError:
            continue  # the other generation is there for this
        found.append((metadata["serial"], arrays, {**metadata, "name": name}))
    return found
