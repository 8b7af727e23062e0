"""A place with data and runs of its own, and one undisturbed fit that others are compared with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from small_runs import TINY

from core.runs.registry import Run, find_run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Place:
    """Where the program runs as a user would run it, with the catalogue that all fits take."""

    root: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def catalogue(self) -> Path:
        return self.root / "ball.parquet"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.root),
            "DEEP_POTENTIAL_DATA": str(self.root / "data"),
            "DEEP_POTENTIAL_RUNS": str(self.root / "runs"),
        }

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "core", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.started.append(subprocess.Popen(command, cwd=ROOT, env=self.environment, **pipes))
        return self.started[-1]

    def call(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def fit(self, name: str, *options: str) -> Run:
        settings = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
        done = self.call("fit", self.catalogue, "--name", name, "--quiet", *settings, *options)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return find_run(name, self.root / "runs")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("whole"))
    done = place.call("mock", "freeman", "--stars", 4000, "--seed", 1, "--out", place.catalogue)
    assert done.returncode == 0, done.stderr
    yield place
    for process in place.started:
        process.kill()


@pytest.fixture(scope="session")
def undisturbed(place: Place) -> Run:
    """A fit that nobody touched."""
    return place.fit("undisturbed")
