"""Scalars of a potential, each with a named averaging volume, and their draws over the ensembles (PHYSICS 4).

A density near 0.086 Msun/pc³ is a midplane value; its mean over the shell is about half of that. Both are reported,
and each names its volume (:mod:`core.diagnostics.volumes`). What is left of a mean for the dark matter is the mean less
that of the baryons over the same volume.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from core.array_types import MemberAcceleration, MemberPotential, Positions
from core.config import Config
from core.diagnostics.quantities import DRIFT, dark_matter_name, quantities
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.volumes import AveragingVolumes, OwnVolume, averaging_volumes
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition
from core.pipelines import BARYONS, POTENTIAL_SEED
from core.potential.fields import Field, PotentialEnsemble, circular_velocity


@runtime_checkable
class MemberField(Protocol):
    """A field of several members: PotentialEnsemble, or a truth as an ensemble of one."""

    def acceleration(self, x: Positions) -> MemberAcceleration:
        """-∇Φ [(km/s)²/kpc] of every member."""

    def density(self, x: Positions) -> MemberPotential:
        """ρ [Msun/pc³] of every member."""


@dataclass(frozen=True)
class OneMember:
    """A single field as an ensemble of one."""

    field: Field

    def acceleration(self, x: Positions) -> MemberAcceleration:
        """-∇Φ [(km/s)²/kpc]."""
        return self.field.acceleration(x)[None]

    def density(self, x: Positions) -> MemberPotential:
        """ρ [Msun/pc³]."""
        return self.field.density(x)[None]


def scalar_values(field: MemberField, volumes: AveragingVolumes, config: Config) -> dict[str, Float[np.ndarray, "k"]]:
    """Every scalar but the frame's motion, for each member; those whose volume lies outside the region are absent."""
    sun = config.solar
    values: dict[str, np.ndarray] = {}
    if len(volumes.shell):
        values |= _mean_acceleration(field, volumes.shell, sun)
        density = field.density(volumes.shell)
        values["density_shell"] = density.mean(1)
        values["negative_density_fraction"] = (density < 0).mean(1)
        if volumes.has_plane and volumes.slab.any():
            values["density_slab"] = density[:, volumes.slab].mean(1)
    if volumes.has_plane:
        midplane = field.density(volumes.arc).mean(1)
        values["density_midplane"] = midplane
        speeds = [circular_velocity(a, volumes.arc, sun) for a in field.acceleration(volumes.arc)]
        values["circular_velocity"] = np.sqrt(np.nanmean(np.square(speeds), 1))
        spacing = 2 * volumes.height / (len(volumes.column) - 1)
        values["surface_density"] = np.trapezoid(field.density(volumes.column), dx=1e3 * spacing, axis=1)
        faces = field.acceleration(volumes.column[[0, -1]]) @ sun.axes[2]
        values["vertical_force"] = (faces[:, 0] - faces[:, 1]) / 2
    for name, x in volumes.own.items():
        values[f"density@{name}"] = field.density(x).mean(1)
        values |= {f"{key}@{name}": mean for key, mean in _mean_acceleration(field, x, sun).items()}
    return values | _dark_matter(values, volumes, config)


def _mean_acceleration(field: MemberField, x: Positions, sun: SolarPosition) -> dict[str, Float[np.ndarray, "k"]]:
    mean = (field.acceleration(x) @ sun.axes.T).mean(1)
    return {f"acceleration_{axis}": mean[:, i] for i, axis in enumerate("xyz")}


_MEAN_DENSITY = {"arc": "density_midplane", "slab": "density_slab", "shell": "density_shell"}


def _dark_matter(
    values: Mapping[str, Float[np.ndarray, "k"]], volumes: AveragingVolumes, config: Config
) -> dict[str, Float[np.ndarray, "k"]]:
    """Each mean density less that of the baryons over the same places, where their model reaches."""
    found = {}
    for volume, x in volumes.places().items() if volumes.in_disc else ():
        baryons = config.scalars.baryon_model.mean(x, config.solar)
        if np.isfinite(baryons):
            found[dark_matter_name(volume)] = values[_MEAN_DENSITY.get(volume, f"density@{volume}")] - baryons
    return found


def scalar_draws(
    pipelines: Mapping[str, PotentialEnsemble],
    config: Config,
    region: Region,
    *,
    suns: Mapping[str, Sequence[SolarPosition]] | None = None,
    truth: Field | None = None,
    true_pattern_speed: float | None = None,
    own: Sequence[OwnVolume] = (),
) -> list[ScalarDraws]:
    """All scalars with their draws: one per potential of each pipeline; "potential_seed" gives the best estimate.

    ``suns`` holds the solar position of every potential of the pipelines that vary it: R0, the midplane and the
    directions of the components move with it. The dark matter of a ``truth`` is its density less the same
    baryons: what a perfect fit would find.
    """
    volumes = averaging_volumes(config, region, own)
    draws = {}
    for name, potentials in pipelines.items():
        varied = (suns or {}).get(name)
        values = (
            _as_seen(potentials, varied, config, region, own) if varied else scalar_values(potentials, volumes, config)
        )
        draws[name] = _with_motion(values, potentials)
    true = {} if truth is None else scalar_values(OneMember(truth), volumes, config)
    if true and true_pattern_speed is not None:
        true["pattern_speed"] = np.array([true_pattern_speed])
    # The pattern of a mock is about a centre at rest.
    true |= {name: np.zeros(1) for name in DRIFT if true}
    best = {name: float(np.median(values)) for name, values in draws[POTENTIAL_SEED].items()}
    errors, subtracted = _baryons(best, volumes, config)
    draws[BARYONS] = {name: best[name] - deviations for name, deviations in errors.items()}
    return [
        ScalarDraws(
            name=q.name,
            label=q.label,
            unit=q.unit,
            volume=volumes.words[q.volume],
            best=best[q.name],
            pipelines={pipeline: values[q.name] for pipeline, values in draws.items() if q.name in values},
            truth=float(true[q.name][0]) if q.name in true else None,
            baryons=subtracted.get(q.name),
        )
        for q in quantities(volumes.own)
        if q.name in best
    ]


def _baryons(
    best: Iterable[str], volumes: AveragingVolumes, config: Config
) -> tuple[dict[str, Float[np.ndarray, "draws"]], dict[str, dict[str, Any]]]:
    """Draws of the error of what was subtracted for each density of the dark matter, and what that was."""
    model, sun = config.scalars.baryon_model, config.solar
    places = {dark_matter_name(volume): x for volume, x in volumes.places().items()}
    errors = {name: model.deviations(places[name], sun) for name in best if name in places}
    subtracted = {
        name: {
            "model": model.name,
            "source": model.source,
            "density": model.mean(places[name], sun),
            "error": float(np.std(deviations)),
        }
        for name, deviations in errors.items()
    }
    return errors, subtracted


def _as_seen(
    potentials: PotentialEnsemble,
    suns: Sequence[SolarPosition],
    config: Config,
    region: Region,
    own: Sequence[OwnVolume],
) -> dict[str, np.ndarray]:
    """Every scalar of each potential in the volumes of its own solar position."""
    rows = []
    for i, sun in enumerate(suns):
        seen = replace(config, solar=sun)
        rows.append(scalar_values(potentials.take(slice(i, i + 1)), averaging_volumes(seen, region, own), seen))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0] if all(name in row for row in rows)}


def _with_motion(values: dict[str, np.ndarray], potentials: PotentialEnsemble) -> dict[str, np.ndarray]:
    if potentials.pattern_speed is not None:
        values["pattern_speed"] = potentials.pattern_speed
    if potentials.drift is not None:
        values |= dict(zip(DRIFT, potentials.drift.T, strict=True))
    return values
