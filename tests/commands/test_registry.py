"""Order among many runs, from the command line: labels, the trash, and what is listed where."""

import pytest
from small_runs import waiting_run

from core.jobs.ownership import owned


@pytest.fixture
def two(home):
    """A run and one that was fitted to a subset of its stars."""
    whole = waiting_run(home / "runs", "whole", "20260101-000000-aaaa")
    return whole, waiting_run(home / "runs", "thin disc", "20260102-000000-bbbb", parent=whole.id)


def listed(command, *arguments):
    return [row["name"] for row in command("runs", "--json", *arguments).json]


def test_runs_are_searched_by_words_and_tags(two, command):
    assert listed(command) == ["thin disc", "whole"]
    assert "galaxy, thin" in command("tag", "thin disc", "galaxy", "Thin").out
    assert listed(command, "THIN", "disc") == listed(command, "--tag", "galaxy") == ["thin disc"]
    assert command("tag", "thin disc", "--remove", "galaxy").out == "thin disc: thin\n"
    assert listed(command, "--tag", "galaxy") == []
    assert "#thin" in command("runs", "thin").out
    assert command("runs", "nothing").out == "There is no such run.\n"
    refused = command("tag", "whole", "two words")
    assert refused.code == 2
    assert "is not a tag" in refused.err


def test_archived_runs_are_out_of_the_way_and_still_open(two, command):
    assert command("archive", "whole").code == 0
    assert listed(command) == [row["name"] for row in command("status", "--json").json] == ["thin disc"]
    assert listed(command, "--archived") == ["whole"]
    assert command("status", "whole", "--json").json["name"] == "whole"
    assert command("archive", "whole", "--undo").code == 0
    assert listed(command) == ["thin disc", "whole"]


def test_a_run_goes_to_the_trash_and_comes_back(two, command):
    told = command("delete", "whole")
    assert told.code == 0
    assert f"deep-potential restore {two[0].id}" in told.out
    assert f"thin disc ({two[1].id}) was fitted to a subset of it" in told.out
    assert listed(command) == ["thin disc"]
    assert [row["name"] for row in command("trash", "--json").json] == ["whole"]
    assert command("restore", "whole").code == 0
    assert listed(command) == ["thin disc", "whole"]
    assert "nothing in the trash" in command("trash").out


def test_a_run_that_is_being_run_stays(two, command):
    with owned(two[0]):
        refused = command("delete", "whole")
    assert refused.code == 3
    assert "already being run by process" in refused.err
    assert listed(command) == ["thin disc", "whole"]


def test_the_trash_is_emptied_only_by_who_says_yes(two, command, monkeypatch):
    command("delete", "whole")
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt="": "n")
    assert command("trash", "--empty").code == 4
    assert command("trash", "--empty", "--older", 1, "--yes").code == 0
    assert len(command("trash", "--json").json) == 1
    assert command("trash", "--empty", "--yes").code == 0
    assert command("trash", "--json").json == []
    assert command("restore", "whole").code == 2
