"""The stage that fits potentials can be killed at any moment: it goes on where it was, to the same bits."""

import numpy as np
import pytest
from small_runs import TINY, waiting_run

from core import mocks
from core.config import preset
from core.jobs import potential_fitting
from core.jobs.events import events
from core.jobs.execution import Task
from core.jobs.graph import plan
from core.jobs.potential_fitting import fit_potentials
from core.phase_space.sample import ScoredSample
from core.runs.artifacts import file_digest
from core.runs.products import scored_path, write_scored

NAME = "potentials-potential_seed"
SOLVERS = {
    "network": {
        "potential.network.layers": 2,
        "potential.network.hidden": 6,
        "potential.network.warming.steps": 50,
        "potential.network.training.steps": 400,
        "potential.network.training.batch": 64,
    },
    "convex": {},
}


class Killed(BaseException):
    """The end of the process."""


class Story:
    """Reports of a task, which is killed after the given numbers of them."""

    def __init__(self, *moments):
        self.moments, self.count, self.told = set(moments), 0, []

    def __call__(self, fraction, **values):
        self.told.append((fraction, values.get("step")))
        self.count += 1
        if self.count in self.moments:
            raise Killed


@pytest.fixture(params=SOLVERS)
def solver(request):
    return request.param


@pytest.fixture
def make(tmp_path, solver):
    def made(name, story):
        config = preset("quick", {**TINY, **SOLVERS[solver], "potential.solver": solver, "potential.members": 2})
        run = waiting_run(tmp_path / name, config=config, tasks=plan(config, 1000))
        system = mocks.system("freeman")
        w = np.asarray(system.sample(np.random.default_rng(0), 400).w, np.float32).astype(float)
        log_df, score = system.ln_f(w)[None], system.score(w)[None]
        sample = ScoredSample(w, np.repeat(log_df, 2, 0), np.repeat(score, 2, 0), np.array([0, 1]))
        write_scored(scored_path(run.products, "df_seed"), sample)
        return Task(run, run.manifest.task(NAME), run.path / "tasks" / NAME, story)

    return made


def test_a_stage_that_was_killed_goes_on_to_the_same_bits(make, solver):
    (whole,) = fit_potentials(make("undisturbed", Story()))
    story = Story(*((9, 60) if solver == "network" else (1, 2)))
    task, kills = make("disturbed", story), 0
    while True:
        try:
            (resumed,) = fit_potentials(task)
            break
        except Killed:
            kills += 1
    assert kills == len(story.moments)
    assert file_digest(resumed) == file_digest(whole)
    fractions = [fraction for fraction, _ in story.told]
    if solver == "network":  # nothing but what was being written is done twice
        steps = [step for _, step in story.told]
        assert len(steps) <= len(set(zip(fractions, steps, strict=True))) + 2 * kills
    else:
        assert story.count <= 2 + kills


def test_a_damaged_draw_is_fitted_again_and_said_to_be(make, solver, monkeypatch):
    task = make("run", Story())
    (whole,) = fit_potentials(task)
    digest = file_digest(whole)
    source = scored_path(task.run.products, "df_seed")
    draw = potential_fitting.finished_draw(task.directory, 1, source)
    draw.write_bytes(draw.read_bytes()[:-1] + b"!")
    assert file_digest(fit_potentials(task)[0]) == digest
    assert [e.message for e in events(task.directory)] == [f"{draw.name} is damaged: this draw is fitted again"]
    source.write_bytes(source.read_bytes()[:-1] + b"!")
    assert not potential_fitting.finished_draw(task.directory, 1, source).exists()  # of other points it says nothing
