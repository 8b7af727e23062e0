"""The power may go at any moment: what a cut leaves is made from the system calls that the real writers issue.

The model is the pessimistic one of the POSIX calls: of what was written to a file since its last fsync nothing, half,
all or zeros may be there; a name that was made, moved or removed in a directory since the last fsync of that directory
may or may not be so on the disk, each by itself.
"""

import itertools
import os
import shutil
from pathlib import Path

import jax.numpy as jnp
import pytest
from small_runs import manifest

from core.flow.training import Checkpoint
from core.jobs.checkpoint import load_checkpoint, save_checkpoint
from core.runs import artifacts
from core.runs.artifacts import write_json
from core.runs.manifest import read_manifest

IDENTITY = {"member": 0}


class Disk:
    """Files as a power cut would leave them: their durable contents, and what is not durable yet."""

    def __init__(self):
        self.durable: dict[str, int] = {}  # name → file
        self.pending: list[tuple[str, int | None]] = []  # name → file, or gone
        self.names: dict[str, int] = {}
        self.written: dict[int, bytes] = {}
        self.synced: dict[int, bytes] = {}

    def states(self):
        """Every set of files that may be there after a cut now."""
        for kept in itertools.product((False, True), repeat=len(self.pending)):
            names = dict(self.durable)
            for (name, file), is_kept in zip(self.pending, kept, strict=True):
                if is_kept and file is None:
                    names.pop(name, None)
                elif is_kept and file is not None:
                    names[name] = file
            choices = [[(name, content) for content in self.contents(file)] for name, file in names.items()]
            yield from (dict(state) for state in itertools.product(*choices))

    def contents(self, file):
        sure, written = self.synced.get(file), self.written[file]
        if sure == written:
            return [written]
        return [b"", written[: len(written) // 2], written, bytes(len(written))]


class Recorder:
    """In place of the module ``os`` of the writers: does what it is asked to, and records it on a :class:`Disk`."""

    def __init__(self, root: Path, after):
        self.root, self.disk, self.after = root, Disk(), after
        self.open_files: dict[int, object] = {}
        self.count = itertools.count()

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, mode=0o777):
        descriptor, path = os.open(path, flags, mode), Path(path)
        if path.is_dir():
            self.open_files[descriptor] = "directory"
        else:
            file = next(self.count)
            self.open_files[descriptor] = file
            self.disk.written[file] = b""
            self.disk.names[path.name] = file
            self.disk.pending.append((path.name, file))
            self.after()
        return descriptor

    def write(self, descriptor, content):
        done = os.write(descriptor, content[: max(1, len(content) // 2)])  # the system may write less than it is given
        self.disk.written[self.open_files[descriptor]] += bytes(content[:done])
        self.after()
        return done

    def fsync(self, descriptor):
        file = self.open_files[descriptor]
        if file == "directory":
            self.disk.durable, self.disk.pending = dict(self.disk.names), []
        else:
            self.disk.synced[file] = self.disk.written[file]
        os.fsync(descriptor)
        self.after()

    def replace(self, old, new):
        os.replace(old, new)
        file = self.disk.names.pop(Path(old).name)
        self.disk.names[Path(new).name] = file
        self.disk.pending += [(Path(new).name, file), (Path(old).name, None)]
        self.after()


def state(step):
    return Checkpoint(jnp.asarray(0), {"w": jnp.full((3,), float(step))}, {"step": jnp.asarray(step)})


@pytest.fixture
def cut(tmp_path, monkeypatch):
    """``cut(write, check)``: call ``write``; ``check(directory)`` sees every state that a cut in it may leave."""
    place, left = tmp_path / "written", tmp_path / "left"
    place.mkdir()
    seen = []

    def cut_everywhere(write, check):
        def after():
            for files in recorder.disk.states():
                shutil.rmtree(left, ignore_errors=True)
                left.mkdir()
                for name, content in files.items():
                    (left / name).write_bytes(content)
                seen.append(len(files))
                check(left)

        recorder = Recorder(place, after)
        monkeypatch.setattr(artifacts, "os", recorder)
        write(place)
        monkeypatch.setattr(artifacts, "os", os)
        return len(seen)

    return cut_everywhere


def test_no_acknowledged_checkpoint_is_lost(cut):
    acknowledged = [0]

    def write(place):
        for step in range(1, 5):
            save_checkpoint(place, IDENTITY, state(step))
            acknowledged[0] = step

    def check(left):
        found = load_checkpoint(left, IDENTITY, lambda phase: state(0))
        step = 0 if found is None else int(found.descent["step"])
        assert acknowledged[0] <= step <= acknowledged[0] + 1

    assert cut(write, check) > 100


def test_a_document_is_the_old_one_or_the_new_one(cut):
    """Specifications, digests of products, states of runs: all are written in the same way."""
    names, acknowledged = ("first", "second", "third"), [-1]

    def write(place):
        for number, name in enumerate(names):
            write_json(place / "run.json", manifest(name).to_json())
            acknowledged[0] = number

    def check(left):
        path = left / "run.json"
        number = names.index(read_manifest(path).name) if path.exists() else -1
        assert acknowledged[0] <= number <= acknowledged[0] + 1

    assert cut(write, check) > 50


def test_the_model_finds_a_writer_that_does_not_sync(cut, monkeypatch):
    """Without fsync the same check must fail, or it proves nothing."""
    monkeypatch.setattr(Recorder, "fsync", lambda self, descriptor: self.after())

    def check(left):
        if (left / "run.json").exists():
            read_manifest(left / "run.json")

    with pytest.raises(artifacts.CorruptArtifactError):
        cut(lambda place: write_json(place / "run.json", manifest("a").to_json()), check)
