"""The demonstration that comes with the program: a spiral disc with known truth, its axisymmetric twin, a fit of each.

The twin has no pattern at all, so its fit shows what a pattern speed looks like that the stars do not hold.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core import mocks
from core.catalog.ingest import ingest
from core.catalog.store import DATA_VARIABLE, CatalogueStore
from core.config import preset
from core.diagnostics.volumes import averaging_volumes
from core.jobs.creation import create_fit
from core.jobs.mock import write_mock
from core.jobs.runner import run_graph
from core.mocks.test_particles import DiscSpiral
from core.runs.products import SPEED_PROFILE, STEADINESS
from core.runs.registry import Run
from core.runs.star_files import FLOW_SAMPLE, FLOW_SUMMARY

STARS = 220_000
SEED = 3

_INDEPENDENT = {"repeats": 2}
"""Few stars per orbit: stars of one orbit tell less than as many of their own."""

_CHANCE = {"pipelines.bootstrap_members": 4}
"""Without it error bars know nothing of which stars there happen to be."""

_CASES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("disc-axisymmetric", {"amplitude": 0, **_INDEPENDENT}, _CHANCE),
    ("disc-spiral", _INDEPENDENT, {"pipelines.null_members": 2, **_CHANCE}),
)
"""Name of the catalogue and of its run, parameters of the mock, settings of the fit; a visitor sees the last first."""

_KEPT = (
    *("scalars.json", STEADINESS, SPEED_PROFILE, FLOW_SUMMARY, FLOW_SAMPLE),
    *("flow-df_seed-*.safetensors", "potential-*.safetensors"),
)
"""Products that the pages read; the scored points can be drawn again."""


def make_demo(out: Path, say: Callable[[str], None], *, stars: int = STARS) -> None:
    """Make the demonstration anew in ``out``, which is replaced when everything is there."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".demo-") as work:
        # The tasks of a fit look their catalogue up in the data roots: give them one that is thrown away.
        os.environ[DATA_VARIABLE] = str(Path(work) / "data")
        new = Path(work) / "demo"
        (new / "runs").mkdir(parents=True)
        index = {}
        for name, parameters, settings in _CASES:
            file = new / f"{name}.parquet"
            say(f"{name}: integrating orbits")
            truth = write_mock("disc-spiral", parameters, stars=stars, seed=SEED, out=file)
            say(f"{name}: stationarity {json.dumps(truth['stationarity'])}")
            file.with_name(f"{file.name}.truth.json").unlink()
            catalogue = ingest(file, store=CatalogueStore.default())
            index[catalogue.id] = file.name
            baryons = baryon_density(mocks.from_truth(truth))
            config = preset("quick", {"scalars.baryon_density": baryons, **settings})
            say(f"{name}: fitting {len(catalogue):,} stars")
            run = create_fit(catalogue, config, root=Path(work) / "runs", preset_name="quick", command=["demo"])
            run_graph(run)
            _keep(run, new / "runs")
        (new / "catalogues.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        new.rename(out)


def baryon_density(system: mocks.StationarySystem) -> float:
    """What is not halo in the midplane at R0 of a test-particle mock [Msun/pc³], to four digits."""
    assert isinstance(system, DiscSpiral)
    halo_alone = replace(system.galaxy, thin_mass=0.0, thick_mass=0.0, bulge_mass=0.0)
    halo = replace(system, galaxy=halo_alone, amplitude=0.0)
    arc = averaging_volumes(preset("quick"), system.region).arc
    return round(float(np.mean(system.density(arc) - halo.density(arc))), 4)


def _keep(run: Run, place: Path) -> None:
    """Copy what a finished run shows, without what it was made with."""
    target = place / run.path.name
    (target / "products").mkdir(parents=True)
    for name in ("run.json", "provenance.json", "state.json"):
        shutil.copyfile(run.path / name, target / name)
    products: Iterable[Path] = (path for pattern in _KEPT for path in run.products.glob(pattern))
    for path in products:
        shutil.copyfile(path, target / "products" / path.name)
    for task in run.manifest.tasks:
        (target / "tasks" / task.id).mkdir(parents=True)
        shutil.copyfile(run.path / "tasks" / task.id / "progress.jsonl", target / "tasks" / task.id / "progress.jsonl")
