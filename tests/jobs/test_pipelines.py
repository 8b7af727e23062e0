"""Every pipeline of a small fit, stage by stage: draws of their own, points in common, and who is left out."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from small_runs import TINY

from core import mocks
from core.catalog.catalogue import Catalogue
from core.catalog.store import CatalogueStore
from core.cli import commands
from core.config import preset
from core.errors import RegionError, TrainingError
from core.jobs import potential_fitting
from core.jobs.creation import create_fit
from core.jobs.execution import Task
from core.jobs.stages import STAGES
from core.pipelines import UNCERTAINTIES
from core.runs import products
from core.runs.artifacts import file_digest, write_json
from core.runs.registry import Run
from core.settings import replace

QUICK = TINY | {
    "flow.velocity.training.steps": 100,
    "pipelines.bootstrap_members": 3,
    "pipelines.solar_members": 3,
}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    place = tmp_path_factory.mktemp("catalogues")
    system = mocks.system("shu-disc")
    sample = system.sample(np.random.default_rng(0), 4000)
    columns = dict(zip(("x", "y", "z", "vx", "vy", "vz"), np.asarray(sample.w).T, strict=True))
    return CatalogueStore(place).add(columns, name="disc", region=sample.region)


def task_of(run: Run, name: str) -> Task:
    directory = run.path / "tasks" / name
    return Task(run, run.manifest.task(name), directory, lambda *_, **__: None)


def perform(run: Run, *names: str) -> None:
    for name in names:
        STAGES[run.manifest.task(name).kind](task_of(run, name))
        for state in (run.path / "tasks" / name).glob("state-*"):  # as at the end of a task
            state.unlink()


@pytest.fixture(scope="module")
def whole(catalogue, tmp_path_factory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.jobs.execution.open_catalogue", lambda _: catalogue)
        patch.setattr("core.jobs.reading_off.open_catalogue", lambda _: catalogue)
        config = preset("quick", QUICK)
        run = create_fit(catalogue, config, root=tmp_path_factory.mktemp("runs"), preset_name="quick")
        perform(run, *(t.id for t in run.manifest.tasks))
    return run


def test_a_run_measures_what_it_was_asked_for(whole):
    for scalar in whole.scalars.values():
        expected = {"potential_seed": 2, "df_seed": 2, "bootstrap": 3, "solar_position": 3, "weak_form": 2}
        assert {p: len(v["draws"]) for p, v in scalar["pipelines"].items() if p != "baryons"} == expected
        assert set(scalar["pipelines"]) <= {*UNCERTAINTIES, "weak_form"}
        assert scalar["error"] >= 0
        assert set(scalar["correlations"]) == set(whole.scalars)


def test_draws_differ_and_are_scored_at_the_points_of_the_best_fit(whole):
    main = products.read_scored(products.scored_path(whole.products, "df_seed"))
    draws = [products.read_scored(products.scored_path(whole.products, "bootstrap", i)) for i in range(3)]
    for draw in draws:
        np.testing.assert_array_equal(draw.w, main.w)
        assert list(draw.half) == [0, 1]
    assert len({float(draw.log_df[0, 0]) for draw in draws}) == 3


def test_suns_are_stored_with_the_potentials_that_differ_in_them(whole):
    suns = products.solar_positions(whole.products, "solar_position")
    assert len({sun.R0 for sun in suns}) == 3
    assert products.solar_positions(whole.products, "bootstrap") == []


def test_each_draw_has_stars_of_its_own_and_the_same_ones_again(whole, catalogue, monkeypatch):
    monkeypatch.setattr("core.jobs.execution.open_catalogue", lambda _: catalogue)
    task = task_of(whole, "flows-bootstrap-01")
    first, again, other = (task.stars("bootstrap", draw) for draw in (1, 1, 2))
    np.testing.assert_array_equal(first.w, again.w)
    assert len(first) != len(other) or not np.array_equal(first.w, other.w)
    assert len(task.stars("df_seed")) == 4000


@pytest.fixture
def copy(whole, tmp_path) -> Run:
    path = tmp_path / whole.path.name
    shutil.copytree(whole.path, path)
    return Run(path, whole.manifest)


def reject(run: Run, number: int) -> None:
    products.flow_path(run.products, "bootstrap", number).unlink()
    where = products.rejection_path(run.products, "bootstrap", number)
    write_json(where, {"member": number, "half": number % 2, "reason": "its loss stopped being finite"})


def test_a_draw_without_both_halves_is_left_out_and_named(copy):
    before = file_digest(products.scored_path(copy.products, "bootstrap", 0))
    products.scored_path(copy.products, "bootstrap", 1).unlink()
    reject(copy, 3)
    perform(copy, "sample-bootstrap", "potentials-bootstrap")
    assert copy.potentials("bootstrap").members == 2
    assert file_digest(products.scored_path(copy.products, "bootstrap", 0)) == before
    ((draw, reason),) = products.left_out(copy.products, "bootstrap").items()
    assert draw == 1
    assert "flow 3: its loss stopped being finite" in reason


def test_a_draw_whose_flows_were_made_anew_is_no_longer_left_out(copy):
    path = products.flow_path(copy.products, "bootstrap", 3)
    content = path.read_bytes()
    reject(copy, 3)
    perform(copy, "sample-bootstrap")
    products.rejection_path(copy.products, "bootstrap", 3).unlink()
    path.write_bytes(content)
    perform(copy, "sample-bootstrap", "potentials-bootstrap")
    assert copy.potentials("bootstrap").members == 3
    assert products.left_out(copy.products, "bootstrap") == {}


def test_a_potential_that_cannot_be_fitted_is_left_out_and_named(copy, monkeypatch):
    """A collapsed network, for one: the others are not its victims, unless they are too few."""
    fitted, calls = potential_fitting._fitted, []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) in failures:
            raise TrainingError("the network has collapsed")
        return fitted(*arguments)

    monkeypatch.setattr(potential_fitting, "_fitted", failing)
    before, failures = copy.potentials("potential_seed").members, {2}
    perform(copy, "potentials-potential_seed")
    assert copy.potentials("potential_seed").members == before - 1
    assert products.left_out(copy.products, "potential_seed") == {1: "the network has collapsed"}
    calls.clear()
    failures = set(range(1, before + 1))
    with pytest.raises(TrainingError, match=r"only 0 of .* draws can be used.*the network has collapsed"):
        perform(copy, "potentials-potential_seed")


def test_a_preview_that_cannot_be_fitted_is_left_out_and_named(copy, catalogue, monkeypatch):
    """The scalars are those of the others, until it is made anew."""

    def failing(*arguments, **keywords):
        raise TrainingError("no ball inside")

    monkeypatch.setattr("core.jobs.execution.open_catalogue", lambda _: catalogue)
    monkeypatch.setattr("core.jobs.reading_off.open_catalogue", lambda _: catalogue)
    with monkeypatch.context() as patch:
        patch.setattr(potential_fitting, "fit_weak_form", failing)
        perform(copy, "preview", "scalars")
    pipelines = {name for scalar in Run(copy.path, copy.manifest).scalars.values() for name in scalar["pipelines"]}
    assert pipelines == {"potential_seed", "df_seed", "bootstrap", "solar_position", "baryons"}
    assert products.preview_left_out(copy.products) == "no ball inside"
    words = "the preview by the weak form is left out: no ball inside"
    told = CliRunner().invoke(commands, ["status", str(copy.path)], catch_exceptions=False)
    assert words in told.output
    told = CliRunner().invoke(commands, ["status", str(copy.path), "--json"], catch_exceptions=False)
    assert json.loads(told.output)["left_out"] == [words]
    perform(copy, "preview", "scalars")
    assert products.preview_left_out(copy.products) is None
    assert "weak_form" in Run(copy.path, copy.manifest).scalars["density_shell"]["pipelines"]


def test_too_few_draws_are_no_ensemble(copy):
    for number in (0, 3):
        reject(copy, number)
    with pytest.raises(TrainingError, match="only 1 of 3 draws can be used"):
        perform(copy, "sample-bootstrap", "potentials-bootstrap")


def test_a_bootstrap_of_too_few_stars_is_refused_before_anything_is_trained(catalogue, tmp_path):
    few = replace(preset("quick", QUICK), {"flow.held_out": 0.0042})
    create_fit(catalogue, replace(few, {"pipelines.bootstrap_members": 0}), root=tmp_path, preset_name="quick")
    with pytest.raises(RegionError, match=r"too few for the bootstrap.*\n?.*bootstrap_members=0"):
        create_fit(catalogue, few, root=tmp_path, preset_name="quick")
