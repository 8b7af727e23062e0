"""Deleted runs come back as they were, and nobody's run is taken away while it is being run."""

import os
import time

import pytest
from small_runs import waiting_run

from core.errors import InputError, RunBusyError, UnknownRunError
from core.jobs.deletion import children, delete
from core.jobs.launch import resume_interrupted
from core.jobs.ownership import owned, record_state
from core.jobs.search import matching
from core.jobs.status import run_status
from core.runs import trash
from core.runs.labels import change_tags
from core.runs.registry import find_run, list_runs, open_run


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr("core.runs.registry.EMBEDDED_RUNS", tmp_path / "embedded")
    return tmp_path / "runs"


@pytest.fixture
def run(root):
    return waiting_run(root)


def content(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != "lock"}


def test_a_deleted_run_is_gone_and_comes_back_as_it_was(root, run):
    change_tags(run.path, add=["best"])
    before = content(run.path)
    place = delete(run)
    assert list_runs(root) == []
    (thrown,) = trash.trashed(root)
    assert thrown.path == place
    assert abs(thrown.deleted - time.time()) < 60
    assert thrown.size > 0
    with pytest.raises(UnknownRunError, match=r"in the trash\. Bring it back with: deep-potential restore ball"):
        find_run("ball", root)
    for name in thrown.names:
        assert trash.find_thrown(name, root) == thrown
    assert trash.restore(thrown) == run.path
    assert content(run.path) == before
    assert open_run(run.path).tags == ("best",)
    assert trash.trashed(root) == []


def test_a_run_that_is_being_run_is_not_deleted(root, run):
    with owned(run), pytest.raises(RunBusyError, match=f"process {os.getpid()} on ") as caught:
        delete(run)
    assert caught.value.exit_code == 3
    assert list_runs(root) == [run]


def test_a_restored_run_does_not_go_on_by_itself(root, run, monkeypatch):
    started = []
    monkeypatch.setattr("core.jobs.launch.launch_detached", lambda run, options: started.append(run))
    record_state(run, "running", started=1.0)
    trash.restore(trash._thrown(delete(run)))
    assert run_status(run).state == "interrupted"
    assert resume_interrupted(root) == started == []


def test_the_place_of_another_run_is_not_taken(root, run):
    delete(run)
    waiting_run(root)
    with pytest.raises(InputError, match="another run is in its place"):
        trash.restore(trash.find_thrown(run.id, root))
    assert len(list_runs(root)) == len(trash.trashed(root)) == 1


def test_only_what_has_been_there_for_long_is_removed(root, run):
    other = waiting_run(root, "other", "20260102-000000-aaaa")
    old, new = delete(run), delete(other)
    month = time.time() - 30 * 86400
    os.utime(old / "DELETED", (month, month))
    found = trash.trashed(root)
    assert [thrown.path for thrown in found] == [new, old]
    assert [thrown.path for thrown in trash.older_than(found, 29)] == [old]
    trash.remove(found[1])
    assert [thrown.path for thrown in trash.trashed(root)] == [new]


def test_what_a_kill_left_in_the_trash_is_no_run_and_can_be_removed(root, run):
    place = delete(run)
    (place / "run.json").unlink()
    (thrown,) = trash.trashed(root)
    with pytest.raises(UnknownRunError, match="only remains"):
        trash.restore(thrown)
    trash.remove(thrown)
    assert trash.trashed(root) == []


def test_the_trash_says_what_it_holds(root, run):
    with pytest.raises(UnknownRunError, match="It is empty"):
        trash.find_thrown("ball", root)
    delete(run)
    with pytest.raises(UnknownRunError, match="Did you mean 'ball'"):
        trash.find_thrown("bal", root)


def test_children_are_told(root, run):
    child = waiting_run(root, "child", "20260102-000000-aaaa", parent=run.id)
    assert children(run, root) == [child]
    assert children(child, root) == []


def test_every_word_is_searched_in_all_that_is_said_of_a_run(root, run):
    other = waiting_run(root, "thin disc", "20260102-000000-aaaa", preset="paper")
    change_tags(other.path, add=["galaxy"])
    statuses = [run_status(other), run_status(run)]
    for text in ("", " ", "waiting", "2026"):
        assert matching(statuses, text) == statuses
    for text in ("DISC thin", "galaxy", "paper", "aaaa", "Waiting paper"):
        assert matching(statuses, text) == statuses[:1]
    assert matching(statuses, "thin quick") == matching(statuses, "", ["galaxy", "best"]) == []
    assert matching(statuses, "", ["galaxy"]) == statuses[:1]
