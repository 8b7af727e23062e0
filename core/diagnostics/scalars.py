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

from core.array_types import MemberAcceleration, MemberPotential, PerStar, Positions
from core.config import Config
from core.diagnostics.volumes import AveragingVolumes, OwnVolume, averaging_volumes
from core.errors import CorruptArtifactError
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition
from core.pipelines import BARYONS, POTENTIAL_SEED, RESAMPLED, UNCERTAINTIES
from core.potential.fields import Field, PotentialEnsemble, circular_velocity
from core.units import GEV_CM3_PER_MSUN_PC3


@dataclass(frozen=True)
class ScalarDraws:
    """A scalar with its draws in every uncertainty pipeline; ``best`` is the median over the potential seeds.

    Of the dark matter, ``baryons`` says what was subtracted: model, source, density and error [Msun/pc³].
    """

    name: str
    label: str
    unit: str
    volume: str
    best: float
    pipelines: Mapping[str, PerStar]
    truth: float | None = None
    baryons: Mapping[str, Any] | None = None

    def interval(self, pipeline: str) -> tuple[float, float, float]:
        """16th percentile, median and 84th percentile of a pipeline's draws."""
        low, median, high = np.percentile(self.pipelines[pipeline], [16, 50, 84])
        return float(low), float(median), float(high)

    def shift(self, pipeline: str) -> float:
        """By how much the median of a pipeline's draws is off the best estimate.

        Draws of other stars are to the stars what these are to the Galaxy: what moves all of them alike, noise in the
        scores and the smoothness of the flows, has moved the best estimate as well.
        """
        return self.interval(pipeline)[1] - self.best

    @property
    def errors(self) -> dict[str, float]:
        """Half of the 16–84 % range in every pipeline that measures an uncertainty; with the shift if resampled."""
        found = {}
        for name in UNCERTAINTIES:
            if len(self.pipelines.get(name, ())) > 1:
                low, _, high = self.interval(name)
                found[name] = float(np.hypot((high - low) / 2, self.shift(name) if name in RESAMPLED else 0.0))
        return found

    @property
    def error(self) -> float | None:
        """All uncertainties together, in quadrature; None where no pipeline has two draws."""
        errors = self.errors
        return float(np.sqrt(sum(e**2 for e in errors.values()))) if errors else None

    def to_json(self) -> dict[str, Any]:
        """The entry of ``scalars.json`` (INTERFACES 3)."""
        pipelines = {}
        for name, draws in self.pipelines.items():
            low, median, high = self.interval(name)
            pipelines[name] = {"draws": [float(d) for d in draws], "median": median, "low": low, "high": high}
        return {
            "label": self.label,
            "unit": self.unit,
            "volume": self.volume,
            "best": self.best,
            "truth": self.truth,
            "error": self.error,
            "pipelines": pipelines,
        } | self._in_particle_units()

    def _in_particle_units(self) -> dict[str, Any]:
        """Best estimate and error of the dark matter as an energy density [GeV/cm³]."""
        if self.name.partition("@")[0] not in DARK_MATTER.values():
            return {}
        error = None if self.error is None else self.error * GEV_CM3_PER_MSUN_PC3
        found: dict[str, Any] = {"gev_per_cm3": {"best": self.best * GEV_CM3_PER_MSUN_PC3, "error": error}}
        return found if self.baryons is None else {**found, "baryons": dict(self.baryons)}


def from_json(name: str, entry: Mapping[str, Any]) -> ScalarDraws:
    """The scalar that ``to_json`` wrote; CorruptArtifactError where the entry is not whole."""
    try:
        draws = {pipeline: np.array(p["draws"], float) for pipeline, p in entry["pipelines"].items()}
        words = entry["label"], entry["unit"], entry["volume"]
        return ScalarDraws(name, *words, entry["best"], draws, entry.get("truth"), entry.get("baryons"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CorruptArtifactError(f"the scalar {name} is damaged: {error!r}") from error


@dataclass(frozen=True)
class Quantity:
    """A scalar's name, its label in a figure, its unit, and the key of its volume."""

    name: str
    label: str
    unit: str
    volume: str


QUANTITIES = (
    Quantity("acceleration_x", "ax", "(km/s)²/kpc", "shell"),
    Quantity("acceleration_y", "ay", "(km/s)²/kpc", "shell"),
    Quantity("acceleration_z", "az", "(km/s)²/kpc", "shell"),
    Quantity("pattern_speed", "Ωp", "km/s/kpc", "shell"),
    Quantity("drift_x", "ux", "km/s", "shell"),
    Quantity("drift_y", "uy", "km/s", "shell"),
    Quantity("drift_z", "uz", "km/s", "shell"),
    Quantity("density_midplane", "ρ(R0, Z = 0)", "Msun/pc³", "arc"),
    Quantity("density_slab", "⟨ρ⟩ slab", "Msun/pc³", "slab"),
    Quantity("density_shell", "⟨ρ⟩ shell", "Msun/pc³", "shell"),
    Quantity("circular_velocity", "vc(R0)", "km/s", "arc"),
    Quantity("surface_density", "Σ", "Msun/pc²", "column"),
    Quantity("vertical_force", "Kz", "(km/s)²/kpc", "face"),
    Quantity("dark_matter_density", "ρDM", "Msun/pc³", "arc"),
    Quantity("negative_density_fraction", "fraction with ρ < 0", "", "shell"),
)
"""The scalars of every run, in the order in which they are shown; the drift only where the frame has one."""

DRIFT = ("drift_x", "drift_y", "drift_z")
"""Components of the velocity of the frame, to the centre, with the rotation and to the north."""

LAYERED = (
    Quantity("dark_matter_slab", "ρDM slab", "Msun/pc³", "slab"),
    Quantity("dark_matter_shell", "ρDM shell", "Msun/pc³", "shell"),
)
"""What a model of the baryons with heights adds: the midplane says nothing of a volume."""

DARK_MATTER = {
    "arc": "dark_matter_density",
    "slab": "dark_matter_slab",
    "shell": "dark_matter_shell",
    "": "dark_matter",
}
"""The name of the dark matter's mean density by volume; that of a volume of one's own is followed by @ and its name."""


def own_quantities(name: str) -> tuple[Quantity, ...]:
    """What is averaged over a volume of one's own."""
    components = (Quantity(f"acceleration_{i}@{name}", f"a{i} {name}", "(km/s)²/kpc", name) for i in "xyz")
    return (
        Quantity(f"density@{name}", f"⟨ρ⟩ {name}", "Msun/pc³", name),
        Quantity(f"dark_matter@{name}", f"ρDM {name}", "Msun/pc³", name),
        *components,
    )


def quantities(own: Iterable[str] = ()) -> tuple[Quantity, ...]:
    """All that can be averaged, over the volumes of a run and those of one's own by name, in the order shown."""
    return (*QUANTITIES[:-1], *LAYERED, QUANTITIES[-1], *(q for name in own for q in own_quantities(name)))


def _dark(volume: str) -> str:
    return DARK_MATTER.get(volume) or f"{DARK_MATTER['']}@{volume}"


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
            found[_dark(volume)] = values[_MEAN_DENSITY.get(volume, f"density@{volume}")] - baryons
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
    places = {_dark(volume): x for volume, x in volumes.places().items()}
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
