"""Packs from the command line: to another directory of runs, with words about what is missing there."""

import pytest
from finished_runs import finish_run, write_products
from small_runs import waiting_run

from core.jobs.ownership import owned
from core.runs.manifest import CatalogueReference


@pytest.fixture
def run(home, stored):
    return waiting_run(home / "runs", catalogue=CatalogueReference(stored.id, stored.name, len(stored), True))


def test_a_run_moves_and_says_whether_its_stars_are_there(home, run, command, monkeypatch):
    assert "--with-catalogue puts it in" in command("pack", "ball", "--out", home / "bare.tar").out
    assert "--with-catalogue" not in command("pack", "ball", "--out", home / "all.tar", "--with-catalogue").out
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(home / "other"))
    told = command("unpack", home / "bare.tar", "--runs", home / "there")
    assert told.code == 0
    assert f"its catalogue ball ({run.manifest.catalogue.id}) is not here" in told.out
    assert command("status", "ball", "--json", "--runs", home / "there").json["id"] == run.id
    again = command("unpack", home / "bare.tar", "--runs", home / "there")
    assert again.code == 2
    assert "already" in again.err
    arrived = command("unpack", home / "all.tar", "--runs", home / "elsewhere", "--json").json
    assert (arrived["id"], arrived["catalogue_is_here"]) == (run.id, True)


def test_a_finished_run_answers_elsewhere_as_it_did_here(home, command, tmp_path_factory, monkeypatch):
    products = tmp_path_factory.mktemp("products")
    write_products(products)
    finish_run(home / "runs", home / "data", products, "whole")
    here = command("scalars", "whole", "--json").json
    assert command("pack", "whole", "--out", home / "whole.tar", "--with-catalogue").code == 0
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(home / "other"))
    monkeypatch.setenv("DEEP_POTENTIAL_RUNS", str(home / "there"))
    assert command("unpack", home / "whole.tar").code == 0
    assert command("scalars", "whole", "--json").json == here
    assert command("export", "whole", "--to", "grid", "--out", home / "whole.h5", "--spacing", 0.2).code == 0
    assert command("status", "whole", "--json").json["state"] == "done"


def test_a_run_that_is_being_run_is_not_packed(home, run, command):
    with owned(run):
        refused = command("pack", "ball", "--out", home / "ball.tar")
    assert refused.code == 3
    assert "is being run by process" in refused.err
    assert not (home / "ball.tar").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"\x1f\x8b" + bytes(600), bytes(10240)])
def test_what_is_no_pack_is_refused(content, home, command):
    (home / "x.tar").write_bytes(content)
    refused = command("unpack", home / "x.tar")
    assert refused.code == 2
    assert refused.err.startswith("Error: ")
    assert "x.tar" in refused.err
    assert command("unpack", home / "absent.tar").code == 2
