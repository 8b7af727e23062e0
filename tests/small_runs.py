"""Runs and catalogues for the tests of directories, jobs and commands: small, and not fitted unless told to be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.catalog.catalogue import Catalogue
from core.catalog.store import CatalogueStore
from core.config import preset
from core.jobs.graph import plan
from core.phase_space.region import Expression, Region, Shell
from core.runs.manifest import CatalogueReference, Manifest
from core.runs.registry import Run, create_run

TINY = {
    "flow.members": 2,
    "flow.velocity.layers": 3,
    "flow.velocity.hidden": 8,
    "flow.velocity.components": 3,
    "flow.velocity.training.steps": 6000,
    "flow.velocity.training.epochs": 1000,
    "flow.velocity.training.batch": 64,
    "flow.velocity.training.patience": 1000,
    "sample.flow_stars": 3000,
    "sample.scored_points": 2000,
    "potential.members": 2,
    "jobs.checkpoint_seconds": 0,
}
"""A fit whose training lasts seconds: long enough to be disturbed, and checkpointed at every report."""


def manifest(name: str = "ball", run_id: str = "20260101-000000-0000", **changes: Any) -> Manifest:
    """What a fit of some catalogue would write down."""
    config = preset("quick", TINY)
    values: dict[str, Any] = {
        "id": run_id,
        "name": name,
        "created": "2026-01-01T00:00:00+00:00",
        "catalogue": CatalogueReference("0123456789ab", name, 4000, True),
        "region": Expression("abs(z) < 0.3 & vphi > 200"),
        "stars": 2500,
        "config": config,
        "preset": "quick",
        "tasks": plan(config, 2500),
    }
    return Manifest(**(values | changes))


def waiting_run(root: Path, name: str = "ball", run_id: str = "20260101-000000-0000", **changes: Any) -> Run:
    """A run that nobody has started."""
    return create_run(root, manifest(name, run_id, **changes), ["test"])


def ball(root: Path, stars: int = 2000, region: Region | None = None, name: str = "ball") -> Catalogue:
    """A catalogue of stars at random places in the unit ball."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(stars, 3))
    x *= (rng.random(stars) ** (1 / 3) / np.linalg.norm(x, axis=1))[:, None]
    values: Mapping[str, np.ndarray] = dict(zip("xyz", x.T, strict=True)) | dict(
        zip(("vx", "vy", "vz"), 30 * rng.normal(size=(3, stars)), strict=True)
    )
    return CatalogueStore(root).add(values, name=name, region=region or Shell(1.0))
