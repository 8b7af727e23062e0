"""The list of runs: what is searched is found, what is put away can be brought back, and nothing is lost on the way."""

import panel as pn
import pytest
from small_runs import waiting_run

from core.jobs.deletion import delete
from core.jobs.ownership import owned, record_state
from core.runs import labels
from core.runs.registry import find_run, list_runs
from core.runs.trash import remove, trashed
from dashboard.compared.candidates import candidates
from dashboard.runs.managed_run import ManagedRun
from dashboard.runs.run_list import RunList
from dashboard.runs.run_picker import RunPicker
from dashboard.session import Session


@pytest.fixture
def two(services):
    """A run, and one that was fitted to a subset of its stars."""
    whole = waiting_run(services.root, "whole", "20260101-000000-aaaa")
    return whole, waiting_run(services.root, "thin disc", "20260102-000000-bbbb", parent=whole.id)


@pytest.fixture
def gone():
    return []


@pytest.fixture
def runs(services, two, gone, monkeypatch):
    monkeypatch.setattr(type(pn.state), "add_periodic_callback", lambda *_, **__: None)
    ignore = lambda run: None  # noqa: E731
    return RunList(
        Session(page="train"), services, open_run=ignore, follow=ignore, with_parent=ignore, deleted=gone.append
    )


def words(view):
    return " ".join(str(pane.object) for pane in pn.Column(view).select(pn.pane.HTML))


def button(view, label, place=0):
    return [b for b in pn.Column(view).select(pn.widgets.Button) if b.label == label and b.visible][place]


def press(view, label, place=0):
    button(view, label, place).clicks += 1


def names(runs):
    return [name for name in ("thin disc", "whole") if f"<strong>{name}</strong>" in words(runs._table)]


def test_the_list_is_searched_as_one_types(runs, two):
    assert names(runs) == ["thin disc", "whole"]
    runs._search.value_input = "THIN"
    assert (names(runs), runs.session.search) == (["thin disc"], "THIN")
    labels.change_tags(two[0].path, add=["thin"])
    runs.refresh()
    assert names(runs) == ["thin disc", "whole"]
    runs._search.value_input = "no such run"
    assert "No run matches the search." in words(runs)
    assert Session(**{n: getattr(runs.session, n) for n in Session.in_address()}).search == "no such run"


def test_what_has_not_changed_stays_as_it_is(runs, two):
    press(runs, "Manage", 0)
    views = list(runs._table.objects)
    record_state(two[0], "cancelled")
    runs.refresh()
    assert runs._table.objects == views
    assert "cancelled" in words(views[1])
    assert len(pn.Column(views[0]).select(pn.widgets.TextInput)) == 1
    press(runs, "Manage", 0)
    assert pn.Column(views[0]).select(pn.widgets.TextInput) == []


def test_tags_are_typed(runs, two, notifications):
    press(runs, "Manage", 1)
    (tags,) = runs._table.select(pn.widgets.TextInput)
    tags.value = "Galaxy, #thin best"
    assert two[0].tags == ("best", "galaxy", "thin")
    assert "galaxy</span>" in words(runs._table)
    tags.value = "thin"
    assert two[0].tags == ("thin",)
    tags.value = "thin ../up"
    assert two[0].tags == ("thin",)
    assert "is not a tag" in notifications[-1].message


def test_archived_runs_are_out_of_the_way_until_they_are_asked_for(runs, two):
    press(runs, "Manage", 1)
    press(runs, "Archive")
    assert (two[0].archived, names(runs)) == (True, ["thin disc"])
    runs.session.listed = "archived"
    assert names(runs) == ["whole"]
    press(runs, "Manage")
    press(runs, "List again")
    assert (two[0].archived, names(runs)) == (False, [])
    assert "No archived run." in words(runs)


def test_a_run_is_deleted_when_asked_twice_and_comes_back(runs, services, two, gone):
    press(runs, "Manage", 1)
    press(runs, "Delete …")
    assert "What was fitted to a subset of it stays: thin disc." in words(runs)
    press(runs, "Keep it")
    assert len(list_runs(services.root)) == 2
    press(runs, "Delete …")
    press(runs, "Move it to the trash")
    assert (names(runs), gone) == (["thin disc"], [two[0]])
    runs.session.listed = "trash"
    assert names(runs) == ["whole"]
    press(runs, "Restore")
    assert trashed(services.root) == []
    assert find_run("whole", services.root) == two[0]
    assert "Nothing in the trash." in words(runs)


@pytest.fixture
def trash(runs, services, two):
    """The list of the trash, with both runs in it."""
    for run in two:
        delete(run)
    runs.session.listed = "trash"
    return runs


def test_the_trash_says_what_emptying_it_frees_and_asks_once_more(trash, services):
    label, size = trash._emptying._removing.button.label, sum(thrown.size for thrown in trashed(services.root))
    assert label == f"Empty the trash: 2 runs, {size / 1e6:,.1f} MB …"
    press(trash._emptying.view, label)
    assert "Remove 2 runs for good?" in words(trash._emptying.view)
    press(trash._emptying.view, "Keep them")
    assert names(trash) == ["thin disc", "whole"]
    press(trash._emptying.view, label)
    press(trash._emptying.view, "Remove for good")
    assert (trashed(services.root), list_runs(services.root), names(trash)) == ([], [], [])
    assert not trash._emptying.view.visible


def test_what_a_search_leaves_is_all_that_is_removed(trash, services):
    trash._search.value_input = "thin"
    press(trash._emptying.view, trash._emptying._removing.button.label)
    assert trash._emptying._removing.button.label.startswith("Remove what was found: 1 run,")
    press(trash._emptying.view, "Remove for good")
    assert [thrown.names[-1] for thrown in trashed(services.root)] == ["whole"]


def test_a_question_about_other_runs_is_withdrawn(trash, two):
    press(trash._emptying.view, trash._emptying._removing.button.label)
    trash._search.value_input = "thin"
    assert not trash._emptying._removing.asking.visible


def test_one_run_is_removed_for_good(trash, services):
    view = trash._table.objects[1]
    press(view, "Remove …")
    assert "cannot be brought back" in words(view)
    left = next(name for name in ("whole", "thin disc") if f"<strong>{name}</strong>" not in words(view))
    press(view, "Remove for good")
    assert names(trash) == [left] == [thrown.names[-1] for thrown in trashed(services.root)]


def test_what_another_tab_removed_meanwhile_is_no_error(trash, services):
    press(trash._emptying.view, trash._emptying._removing.button.label)
    remove(trashed(services.root)[0])
    press(trash._emptying.view, "Remove for good")
    assert trashed(services.root) == []


def test_a_run_that_is_going_on_is_not_offered_to_be_deleted(services, two):
    managed = ManagedRun(services, two[0], lambda: None)
    record_state(two[0], "running", started=1.0)
    with owned(two[0]):
        press(managed, "Delete …")
    assert "It is running: cancel it first." in words(managed)
    with pytest.raises(IndexError):
        button(managed, "Move it to the trash")


def test_archived_runs_are_not_offered_and_still_open(services, finished_run):
    old, new = finished_run("old", "20260101-000000-aaaa"), finished_run("new", "20260102-000000-bbbb")
    labels.archive(new.path)
    assert services.default_run() == old
    picker = RunPicker(Session(), services, print)
    assert list(picker._choice.options) == ["old"]
    linked = RunPicker(Session(run=new.path.name), services, print)
    assert list(linked._choice.options) == ["new", "old"]
    assert linked._choice.value == new.path.name
    assert services.run(new.path.name) == new
    assert [c.run for c in candidates(Session(run=old.path.name), services)] == [old]
    assert [c.run for c in candidates(Session(runs=f"{old.id},{new.id}"), services)] == [old, new]


def test_the_demonstration_is_not_managed(runs, services, monkeypatch):
    monkeypatch.setattr("core.runs.registry.EMBEDDED_RUNS", services.root)
    runs._rows.clear()
    runs.refresh()
    assert not [b for b in runs._table.select(pn.widgets.Button) if b.label == "Manage"]
