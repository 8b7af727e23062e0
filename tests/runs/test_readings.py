"""Averaging the demonstration anew from its potentials: with nothing changed it gives the run's own numbers."""

import json

import pytest

from core import cli
from core.catalog.resolve import open_catalogue
from core.diagnostics.averaging import Averaging, from_options
from core.runs import readings
from core.runs.registry import EMBEDDED_RUNS, open_run


@pytest.fixture(scope="module")
def run():
    return open_run(next(EMBEDDED_RUNS.glob("*-disc-spiral")))


@pytest.fixture(scope="module")
def catalogue(run):
    return open_catalogue(run.manifest.catalogue.id)


def test_nothing_changed_gives_the_numbers_of_the_run(run, catalogue):
    anew = readings.scalars(run, catalogue, Averaging())
    for name, entry in run.scalars.items():
        assert anew[name]["best"] == pytest.approx(entry["best"], rel=1e-9)
        assert anew[name]["truth"] == (None if entry["truth"] is None else pytest.approx(entry["truth"], rel=1e-9))
        for pipeline, draws in entry["pipelines"].items():
            if pipeline != "baryons":  # of which there may be more
                assert anew[name]["pipelines"][pipeline]["draws"] == pytest.approx(draws["draws"], rel=1e-9)
        assert "reaveraged" not in anew[name]
    assert anew["pattern_speed"].keys() == run.scalars["pattern_speed"].keys()


def test_other_baryons_move_the_dark_matter_by_what_they_differ(run, catalogue):
    anew = readings.scalars(run, catalogue, from_options({"scalars.baryons": "mckee2015"}, []))
    dark, own = anew["dark_matter_density"], run.scalars["dark_matter_density"]
    moved = dark["baryons"]["density"] - run.manifest.config.scalars.baryon_density
    assert dark["best"] == pytest.approx(own["best"] - moved)
    assert dark["truth"] == pytest.approx(own["truth"] - moved)
    assert dark["gev_per_cm3"]["best"] == pytest.approx(37.96 * dark["best"], rel=1e-3)
    assert anew["density_midplane"]["best"] == pytest.approx(run.scalars["density_midplane"]["best"])
    assert {"dark_matter_slab", "dark_matter_shell"} <= anew.keys()


def test_the_command_averages_over_a_volume_and_leaves_the_run_alone(run, capsys):
    before = {p: p.stat().st_mtime_ns for p in run.path.rglob("*")}
    asked = ["scalars", str(run.path), "--set", "scalars.outer=0.6", "--volume", "thin: abs(Z) < 0.1 & r < 0.5"]
    assert cli.main([*asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert all(entry["reaveraged"] for entry in document.values())
    assert document["density_shell"]["volume"] == "0.1 < r < 0.6 kpc"
    assert document["density_slab"]["best"] < document["density@thin"]["best"] < document["density_midplane"]["best"]
    assert document["density@thin"]["best"] == pytest.approx(document["density@thin"]["truth"], rel=0.1)
    assert cli.main([*asked, "--latex"]) == 0
    assert r"$\langle\rho\rangle$ thin" in capsys.readouterr().out
    assert cli.main(asked) == 0
    assert "averaged anew, the run itself is unchanged: scalars.outer = 0.6; thin:" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in run.path.rglob("*")} == before
