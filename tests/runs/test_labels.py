"""Tags and the archive: what is said of a run is kept whoever says it at the same time, and a run stays the same."""

import threading

import pytest
from small_runs import waiting_run

from core.errors import InputError
from core.runs.labels import archive, change_tags, checked_tag, is_archived, tags
from core.runs.registry import find_own_run, find_run, open_run


@pytest.fixture
def run(tmp_path):
    return waiting_run(tmp_path / "runs")


def test_tags_are_added_and_removed_in_any_order(run):
    change_tags(run.path, add=["Thin", "galaxy", "thin"])
    assert run.tags == tags(run.path) == ("galaxy", "thin")
    change_tags(run.path, add=["best"], remove=["thin", "never-there"])
    assert run.tags == ("best", "galaxy")
    assert open_run(run.path).manifest == run.manifest


def test_two_who_tag_at_once_lose_nothing(run):
    names = [f"t{i}" for i in range(40)]
    threads = [threading.Thread(target=change_tags, args=(run.path,), kwargs={"add": [name]}) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.tags == tuple(sorted(names))


@pytest.mark.parametrize("text", ["", " ", "two words", "../up", "a/b", ".hidden", "-x", "x" * 41, "a\0b", "a,b"])
def test_what_is_no_word_is_no_tag(text, run):
    with pytest.raises(InputError, match="is not a tag") as caught:
        change_tags(run.path, add=["fine", text])
    assert caught.value.exit_code == 2
    assert run.tags == ()


def test_the_same_letters_are_the_same_tag():
    assert checked_tag("  E\u0301toile ") == checked_tag("\u00e9toile") == "\u00e9toile"


def test_an_archived_run_is_found_by_id_and_after_others_by_name(run, tmp_path):
    root = tmp_path / "runs"
    newer = waiting_run(root, "ball", "20260102-000000-aaaa")
    archive(newer.path)
    assert is_archived(newer.path)
    assert newer.archived
    assert find_run("ball", root) == run
    assert find_run(newer.id, root) == newer
    archive(run.path)
    assert find_run("ball", root) == newer
    archive(newer.path, archived=False)
    assert not newer.archived


def test_the_demonstration_is_not_changed(run, tmp_path, monkeypatch):
    monkeypatch.setattr("core.runs.registry.EMBEDDED_RUNS", tmp_path / "runs")
    with pytest.raises(InputError, match="read-only"):
        find_own_run(run.id, tmp_path / "elsewhere")
