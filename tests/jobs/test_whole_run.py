"""A fit from the command line to its scalars, and the same fit cancelled, shot at and resumed, to the same bits."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from subprocess import CompletedProcess, Popen

import numpy as np
import psutil
import pytest

from core.jobs.ownership import recorded_state, request_cancel
from core.jobs.status import progress_lines, run_status
from core.runs.artifacts import file_digest, read_arrays
from core.runs.registry import Run

FLOWS = "flows-df_seed-00"
RESUME = """
from core.jobs.launch import resume_interrupted
from core.runs.registry import runs_root
print(*(run.manifest.name for run in resume_interrupted(runs_root())))
"""


@dataclass
class Story:
    """What happened to the disturbed run, in the order in which it did."""

    run: Run
    trained_after_early_cancel: bool = True
    second: CompletedProcess[str] | None = None
    first_pid: int = 0
    cancelled: CompletedProcess[str] | None = None
    seconds_to_stop: float = 0.0
    state_after_cancel: str = ""
    shots: list[tuple[int, int]] = field(default_factory=list)
    seconds_to_follow: float = 0.0
    state_after_kill: str = ""
    checkpoints: int = 0
    orphans: list[psutil.Process] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    resumed_again: list[str] = field(default_factory=list)


def until(condition, seconds=120.0):
    """Seconds until ``condition`` holds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it took too long"
        time.sleep(0.02)
    return time.monotonic() - start


def ended(process: Popen[str]) -> CompletedProcess[str]:
    out, err = process.communicate(timeout=60)
    return CompletedProcess(process.args, process.returncode, out, err)


def trainer(run: Run) -> psutil.Process:
    """The process of the newest attempt to train the flows."""
    last = (run.path / "tasks" / FLOWS / "attempts.jsonl").read_text().splitlines()[-1]
    return psutil.Process(json.loads(last)["pid"])


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def steps(run: Run) -> list[int]:
    """What was reported of the training of the first flow, all attempts one after the other."""
    lines, _ = progress_lines(run, FLOWS)
    return [line["step"] for line in lines if line.get("member") == "0"]


def shoot(run: Run, after: int) -> tuple[int, int]:
    """Kill the training when it has reported ``after`` steps more; its last step before that and the first after."""
    known = len(steps(run)) + after
    until(lambda: len(steps(run)) >= known)
    process = trainer(run)
    process.kill()
    until(lambda: gone(process))
    told = len(steps(run))
    until(lambda: len(steps(run)) > told)
    return steps(run)[told - 1], steps(run)[told]


def resume(place) -> list[str]:
    """What a server does when it starts, and is not there any more when the run ends."""
    done = subprocess.run([sys.executable, "-c", RESUME], env=place.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def trains(run: Run, member: str, phase: str, offset: int) -> bool:
    lines, _ = progress_lines(run, FLOWS, offset)
    return any((line.get("member"), line.get("phase")) == (member, phase) for line in lines)


@pytest.fixture(scope="module")
def story(place, undisturbed) -> Story:
    """The fit of ``undisturbed`` again, with everything that a user, a system and a rival may do to it."""
    run = place.fit("disturbed", "--detach")
    told = Story(run)

    request_cancel(run)  # while the detached runner still imports
    until(lambda: recorded_state(run)["state"] == "cancelled")
    told.trained_after_early_cancel = (run.path / "tasks" / FLOWS / "attempts.jsonl").exists()

    process = place.start("run", run.path, "--quiet")
    told.first_pid = process.pid
    until(lambda: run_status(run).state == "running")
    told.second = place.call("run", "disturbed", "--quiet")
    until(lambda: trains(run, "0", "velocity", 0))
    child = trainer(run)
    request_cancel(run)
    told.seconds_to_stop = until(lambda: gone(child))
    told.cancelled = ended(process)
    told.state_after_cancel = run_status(run).state

    assert resume(place) == []  # it was cancelled: to go on is for a person to say

    process = place.start("run", run.path, "--quiet")
    moments = random.Random(5)
    told.shots = [shoot(run, moments.randint(1, 8)) for _ in range(3)]
    until(lambda: trains(run, "1", "velocity", 0))
    child = trainer(run)
    process.kill()
    told.seconds_to_follow = until(lambda: gone(child))
    ended(process)
    told.state_after_kill = run_status(run).state
    told.checkpoints = len(list((run.path / "tasks" / FLOWS).glob("state-*.safetensors")))

    mine = [p for p in psutil.process_iter(["cmdline"]) if str(run.path) in " ".join(p.info["cmdline"] or [])]
    told.orphans = [p for p in mine if not gone(p)]

    told.resumed = resume(place)
    until(lambda: run_status(run).state == "running")
    told.resumed_again = resume(place)
    until(lambda: run_status(run).state == "done", 400)
    return told


def test_a_fit_leaves_products_and_scalars(place, undisturbed):
    run = undisturbed
    products = {"flow-df_seed-000.safetensors", "flow-df_seed-001.safetensors", "potential-potential_seed.safetensors"}
    assert {p.name for p in run.products.iterdir()} >= {*products, "scalars.json", "flow_sample.parquet"}
    assert {p.name for p in run.path.iterdir()} >= {"run.json", "provenance.json", "state.json", "lock", "tasks"}
    for task in run.manifest.tasks:
        left = {p.name for p in (run.path / "tasks" / task.id).iterdir()}
        assert left == {"DONE", "attempts.jsonl", "progress.jsonl", "log.txt", "lock"}
    status = run_status(run)
    assert (status.state, status.fraction, status.tasks_done) == ("done", 1.0, len(status.tasks))
    printed = place.call("scalars", "undisturbed", "--json")
    assert printed.returncode == 0
    assert json.loads(printed.stdout) == run.scalars
    for scalar in run.scalars.values():
        assert np.isfinite(scalar["best"])
        draws = {name: len(p["draws"]) for name, p in scalar["pipelines"].items() if name != "baryons"}
        assert draws == {"potential_seed": 2, "df_seed": 2, "solar_position": 8, "weak_form": 2}


def test_a_fit_answers_at_points_and_draws_stars(place, undisturbed):
    w = np.array([[0.1, 0.2, 0.05, -20, 10, 5], [0, 0, 2.0, 0, 0, 0]])
    np.savez(place.root / "points.npz", w=w)
    out, drawn = place.root / "out.npz", place.root / "drawn.parquet"
    assert place.call("evaluate", "undisturbed", "--at", place.root / "points.npz", "--out", out).returncode == 0
    values = np.load(out)
    assert values["inside"].tolist() == [True, False]
    shapes = {"ln_f": (2, 2), "score": (2, 2, 6), "ln_f_best": (2,), "score_best": (2, 6), "potential": (2, 2)}
    shapes |= {"acceleration": (2, 2, 3), "density_best": (2,), "pattern_speed": (2,), "pattern_speed_best": ()}
    assert {name: values[name].shape for name in shapes} == shapes
    assert place.call("sample", "undisturbed", "--n", 200, "--seed", 3, "--out", drawn).returncode == 0
    stars = json.loads(place.call("ingest", drawn, "--json").stdout)
    assert stars["stars"] == 200


def test_a_run_cancelled_while_it_starts_trains_nothing(story):
    assert not story.trained_after_early_cancel


def test_a_second_runner_exits_with_3_and_names_the_first(story):
    assert story.second.returncode == 3
    assert story.second.stderr.startswith("Error: run 'disturbed' is already being run by process")
    assert str(story.first_pid) in story.second.stderr
    assert story.second.stderr.count("\n") == 1


def test_cancel_stops_the_training_at_once(story):
    assert story.seconds_to_stop < 1
    assert story.cancelled.returncode == 4
    assert "deep-potential run" in story.cancelled.stderr
    assert "Traceback" not in story.cancelled.stderr
    assert story.state_after_cancel == "cancelled"


def test_a_killed_training_goes_on_from_its_newest_checkpoint_and_says_so(story):
    interval = steps(story.run)[0]
    for before, after in story.shots:
        assert before - interval <= after - interval <= before  # it had stored all but what it was writing
    happened = next(task.events for task in run_status(story.run).tasks if task.spec.id == FLOWS)
    words = [event.message for event in happened]
    assert len(words) == 3
    assert all(f"its process ended with signal {int(signal.SIGKILL)}" in w and "tried again after" in w for w in words)


def test_a_killed_runner_leaves_no_orphan(story):
    assert story.seconds_to_follow < 3
    assert story.state_after_kill == "interrupted"
    assert story.checkpoints == 2
    assert story.orphans == []


def test_an_interrupted_run_is_gone_on_with_once_and_without_a_click(story):
    assert story.resumed == ["disturbed"]
    assert story.resumed_again == []


def test_the_resumed_run_has_the_bits_of_the_undisturbed_one(story, undisturbed):
    assert run_status(story.run).state == "done"
    for path in undisturbed.products.iterdir():
        if path.suffix == ".safetensors":
            arrays, resumed = (read_arrays(p)[0] for p in (path, story.run.products / path.name))
            assert arrays.keys() == resumed.keys()
            for name, array in arrays.items():
                np.testing.assert_array_equal(resumed[name], array)
    digests = [{p.name: file_digest(p) for p in run.products.iterdir()} for run in (undisturbed, story.run)]
    assert digests[0] == digests[1]


def test_a_finished_run_that_is_started_again_does_nothing(place, story):
    before = {p: os.stat(p).st_mtime_ns for p in story.run.products.iterdir()}
    attempts = sorted(story.run.path.glob("tasks/*/attempts.jsonl"))
    lengths = [p.stat().st_size for p in attempts]
    assert place.call("run", story.run.path, "--quiet").returncode == 0
    assert {p: os.stat(p).st_mtime_ns for p in story.run.products.iterdir()} == before
    assert [p.stat().st_size for p in attempts] == lengths
