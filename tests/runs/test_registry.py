"""Runs are found by what people call them, and one that is damaged hides no other."""

import json
import re

import pytest
from small_runs import manifest, waiting_run

from core.errors import ConfigError, CorruptArtifactError, InputError, UnknownRunError
from core.runs import registry
from core.runs.artifacts import file_digest, write_json
from core.runs.registry import create_run, find_run, list_runs, new_run_id, open_run, runs_root, slug


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "EMBEDDED_RUNS", tmp_path / "embedded")
    return tmp_path / "runs"


@pytest.fixture
def three(root):
    """An old run and a new one called "ball", and one called "disc" in between."""
    names = (("ball", "20260101-000000-aaaa"), ("disc", "20260102-000000-bbbb"), ("ball", "20260103-000000-cccc"))
    return [waiting_run(root, name, run_id) for name, run_id in names]


def test_the_newest_run_is_first(root, three):
    assert [run.id for run in list_runs(root)] == [run.id for run in reversed(three)]


def test_the_demonstration_comes_last_and_is_read_only(root, three):
    shown = waiting_run(root.parent / "embedded", "demo", "20990101-000000-dddd")
    assert list_runs(root)[-1].id == shown.id
    assert [run.embedded for run in list_runs(root)] == [False, False, False, True]


@pytest.mark.parametrize("place", ["missing", "empty"])
def test_no_runs_are_no_failure(root, place):
    (root / "empty").mkdir(parents=True)
    assert list_runs(root / place) == []


def test_a_run_is_found_by_id_directory_path_and_name(root, three):
    old, disc, new = three
    for name in (disc.id, disc.path.name, disc.path, str(disc.path), "disc"):
        assert find_run(name, root) == disc
    assert find_run("ball", root) == new
    assert find_run(old.id, root) == old


def test_an_unknown_run_suggests_the_nearest(root, three):
    with pytest.raises(UnknownRunError, match=r"no run 'bal' in .*runs\. Did you mean 'ball'\?") as caught:
        find_run("bal", root)
    assert caught.value.exit_code == 2
    with pytest.raises(UnknownRunError):
        find_run("20260103", root)  # part of an id names nothing: to cancel the wrong run is worse than to type on
    with pytest.raises(UnknownRunError, match="There are no runs yet: deep-potential fit"):
        find_run("ball", root / "empty")


DAMAGE = {
    "newer": (lambda text: text.replace('"schema": 2', '"schema": 3'), ConfigError, "schema 3, this program reads 2"),
    "changed": (lambda text: text.replace('"seed": 0', '"seed": 1'), CorruptArtifactError, "does not match"),
    "cut": (lambda text: text[: len(text) // 2], CorruptArtifactError, "not valid JSON"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_run_that_cannot_be_read_hides_no_other_and_says_why(damage, root, three):
    change, error, words = DAMAGE[damage]
    old, disc, new = three
    file = disc.path / "run.json"
    file.write_text(change(file.read_text()))
    assert list_runs(root) == [new, old]
    for name in (disc.id, disc.path.name, disc.path):
        with pytest.raises(error, match=words) as caught:
            find_run(name, root)
        assert "run.json" in str(caught.value)


def test_a_directory_without_a_specification_is_no_run(root):
    root.mkdir()
    with pytest.raises(UnknownRunError, match=f"{re.escape(str(root))}: this is not a run"):
        open_run(root)


def test_a_run_is_created_whole_or_not_at_all(root, monkeypatch):
    root.mkdir()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(registry, "write_json", full_disk)
    with pytest.raises(InputError, match=r"No space left on device.*--runs"):
        create_run(root, manifest(), [])
    assert list_runs(root) == []
    assert list(root.iterdir()) == []


def test_directories_sort_by_time_and_are_safe_names():
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", new_run_id())
    assert slug("  Gaia DR3: |z| < 0.3 / ../x ") == "gaia-dr3-z-0-3-x"
    assert slug("…") == "run"


def test_the_runs_directory_is_given_or_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv(registry.RUNS_VARIABLE, raising=False)
    assert str(runs_root()) == "runs"
    monkeypatch.setenv(registry.RUNS_VARIABLE, str(tmp_path))
    assert runs_root() == tmp_path
    assert runs_root(tmp_path / "other") == tmp_path / "other"


def test_products_that_are_not_there_yet_are_said_to_be(root, three):
    run = three[0]
    for ask in (lambda: run.scalars, lambda: run.flow, lambda: run.potential):
        with pytest.raises(UnknownRunError, match="yet"):
            ask()


def test_scalars_are_what_their_task_wrote(root, three):
    run = three[0]
    path = run.products / "scalars.json"
    write_json(path, {"pattern_speed": {"best": 28.5}})
    write_json(run.path / "tasks" / "scalars" / "DONE", {"products/scalars.json": file_digest(path)})
    assert run.scalars == {"pattern_speed": {"best": 28.5}}
    path.write_text(path.read_text().replace("28.5", "38.5"))
    with pytest.raises(CorruptArtifactError, match=r"scalars\.json is damaged.*deep-potential run"):
        _ = run.scalars
    assert json.loads(path.read_text())["pattern_speed"]["best"] == 38.5
