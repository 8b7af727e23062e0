"""A new fit: from a catalogue, a configuration and a region to a run directory that is ready to be run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core import settings
from core.array_types import PerStar, PhaseSpace
from core.catalog.catalogue import Catalogue
from core.catalog.quantities import CARTESIAN
from core.catalog.resampling import lacking_errors
from core.config import FEWEST_STARS, Config, preset
from core.errors import InputError, RegionError
from core.flow.halves import shortage
from core.jobs.graph import plan
from core.jobs.machine import this_machine
from core.phase_space.inscribed_ball import inscribed_ball
from core.phase_space.region import Everything, Region
from core.phase_space.sample import PhaseSpaceSample
from core.runs.manifest import CatalogueReference, Manifest, now
from core.runs.registry import Run, create_run, new_run_id


def fit_config(
    catalogue: Catalogue,
    preset_name: str,
    *,
    toml: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    frame: str | None = None,
    mode: str | None = None,
) -> Config:
    """The configuration of a fit: preset, the catalogue's own frame, a TOML document, single settings.

    ``frame`` and ``mode`` stand for ``potential.frame`` and ``flow.mode``.
    """
    config = preset(preset_name, {"potential.frame": catalogue.frame})
    if toml is not None:
        config = settings.from_toml(config, toml)
    named = {"potential.frame": frame, "flow.mode": mode}
    config = settings.replace(config, {key: value for key, value in named.items() if value is not None})
    return settings.replace(config, overrides or {})


def create_fit(
    catalogue: Catalogue,
    config: Config,
    *,
    root: Path,
    preset_name: str,
    region: Region | None = None,
    name: str | None = None,
    parent: str | None = None,
    command: Sequence[str] = (),
) -> Run:
    """A run directory for a fit of the stars of ``catalogue`` inside ``region``.

    Raises RegionError where the volume is unbounded or has too few stars for the members of the ensemble, InputError
    where the stars have no spread in a coordinate, are the same ones over and over, or have weights of zero or less.
    """
    region = region or Everything()
    volume = catalogue.region & region
    if volume.spatial_part().bounding_ball() is None:
        raise RegionError(
            f"the stars of {catalogue.name!r} have no bounded volume, which the density of stars needs",
            remedy="Give one, for example --region 'r < 1'.",
        )
    sample = catalogue.sample(region, config.solar)
    stars, lacking = len(sample), shortage(len(sample), sample.group, config.flow)
    if lacking:
        raise RegionError(f"{stars:,} stars are inside {volume}, too few: {lacking.reason}", remedy=lacking.remedy)
    _refuse_scarce_draws(stars, config)
    _refuse_degenerate(sample.w, catalogue.name)
    _refuse_weights(sample.weight, catalogue.name)
    title = name or (catalogue.name if isinstance(region, Everything) else f"{catalogue.name} subset")
    manifest = Manifest(
        id=new_run_id(),
        name=title,
        created=now(),
        catalogue=CatalogueReference(catalogue.id, catalogue.name, len(catalogue), catalogue.synthetic),
        region=region,
        stars=stars,
        config=config,
        preset=preset_name,
        tasks=plan(
            config,
            stars,
            measured=lacking_errors(catalogue.units) is None,
            preview=_has_tapered_ball(sample, config),
            accelerated=this_machine().accelerated,
        ),
        parent=parent,
    )
    return create_run(root, manifest, command)


def _refuse_scarce_draws(stars: int, config: Config) -> None:
    """A bootstrap holds 63 % of the stars."""
    if config.pipelines.bootstrap_members and (lacking := shortage(int(0.6 * stars), None, config.flow)):
        raise RegionError(
            f"{stars:,} stars are too few for the bootstrap, which draws 63 % of them: {lacking.reason}",
            remedy="Choose a larger region, or leave it out with pipelines.bootstrap_members=0.",
        )


def _has_tapered_ball(sample: PhaseSpaceSample, config: Config) -> bool:
    """Whether a ball inside the volume holds enough stars for the weak form."""
    ball = inscribed_ball(sample.region, config.solar)
    if ball is None:
        return False
    held = np.linalg.norm(sample.w[:, :3] - np.asarray(ball[0]), axis=1) < ball[1]
    return int(held.sum()) >= FEWEST_STARS


def _refuse_degenerate(w: PhaseSpace, catalogue: str) -> None:
    """No density can be learned of stars on a sheet, or of copies: half of the copies would judge the other half."""
    for name, values in zip(CARTESIAN, np.asarray(w).T, strict=True):
        if np.ptp(values) == 0:
            raise InputError(
                f"all stars have the same value, {values[0]:g}",
                file=catalogue,
                column=name,
                remedy="Give all six coordinates: a fit needs full phase space.",
            )
    rows = np.ascontiguousarray(w)
    copies = len(rows) - len(np.unique(rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))))
    if copies > _MOST_COPIES * len(rows):
        raise InputError(
            f"{copies:,} of {len(rows):,} stars are copies of others",
            file=catalogue,
            remedy="Keep one row of each star, for example by its source_id, and ingest the catalogue again.",
        )


def _refuse_weights(weight: PerStar | None, catalogue: str) -> None:
    """A weight says for how many stars one stands: it is positive."""
    if weight is None:
        return
    wrong = np.flatnonzero(~(np.isfinite(weight) & (weight > 0)))
    if len(wrong):
        raise InputError(
            f"{len(wrong):,} of {len(weight):,} weights are not positive, the first {weight[wrong[0]]:g}",
            file=catalogue,
            column="selection_weight",
            remedy="Cut such stars in the recipe, or give each the inverse of its probability to be selected.",
        )


_MOST_COPIES = 0.01
"""Share of the stars; below it a few rows that coincide by rounding or by a join do no harm."""
