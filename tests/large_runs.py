"""A run of millions of stars that nobody trained: what the pages that show maps need, and no more."""

from pathlib import Path

import numpy as np
from small_runs import manifest

from core.array_types import PhaseSpace
from core.catalog.store import CatalogueStore
from core.phase_space.region import Everything, Shell
from core.runs.artifacts import file_digest, write_json
from core.runs.manifest import CatalogueReference
from core.runs.registry import Run, create_run
from core.runs.star_files import FLOW_SAMPLE, FLOW_SUMMARY, FlowSummary, write_stars, write_summary


def disc(rng: np.random.Generator, count: int) -> PhaseSpace:
    """Stars of an exponential disc within a kiloparsec of the Sun, float32; their columns are contiguous."""
    w = np.empty((6, count), np.float32)
    filled = 0
    while filled < count:
        x = rng.uniform(-1, 1, (3, count)).astype(np.float32)
        x[2] = rng.laplace(0, 0.25, count)
        x = x[:, (x**2).sum(0) < 1][:, : count - filled]
        w[:3, filled : filled + x.shape[1]] = x
        filled += x.shape[1]
    for axis, (mean, spread) in enumerate(((-9, 35), (-25, 25), (-7, 18)), 3):
        w[axis] = rng.normal(mean, spread, count)
    return w.T


def large_run(runs: Path, data: Path, stars: int, flow_stars: int = 2**21) -> Run:
    """A finished run of so many stars, and a sample of its flow."""
    names = ("x", "y", "z", "vx", "vy", "vz")
    w = disc(np.random.default_rng(0), stars)
    catalogue = CatalogueStore(data).add(dict(zip(names, w.T, strict=True)), name="disc", region=Shell(1.0))
    reference = CatalogueReference(catalogue.id, catalogue.name, stars, True)
    spec = manifest("large", catalogue=reference, region=Everything(), stars=stars)
    runs.mkdir(parents=True, exist_ok=True)
    run = create_run(runs, spec, ["test"])
    write_stars(run.products / FLOW_SAMPLE, disc(np.random.default_rng(1), flow_stars))
    write_summary(run.products / FLOW_SUMMARY, FlowSummary((-15.0,), {}, ()))
    digests = {str(p.relative_to(run.path)): file_digest(p) for p in run.products.iterdir()}
    write_json(run.path / "tasks" / "scalars" / "DONE", digests)
    write_json(run.path / "state.json", {"state": "done"})
    return run
