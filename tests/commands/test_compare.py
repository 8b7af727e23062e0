"""What the command compares is what the page compares, in numbers."""

import csv
import io

import numpy as np
import pytest
from finished_runs import finish_run, write_products
from small_runs import TINY, waiting_run

from core.config import preset
from core.phase_space.region import Expression
from core.runs.readings import scalars_within


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    place = tmp_path_factory.mktemp("products")
    write_products(place)
    return place


@pytest.fixture
def two(home, products):
    """A run of all stars, and one of half of them with another seed."""
    places = home / "runs", home / "data", products
    whole = finish_run(*places, "whole", "20260101-000000-aaaa")
    changed = preset("quick", {**TINY, "seed": 7})
    return whole, finish_run(*places, "half", "20260102-000000-bbbb", Expression("z > 0"), config=changed)


def test_scalars_are_compared_with_the_first(two, command):
    found = command("compare", "whole", "half", "--json").json
    assert [run["name"] for run in found["runs"]] == ["whole", "half"]
    first, other = (row for row in found["scalars"] if row["quantity"] == "pattern_speed")
    assert (first["best"], first["difference"]) == (28.0, None)
    assert (other["difference"], other["sigmas"]) == (0.0, 0.0)
    assert other["difference_error"] == pytest.approx(np.sqrt(2) * first["error"])
    assert {"seed", "region"} <= found["settings"].keys()
    assert found["settings"]["seed"] == ["0", "7"]
    assert found["pattern_speed"]["B"]["verdict"] == "constrained"
    rows = list(csv.DictReader(io.StringIO(command("compare", "whole", "half", "--csv").out)))
    assert [(row["quantity"], row["run"]) for row in rows] == [
        (row["quantity"], row["run"]) for row in found["scalars"]
    ]
    told = command("compare", "half", "whole").out
    assert "A · half" in told
    assert "seed: 7 | 0" in told


def test_other_volumes_are_evaluated_anew(two, home, products, command, monkeypatch):
    changed = preset("quick", {**TINY, "scalars.slab": 0.2})
    other = finish_run(home / "runs", home / "data", products, "thin", "20260103-000000-cccc", config=changed)
    file = other.products / "scalars.json"
    file.write_text(file.read_text().replace("r < 1 kpc", "r < 2 kpc"))
    (other.path / "tasks" / "scalars" / "DONE").unlink()
    asked = []

    def recorded(run, *arguments):
        asked.append(run.id)
        return scalars_within(run, *arguments)

    monkeypatch.setattr("core.runs.readings.scalars_within", recorded)
    found = command("compare", "whole", "thin", "--json").json
    assert found["evaluated_anew"]
    assert asked == [two[0].id, other.id]
    slab = [row["best"] for row in found["scalars"] if row["quantity"] == "density_slab"]
    assert slab[0] == slab[1]  # both in the volume of the first


def test_what_cannot_be_compared_is_said(two, home, command):
    waiting_run(home / "runs", "begun", "20260104-000000-dddd")
    assert "begun (20260104-000000-dddd): run 'begun' has no scalars yet" in command("compare", "whole", "begun").out
    for arguments in (["whole"], ["whole", "whole"], ["whole", "nobody"], ["whole", "half", "--json", "--csv"]):
        assert command("compare", *arguments).code == 2
