"""The list of runs: what is searched is found, what is put away can be brought back, and nothing is lost on the way."""

import panel as pn
import pytest
from small_runs import waiting_run

from core.jobs.ownership import owned, record_state
from core.runs import labels
from core.runs.registry import find_run, list_runs
from core.runs.trash import trashed
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


def test_a_run_that_is_going_on_is_not_offered_to_be_deleted(services, two):
    managed = ManagedRun(services, two[0], lambda: None)
    record_state(two[0], "running", started=1.0)
    with owned(two[0]):
        press(managed, "Delete …")
    assert "It is running: cancel it first." in words(managed)
    assert not managed.confirm.visible


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
