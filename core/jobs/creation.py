"""A new fit: from a catalogue, a configuration and a region to a run directory that is ready to be run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import settings
from core.catalog.catalogue import Catalogue
from core.config import Config, preset
from core.errors import RegionError
from core.flow.halves import shortage
from core.jobs.graph import plan
from core.phase_space.region import Everything, Region
from core.runs.manifest import CatalogueReference, Manifest, now
from core.runs.registry import Run, create_run, new_run_id


def fit_config(
    catalogue: Catalogue,
    preset_name: str,
    *,
    toml: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    frame: str | None = None,
) -> Config:
    """The configuration of a fit: preset, the catalogue's own frame, a TOML document, single settings."""
    config = preset(preset_name, {"potential.frame": catalogue.frame})
    if toml is not None:
        config = settings.from_toml(config, toml)
    if frame is not None:
        config = settings.replace(config, {"potential.frame": frame})
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

    Raises RegionError where the volume is unbounded or has too few stars for the members of the ensemble.
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
        tasks=plan(config, stars),
        parent=parent,
    )
    return create_run(root, manifest, command)
