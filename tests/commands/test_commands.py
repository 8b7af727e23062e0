"""What the commands answer: to a person in words, to a machine in JSON."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_runs import ball, waiting_run

from core import cli, mocks
from core.catalog.ingest import ingest
from core.catalog.store import CatalogueStore
from core.diagnostics.stationarity import PatternSpeedVerdict
from core.errors import CancelledError
from core.jobs.ownership import owned
from core.runs.artifacts import write_json

ROOT = Path(__file__).parents[2]
NAMES = sorted(cli.commands.commands)
SCALARS = {
    "pattern_speed": {
        "unit": "km/s/kpc",
        "volume": "all",
        "best": 28.5,
        "pipelines": {"df_seed": {"draws": [28.0, 29.0], "median": 28.5, "low": 28.2, "high": 28.8}},
    }
    | PatternSpeedVerdict(0.1, 27.0).to_json()
}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name, command):
    for flag in ("--help", "-h"):
        answer = command(name, flag)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.startswith("Usage:")


def test_the_program_explains_itself(command):
    for arguments in ([], ["--help"]):
        answer = command(*arguments)
        assert (answer.code, answer.err) == (0, "")
        assert all(f"  {name} " in answer.out for name in NAMES)
    assert re.fullmatch(r"deep-potential, version [\d.]+\n", command("--version").out)


def test_python_m_core_is_the_same_program():
    done = subprocess.run([sys.executable, "-m", "core"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fit" in done.stdout


@pytest.mark.parametrize("suffix", ["parquet", "fits"])
def test_a_mock_has_its_truth_beside_it_and_inside(suffix, home, command):
    out = home / f"ball.{suffix}"
    answer = command("mock", "freeman", "--stars", 300, "--seed", 4, "--set", "pattern_speed=25", "--out", out)
    assert answer.code == 0
    assert "300 stars" in answer.out
    truth = json.loads((home / f"ball.{suffix}.truth.json").read_text())
    assert (truth["pattern_speed"], truth["frame"]) == (25.0, "rotating")
    assert truth.keys() >= {"scalars", "parameters", "potential"}
    assert mocks.from_truth(truth).pattern_speed == 25.0
    catalogue = ingest(out, store=CatalogueStore(home / "data"))
    assert (len(catalogue), catalogue.synthetic, catalogue.truth) == (300, True, truth)


def test_the_seed_decides_a_mock(home, command):
    files = [home / f"{name}.parquet" for name in "abc"]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        assert command("mock", "plummer", "--stars", 50, "--seed", seed, "--out", file).code == 0
    first, again, other = (ingest(f, store=CatalogueStore(home / "data")).column("x") for f in files)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_ingest_prints_what_each_cut_left(home, stars, command):
    (home / "r.toml").write_text('[[cuts]]\nkeep = "z > 0"\n')
    answer = command("ingest", stars, "--recipe", "r.toml", "--name", "north")
    assert answer.code == 0
    left = int((np.loadtxt(stars, delimiter=",", skiprows=1)[:, 2] > 0).sum())
    assert re.search(r"^read +50$", answer.out, re.M)
    assert re.search(rf"^z > 0 +{left} ", answer.out, re.M)
    (stored,) = CatalogueStore(home / "data").list()
    assert f"catalogue {stored.id} (north), {left} stars" in answer.out
    again = command("ingest", stars, "--recipe", "r.toml", "--name", "north", "--json").json
    assert (again["id"], again["name"], again["stars"]) == (stored.id, "north", left)


def test_catalogues_are_listed(home, command):
    assert command("catalogues", "--json").json == []
    assert "deep-potential ingest FILE" in command("catalogues").out
    stored = [ball(home / "data", 40, name="old"), ball(home / "data", 50, name="new")]
    rows = command("catalogues", "--json").json
    assert [(r["id"], r["name"], r["stars"]) for r in rows] == [(c.id, c.name, len(c)) for c in reversed(stored)]
    assert [line.split()[0] for line in command("catalogues").out.splitlines()] == [c.id for c in reversed(stored)]


def test_runs_are_listed(home, command):
    assert command("status", "--json").json == []
    old = waiting_run(home / "runs", "old", "20260101-000000-aaaa")
    new = waiting_run(home / "runs", "new", "20260102-000000-bbbb")
    rows = command("status", "--json").json
    assert [(r["id"], r["state"], r["path"]) for r in rows] == [(r.id, "waiting", str(r.path)) for r in (new, old)]
    assert [line.split()[:2] for line in command("status").out.splitlines()] == [[r.id, "waiting"] for r in (new, old)]
    one = command("status", "old", "--json").json
    assert (one["id"], one["fraction"]) == (old.id, 0.0)
    told = command("status", old.id).out
    assert all(t.id in told for t in old.manifest.tasks)


def test_runs_are_looked_for_where_runs_says(home, command):
    waiting_run(home / "elsewhere", "there")
    assert command("status", "--json").json == []
    assert [r["name"] for r in command("status", "--json", "--runs", home / "elsewhere").json] == ["there"]


def test_cancel_asks_the_run_to_stop(waiting, command):
    assert command("cancel", "ball").code == 0
    assert (waiting.path / "CANCEL").exists()


def test_a_run_that_is_being_run_is_refused_with_3(waiting, command):
    with owned(waiting):
        answer = command("run", "ball", "--quiet")
    assert answer.code == 3
    assert re.fullmatch(r"Error: run 'ball' is already being run by process \d+ on .+\n", answer.err)


@pytest.mark.parametrize("form", ["--json", "--csv", "--latex", None])
def test_scalars_are_printed_in_every_form(form, waiting, command):
    write_json(waiting.products / "scalars.json", SCALARS)
    answer = command("scalars", "ball", *([form] if form else []))
    assert (answer.code, answer.err) == (0, "")
    assert "28.5" in answer.out
    if form == "--json":
        assert answer.json == SCALARS


def test_what_asks_for_caution_is_said_by_scalars_and_status(waiting, command):
    doubt = "only 40 % of the volume lies where the fit is reliable"
    warned = {"shell": {**SCALARS["pattern_speed"], "warning": doubt}}
    write_json(waiting.products / "scalars.json", SCALARS | warned)
    for name in ("scalars", "status"):
        answer = command(name, "ball")
        assert (answer.code, answer.err) == (0, "")
        assert f"shell: {doubt}" in answer.out
        assert "pattern speed: constrained (noise share 0.10" in answer.out
    (waiting.products / "scalars.json").write_text("[1]")
    answer = command("status", "ball")
    assert answer.code == 0
    assert "scalars.json is damaged" in answer.out


def test_doctor_says_what_a_bug_report_needs(home, command):
    facts = command("doctor", "--json").json
    assert facts.keys() >= {
        "deep-potential",
        "python",
        "platform",
        "devices",
        "lock",
        "runs",
        "data roots",
        "free disk",
    }
    assert (facts["runs"], facts["data roots"]) == (str(home / "runs"), [str(home / "data")])
    told = command("doctor")
    assert told.code == 0
    assert all(name in told.out for name in facts)


def test_the_unexpected_gets_an_id_and_its_traceback_a_log(home, command, monkeypatch):
    def broken(_):
        raise ZeroDivisionError("of course")

    monkeypatch.setattr("core.commands.fits.list_runs", broken)
    answer = command("status")
    assert answer.code == 1
    assert "Traceback" not in answer.err
    error_id = re.search(r"Error id ([0-9a-f]{8});", answer.err)[1]
    (line,) = (home / "log" / "errors.log").read_text().splitlines()
    record = json.loads(line)
    assert (record["id"], record["message"]) == (error_id, "of course")
    assert "ZeroDivisionError: of course" in record["traceback"]


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 4), (CancelledError("stopped"), 4)])
def test_what_is_stopped_exits_with_4(error, code, command, monkeypatch):
    def stopped(_):
        raise error

    monkeypatch.setattr("core.commands.fits.list_runs", stopped)
    answer = command("status")
    assert answer.code == code
    assert answer.err.lower().strip().endswith(("stopped", "stopped."))
