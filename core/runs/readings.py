"""What pages and reports read off a finished run alike: slices and profiles of its potentials beside the truth."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from core import mocks
from core.catalog.catalogue import Catalogue
from core.config import Config
from core.diagnostics import pattern_speed_profile
from core.diagnostics.pattern_speed_profile import PatternSpeedProfile
from core.diagnostics.profiles import Profile, galactic_profiles
from core.diagnostics.reliability import Reliability
from core.diagnostics.scalars import ScalarDraws, scalar_draws, trusted_shell
from core.diagnostics.slices import Slicer
from core.diagnostics.steadiness import Steadiness, from_json
from core.errors import CorruptArtifactError
from core.phase_space.region import Region
from core.pipelines import BARYONS, NULL, POTENTIAL_SEED, SOLAR_POSITION, TITLES, UNCERTAINTIES
from core.runs.artifacts import read_json
from core.runs.products import (
    SPEED_PROFILE,
    STEADINESS,
    potentials_path,
    read_region,
    solar_positions,
    stored_flows,
)
from core.runs.products import left_out as draws_left_out
from core.runs.registry import Run

Made = TypeVar("Made")


def measured_pipelines(run: Run) -> list[str]:
    """The pipelines whose potentials the run has, but for the null test: its stars were turned about."""
    return [name for name in TITLES if name != NULL and potentials_path(run.products, name).is_file()]


def slicer(run: Run, catalogue: Catalogue) -> Slicer:
    """What evaluates slices of a run's best fit; UnknownRunError where it has no potentials yet."""
    config, region = run.manifest.config, run.flow.region
    return Slicer(
        potential=run.potential,
        truth=mocks.from_truth(catalogue.truth) if catalogue.truth else None,
        sun=config.solar,
        region=region.spatial_part(),
        trusted=trusted_shell(config, region) & region.spatial_part(),
    )


def scalars_within(run: Run, catalogue: Catalogue, config: Config, region: Region) -> list[ScalarDraws]:
    """The scalars of a run in every pipeline that it has, averaged as ``config`` says within ``region``."""
    pipelines = measured_pipelines(run)
    system = mocks.from_truth(catalogue.truth) if catalogue.truth else None
    return scalar_draws(
        {name: run.potentials(name) for name in pipelines},
        config,
        region,
        suns={name: solar_positions(run.products, name) for name in pipelines},
        truth=system,
        true_pattern_speed=system.pattern_speed if system else None,
    )


def common_pipelines(run: Run, other: Run) -> frozenset[str]:
    """The uncertainties whose draws are of the same unknowns in both runs, in the same order."""
    common = set()
    if all(SOLAR_POSITION in measured_pipelines(r) for r in (run, other)):
        suns = [solar_positions(r.products, SOLAR_POSITION) for r in (run, other)]
        if suns[0] == suns[1]:
            common.add(SOLAR_POSITION)
    ours, theirs = run.manifest.config.scalars, other.manifest.config.scalars
    if (ours.baryon_density, ours.baryon_error) == (theirs.baryon_density, theirs.baryon_error):
        common.add(BARYONS)
    return frozenset(common)


def left_out(run: Run, kind: str, pipeline: str) -> dict[str, str]:
    """What a kind of task of a pipeline could not make or may not use, and why, as far as it is known by now."""
    if kind == "flows":
        flows = stored_flows(run.products, pipeline)
        return {f"flow {flow.number}": flow.reason for flow in flows if flow.reason is not None}
    if kind == "potentials" and potentials_path(run.products, pipeline).is_file():
        return {f"draw {draw}": reason for draw, reason in draws_left_out(run.products, pipeline).items()}
    return {}


def steadiness(run: Run) -> Steadiness | None:
    """How far the f of a run is from stationary; None where it is not known.

    CorruptArtifactError where the file is damaged.
    """
    return _optional(run, STEADINESS, from_json)


def speed_profile(run: Run) -> PatternSpeedProfile | None:
    """L(Ω_p) of a run; None where it is not known. CorruptArtifactError where the file is damaged."""
    return _optional(run, SPEED_PROFILE, pattern_speed_profile.from_json)


def _optional(run: Run, product: str, made: Callable[[Mapping[str, Any]], Made]) -> Made | None:
    if not run.has(product):
        return None
    path = run.products / product
    try:
        return made(read_json(path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptArtifactError(f"{path} is damaged: {error!r}") from error


def reliability(run: Run, region: Region | None = None) -> Reliability:
    """What judges places of a run's best fit in its ``region``; UnknownRunError where it has no potentials yet."""
    others = [p for p in UNCERTAINTIES if p != POTENTIAL_SEED and potentials_path(run.products, p).is_file()]
    return Reliability(
        ensembles={POTENTIAL_SEED: run.potential} | {name: run.potentials(name) for name in others},
        sun=run.manifest.config.solar,
        region=region or read_region(run.products).spatial_part(),
        steadiness=steadiness(run),
    )


def profiles(run: Run, catalogue: Catalogue) -> tuple[Profile, ...]:
    """The profiles of a run in every pipeline that it has; none in an inertial frame, which knows no plane."""
    if run.manifest.config.potential.frame != "rotating":
        return ()
    of = slicer(run, catalogue)
    return galactic_profiles(
        {name: run.potentials(name) for name in measured_pipelines(run)},
        truth=of.truth,
        sun=of.sun,
        region=of.region,
        trusted=of.trusted,
        synthetic=run.manifest.catalogue.synthetic,
    )
