"""The archive from the command line: the query for anybody, the stars for who has astroquery and a connection."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table

from core.catalog.gaia_query import gaia_query
from core.catalog.recipe import load_recipe


def stand_in(monkeypatch, answer):
    """astroquery with an archive of its own."""
    package, gaia = ModuleType("astroquery"), ModuleType("astroquery.gaia")
    launch = lambda query: SimpleNamespace(get_results=lambda: answer(query))  # noqa: E731
    gaia.Gaia = SimpleNamespace(launch_job_async=launch)
    monkeypatch.setitem(sys.modules, "astroquery", package)
    monkeypatch.setitem(sys.modules, "astroquery.gaia", gaia)


def test_the_query_is_printed(command):
    answer = command("adql", "gaia-dr3-rvs")
    assert answer.code == 0
    assert answer.out == gaia_query(load_recipe("gaia-dr3-rvs")).adql()
    assert command("adql", "gaia-dr3").code == command("adql", "cartesian").code == 2


def test_the_stars_are_fetched_and_what_comes_next_is_said(home, command, monkeypatch):
    columns = gaia_query(load_recipe("gaia-dr3-rvs")).columns
    rows = {name: np.ones(3, np.int64 if name == "source_id" else float) for name in columns}
    asked = []

    def answer(query):
        asked.append(query)
        return Table(rows)

    stand_in(monkeypatch, answer)
    told = command("fetch", "gaia-dr3-rvs", "--out", home / "gaia.parquet", "--parts", 2)
    assert told.code == 0, told.err
    assert "6 stars; next: deep-potential ingest" in told.out
    assert len(asked) == 2


@pytest.mark.parametrize("error", [OSError("no route to host"), ValueError("no table")])
def test_an_archive_that_does_not_answer_is_told(error, home, command, monkeypatch):
    def answer(query):
        raise error

    stand_in(monkeypatch, answer)
    refused = command("fetch", "gaia-dr3-rvs", "--out", home / "gaia.parquet")
    assert refused.code == 2
    assert f"the Gaia archive gave no answer to part 1 of 20: {error}" in refused.err


def test_what_is_missing_is_told(home, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "astroquery", None)
    refused = command("fetch", "gaia-dr3-rvs", "--out", home / "gaia.parquet")
    assert refused.code == 2
    assert "pip install '.[gaia]'" in refused.err
    assert command("fetch", "gaia-dr3-rvs", "--out", home / "gaia.fits").code == 2
