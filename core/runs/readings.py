"""What tasks, pages and reports read off a run alike: scalars, slices and profiles of its potentials, and the truth."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from core import mocks
from core.baryons.literature import MCKEE
from core.baryons.model import BaryonModel
from core.catalog.catalogue import Catalogue
from core.config import Config
from core.diagnostics import pattern_speed_profile, volumes
from core.diagnostics.averaging import Averaging
from core.diagnostics.averaging_trust import averaging_trust
from core.diagnostics.budget import correlations
from core.diagnostics.pattern_speed_profile import PatternSpeedProfile
from core.diagnostics.profiles import Profile, galactic_profiles
from core.diagnostics.quantities import DRIFT
from core.diagnostics.reliability import Reliability
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.scalars import scalar_draws
from core.diagnostics.slices import Slicer
from core.diagnostics.stationarity import DriftVerdict, PatternSpeedVerdict, median_share
from core.diagnostics.steadiness import Steadiness, from_json
from core.diagnostics.volumes import Outlines, OwnVolume, trusted_shell
from core.errors import CorruptArtifactError
from core.phase_space.region import Region
from core.pipelines import BARYONS, NULL, POTENTIAL_SEED, SOLAR_POSITION, TITLES, UNCERTAINTIES
from core.runs import products
from core.runs.products import SPEED_PROFILE, STEADINESS, potentials_path, solar_positions, stored_flows
from core.runs.products import left_out as draws_left_out
from core.runs.registry import Run
from core.runs.seals import read_product

Made = TypeVar("Made")


def measured_pipelines(run: Run) -> list[str]:
    """The pipelines whose potentials the run has, but for the null test: its stars were turned about."""
    return [name for name in TITLES if name != NULL and potentials_path(run.products, name).is_file()]


def slicer(run: Run, catalogue: Catalogue) -> Slicer:
    """What evaluates slices of a run's best fit; UnknownRunError where it has no potentials yet."""
    config, region = run.manifest.config, run.fitted_region
    return Slicer(
        potential=run.potential,
        truth=mocks.from_truth(catalogue.truth) if catalogue.truth else None,
        sun=config.solar,
        region=region.spatial_part(),
        trusted=trusted_shell(config, region) & region.spatial_part(),
        baryons=_baryons_with_heights(config) if config.potential.frame == "rotating" else None,
    )


def _baryons_with_heights(config: Config) -> BaryonModel:
    """The run's baryons; where these are one number for the midplane, those of McKee et al., which a slice can use."""
    own = config.scalars.baryon_model
    return own if own.has_heights else MCKEE


def scalars_within(
    run: Run, catalogue: Catalogue | None, config: Config, region: Region, own: Sequence[OwnVolume] = ()
) -> list[ScalarDraws]:
    """The scalars of a run in every pipeline that it has, averaged as ``config`` says within ``region``.

    Without the ``catalogue`` of a mock nothing is said of its truth; ``own`` are further volumes.
    """
    pipelines = measured_pipelines(run)
    system = mocks.from_truth(catalogue.truth) if catalogue is not None and catalogue.truth else None
    return scalar_draws(
        {name: run.potentials(name) for name in pipelines},
        config,
        region,
        suns={name: solar_positions(run.products, name) for name in pipelines},
        truth=system,
        true_pattern_speed=system.pattern_speed if system else None,
        own=own,
    )


def common_pipelines(run: Run, other: Run) -> frozenset[str]:
    """The uncertainties whose draws are of the same unknowns in both runs, in the same order."""
    common = set()
    if all(SOLAR_POSITION in measured_pipelines(r) for r in (run, other)):
        suns = [solar_positions(r.products, SOLAR_POSITION) for r in (run, other)]
        if suns[0] == suns[1]:
            common.add(SOLAR_POSITION)
    ours, theirs = run.manifest.config.scalars, other.manifest.config.scalars
    if ours.baryon_model == theirs.baryon_model:
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


def scalars(run: Run, catalogue: Catalogue | None, averaging: Averaging | None = None) -> dict[str, Any]:
    """The scalars of every pipeline as ``scalars.json`` has them, with the truth where the stars are a mock's.

    What may be said of them follows from the stationarity and L(Ω_p) that the run holds. ``averaging`` says what
    differs from the run; its entries are marked ``reaveraged``. Nothing is written.
    """
    config, region = run.manifest.config, run.fitted_region
    if averaging is not None:
        config = averaging.config(config, region)
    own = averaging.own if averaging is not None else ()
    found = scalars_within(run, catalogue, config, region, own)
    relations = correlations(found)
    document: dict[str, Any] = {s.name: s.to_json() | {"correlations": relations[s.name]} for s in found}
    trust = averaging_trust(reliability(run), volumes.averaging_volumes(config, region, own))
    for name in document.keys() & trust.keys():
        document[name] |= trust[name]
    if speed := document.get("pattern_speed"):
        speed |= _verdict(run, speed["best"], speed["error"]).to_json()
    if config.potential.frees_drift:
        for name, verdict in zip(DRIFT, _drift_verdicts(run), strict=True):
            document[name] |= verdict.to_json()
    mark = {} if averaging is None or averaging.is_of_run else {"reaveraged": True}
    return {name: entry | mark for name, entry in document.items()}


def outlines(run: Run, averaging: Averaging) -> Outlines:
    """What a sketch of the volumes shows that a run's scalars are averaged over."""
    region = run.fitted_region
    return volumes.outlines(averaging.config(run.manifest.config, region), region, averaging.own)


def _verdict(run: Run, best: float, error: float | None) -> PatternSpeedVerdict:
    _, members, speed = products.read_members(run.products, POTENTIAL_SEED)
    null: tuple[float, ...] = ()
    if potentials_path(run.products, NULL).is_file():
        draws = run.potentials(NULL).pattern_speed
        null = tuple(draws.tolist()) if draws is not None else ()
    share, profile = median_share([m.noise_share for m in members]), speed_profile(run)
    null_share = None if profile is None else profile.null_share
    drifting = run.manifest.config.potential.frees_drift
    return PatternSpeedVerdict(share, speed, null, null_share, best, error, drifting)


def _drift_verdicts(run: Run) -> list[DriftVerdict]:
    """On each component of a fitted drift, from the median noise share of the members."""
    _, members, _ = products.read_members(run.products, POTENTIAL_SEED)
    shares = [m.drift_noise_share or (None,) * len(DRIFT) for m in members]
    return [DriftVerdict(median_share(of_axis)) for of_axis in zip(*shares, strict=True)]


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
        return made(read_product(path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptArtifactError(f"{path} is damaged: {error!r}") from error


def reliability(run: Run, region: Region | None = None) -> Reliability:
    """What judges places of a run's best fit in its ``region``; UnknownRunError where it has no potentials yet."""
    others = [p for p in UNCERTAINTIES if p != POTENTIAL_SEED and potentials_path(run.products, p).is_file()]
    return Reliability(
        ensembles={POTENTIAL_SEED: run.potential} | {name: run.potentials(name) for name in others},
        sun=run.manifest.config.solar,
        region=region or run.fitted_region.spatial_part(),
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
