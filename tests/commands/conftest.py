"""The command line in a directory of its own."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from small_runs import ball, waiting_run

from core import cli
from core.catalog.ingest import ingest


class Answer(NamedTuple):
    """What a command returned and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The working directory, with data and runs in it and the demonstration out of sight."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DEEP_POTENTIAL_RUNS", str(tmp_path / "runs"))
    nowhere = tmp_path / "embedded"
    for name in ("core.catalog.store.EMBEDDED", "core.catalog.resolve.DEMO", "core.runs.registry.EMBEDDED_RUNS"):
        monkeypatch.setattr(name, nowhere)
    monkeypatch.setenv("DEEP_POTENTIAL_LOG", str(tmp_path / "log" / "errors.log"))
    # a process for each file costs a second; tests/catalog/test_guarded.py shows that it says the same
    for module in ("core.catalog.guarded", "core.catalog.resolve"):
        monkeypatch.setattr(f"{module}.read_guarded", ingest)
    return tmp_path


@pytest.fixture
def command(home):
    """Runs the program with arguments as the console script does."""

    def run(*arguments: object) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.main([str(a) for a in arguments])
        return Answer(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def stars(home) -> Path:
    """A CSV file of stars with Cartesian columns."""
    rng = np.random.default_rng(3)
    w = rng.normal(size=(50, 6)) * [0.2, 0.2, 0.1, 40, 30, 20]
    np.savetxt(home / "stars.csv", w, delimiter=",", header="x,y,z,vx,vy,vz", comments="")
    return home / "stars.csv"


@pytest.fixture
def stored(home):
    """A catalogue in the store, called "ball"."""
    return ball(home / "data")


@pytest.fixture
def waiting(home):
    """A run that was never started, called "ball"."""
    return waiting_run(home / "runs")
