"""A mock catalogue as a file, with its truth inside it and beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core import mocks, settings
from core.catalog.files import write_catalogue
from core.config import preset
from core.diagnostics.scalars import OneMember, scalar_values
from core.diagnostics.volumes import averaging_volumes
from core.mocks.observation import ObservationModel, observed_mock
from core.mocks.system import StationarySystem
from core.runs.artifacts import write_json
from core.runs.star_files import COLUMNS, rounded

OBSERVATION = "observation."
"""Prefix of the keys that set how a mock is observed rather than the system."""


def write_mock(
    name: str,
    overrides: Mapping[str, Any],
    *,
    stars: int,
    seed: int,
    out: Path,
    errors: bool = False,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Draw the mock called ``name``, write its catalogue and ``<out>.truth.json``, and return the truth.

    Keys with the prefix ``observation.`` set the observation, the others are the system's own parameters. With
    ``errors`` the file has the columns that Gaia would measure, else Cartesian ones.
    """
    own = {k: v for k, v in overrides.items() if not k.startswith(OBSERVATION)}
    view = {k.removeprefix(OBSERVATION): v for k, v in overrides.items() if k.startswith(OBSERVATION)}
    system = mocks.system(name, own)
    model = settings.replace(ObservationModel(errors=errors), view)
    observed = observed_mock(system, np.random.default_rng(seed), stars, model, progress=progress)
    truth = observed.truth | {"scalars": true_scalars(system)}
    metadata = {
        "name": out.name.split(".")[0],
        "synthetic": True,
        "region": observed.region.to_json(),
        "frame": system.frame,
        "truth": truth,
        "provenance": {"mock": name, "stars": stars, "seed": seed, "overrides": dict(overrides)},
    }
    write_catalogue(out, _columns(observed.table, system), metadata)
    write_json(out.with_name(f"{out.name}.truth.json"), truth)
    return truth


def true_scalars(system: StationarySystem) -> dict[str, float]:
    """The scalars of the true potential, averaged as those of a fit are."""
    config = preset("quick", {"potential.frame": system.frame})
    volumes = averaging_volumes(config, system.region)
    values = {key: float(v[0]) for key, v in scalar_values(OneMember(system), volumes, config).items()}
    return values if system.pattern_speed is None else values | {"pattern_speed": system.pattern_speed}


def _columns(table: Mapping[str, np.ndarray], system: StationarySystem) -> dict[str, np.ndarray]:
    """Phase space in single precision; that of test particles rounded, which halves the file and hides no structure."""
    columns = dict(table)
    if "x" in columns:
        w = np.stack([columns[c] for c in COLUMNS], 1)
        w = w if system.has_exact_df else rounded(w)
        columns |= {c: w[:, i].astype(np.float32) for i, c in enumerate(COLUMNS)}
    return columns
