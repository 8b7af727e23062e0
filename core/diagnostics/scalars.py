"""Scalars of a potential, each with a named averaging volume, and their draws over the ensembles (PHYSICS 4).

A density near 0.086 Msun/pc³ is a midplane value; its mean over the shell is about half of that. Both are reported,
and each names its volume.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri

from core.array_types import MemberAcceleration, MemberPotential, PerStar, Positions
from core.config import Config
from core.errors import CorruptArtifactError
from core.phase_space.region import Region, Shell
from core.phase_space.solar_position import SolarPosition
from core.pipelines import BARYONS, POTENTIAL_SEED, UNCERTAINTIES
from core.potential.fields import Field, PotentialEnsemble, circular_velocity
from core.units import GEV_CM3_PER_MSUN_PC3

_POINTS = 4096
_ARC = 33
_COLUMN = 81


@dataclass(frozen=True)
class ScalarDraws:
    """A scalar with its draws in every uncertainty pipeline; ``best`` is the median over the potential seeds."""

    name: str
    label: str
    unit: str
    volume: str
    best: float
    pipelines: Mapping[str, PerStar]
    truth: float | None = None

    def interval(self, pipeline: str) -> tuple[float, float, float]:
        """16th percentile, median and 84th percentile of a pipeline's draws."""
        low, median, high = np.percentile(self.pipelines[pipeline], [16, 50, 84])
        return float(low), float(median), float(high)

    @property
    def errors(self) -> dict[str, float]:
        """Half of the 16–84 % range in every pipeline that measures an uncertainty."""
        found = {}
        for name in UNCERTAINTIES:
            if len(self.pipelines.get(name, ())) > 1:
                low, _, high = self.interval(name)
                found[name] = (high - low) / 2
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
        if self.name != "dark_matter_density":
            return {}
        error = None if self.error is None else self.error * GEV_CM3_PER_MSUN_PC3
        return {"gev_per_cm3": {"best": self.best * GEV_CM3_PER_MSUN_PC3, "error": error}}


def from_json(name: str, entry: Mapping[str, Any]) -> ScalarDraws:
    """The scalar that ``to_json`` wrote; CorruptArtifactError where the entry is not whole."""
    try:
        draws = {pipeline: np.array(p["draws"], float) for pipeline, p in entry["pipelines"].items()}
        words = entry["label"], entry["unit"], entry["volume"]
        return ScalarDraws(name, *words, entry["best"], draws, entry.get("truth"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CorruptArtifactError(f"the scalar {name} is damaged: {error!r}") from error


@dataclass(frozen=True)
class AveragingVolumes:
    """The places at which scalars are evaluated: fixed points, the same for every member and for the truth."""

    shell: Float[np.ndarray, "n 3"]
    slab: Bool[np.ndarray, "n"]
    arc: Float[np.ndarray, "a 3"]
    column: Float[np.ndarray, "c 3"]
    height: float
    words: Mapping[str, str]

    @property
    def has_plane(self) -> bool:
        """Whether the volume holds the Sun's column and midplane arc, as a disc's does."""
        return len(self.arc) > 0


def trusted_shell(config: Config, region: Region) -> Shell:
    """The shell about the Sun between the hole without data and the edge; smaller regions have smaller shells."""
    ball = region.spatial_part().bounding_ball()
    outer = min(config.scalars.outer, 0.8 * ball[1]) if ball else config.scalars.outer
    return Shell(outer, min(config.scalars.inner, outer / 2))


def averaging_volumes(config: Config, region: Region) -> AveragingVolumes:
    """The volumes of a configuration, confined to the fitted region."""
    sun, s = config.solar, config.scalars
    trusted = trusted_shell(config, region)
    shell = _inside(trusted & region.spatial_part(), trusted.outer, sun)
    height = min(s.height, trusted.outer)
    disc = config.potential.frame == "rotating"
    arc = _arc(trusted, sun) if disc else np.zeros((0, 3))
    column = _column(height, sun) if disc else np.zeros((0, 3))
    # An extrapolated column would be no measurement: where the region does not hold it, it is left out.
    if len(arc) and not (_holds(region, arc, sun) and _holds(region, column, sun)):
        arc, column = arc[:0], column[:0]
    heights = sun.galactocentric_position(shell)[:, 2] if disc else shell[:, 2]
    words = _words(trusted, region, s.slab, height)
    return AveragingVolumes(shell, np.abs(heights) < s.slab, arc, column, height, words)


def _words(trusted: Shell, region: Region, slab: float, height: float) -> dict[str, str]:
    whole = isinstance(region, Shell) and region.centre == trusted.centre and region.inner == 0
    shell = str(trusted) if whole else f"{trusted}, {region.spatial_part()}"
    return {
        "shell": shell,
        "slab": f"|Z| < {slab:g} kpc in {shell}",
        "arc": f"midplane at R0, {trusted.inner:g} to {trusted.outer:g} kpc either side of the Sun",
        "column": f"at the Sun's place, |Z| < {height:g} kpc",
        "face": f"at the Sun's place, |Z| = {height:g} kpc, mean of north and south",
    }


def _holds(region: Region, x: Positions, sun: SolarPosition) -> bool:
    return bool(np.mean(region.contains_positions(x, sun)) > 0.9)


def _inside(region: Region, outer: float, sun: SolarPosition) -> Positions:
    """Points uniform in the region; they are the same for every member, so their noise is not in the draws.

    Every point comes with its mirror image about the Sun, so that what is odd there averages to zero.
    """
    rng = np.random.default_rng(20)
    kept = np.zeros((0, 3))
    for _ in range(64):
        direction = rng.normal(size=(2 * _POINTS, 3))
        radius = outer * rng.random(2 * _POINTS) ** (1 / 3)
        half = direction / np.linalg.norm(direction, axis=1)[:, None] * radius[:, None]
        x = np.stack([half, -half], 1).reshape(-1, 3)
        kept = np.concatenate([kept, x[region.contains_positions(x, sun)]])
        if len(kept) >= _POINTS:
            break
    return kept[:_POINTS]


def _arc(trusted: Shell, sun: SolarPosition) -> Positions:
    """Midplane points at the Sun's cylindrical radius, along the circle on either side within the trusted shell."""
    length = np.linspace(trusted.inner, trusted.outer, _ARC // 2 + 1)
    angle = np.concatenate([-length[::-1], length]) / sun.R0
    X = np.stack([-sun.R0 * np.cos(angle), sun.R0 * np.sin(angle), np.zeros_like(angle)], 1)
    return X @ sun.axes + sun.centre


def _column(height: float, sun: SolarPosition) -> Positions:
    """Points from the south to the north face of the Sun's column, equally spaced."""
    z = np.linspace(-height, height, _COLUMN)
    X = np.stack([np.full_like(z, -sun.R0), np.zeros_like(z), z], 1)
    return X @ sun.axes + sun.centre


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
    Quantity("density_midplane", "ρ(R0, Z = 0)", "Msun/pc³", "arc"),
    Quantity("density_slab", "⟨ρ⟩ slab", "Msun/pc³", "slab"),
    Quantity("density_shell", "⟨ρ⟩ shell", "Msun/pc³", "shell"),
    Quantity("circular_velocity", "vc(R0)", "km/s", "arc"),
    Quantity("surface_density", "Σ", "Msun/pc²", "column"),
    Quantity("vertical_force", "Kz", "(km/s)²/kpc", "face"),
    Quantity("dark_matter_density", "ρDM", "Msun/pc³", "arc"),
    Quantity("negative_density_fraction", "fraction with ρ < 0", "", "shell"),
)
"""All scalars, in the order in which they are shown."""


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
    """Every scalar but the pattern speed, for each member; those whose volume lies outside the region are absent."""
    sun = config.solar
    values: dict[str, np.ndarray] = {}
    if len(volumes.shell):
        mean = (field.acceleration(volumes.shell) @ sun.axes.T).mean(1)
        values |= {f"acceleration_{axis}": mean[:, i] for i, axis in enumerate("xyz")}
        density = field.density(volumes.shell)
        values["density_shell"] = density.mean(1)
        values["negative_density_fraction"] = (density < 0).mean(1)
        if volumes.has_plane and volumes.slab.any():
            values["density_slab"] = density[:, volumes.slab].mean(1)
    if volumes.has_plane:
        midplane = field.density(volumes.arc).mean(1)
        values["density_midplane"] = midplane
        values["dark_matter_density"] = midplane - config.scalars.baryon_density
        speeds = [circular_velocity(a, volumes.arc, sun) for a in field.acceleration(volumes.arc)]
        values["circular_velocity"] = np.sqrt(np.nanmean(np.square(speeds), 1))
        spacing = 2 * volumes.height / (len(volumes.column) - 1)
        values["surface_density"] = np.trapezoid(field.density(volumes.column), dx=1e3 * spacing, axis=1)
        faces = field.acceleration(volumes.column[[0, -1]]) @ sun.axes[2]
        values["vertical_force"] = (faces[:, 0] - faces[:, 1]) / 2
    return values


def scalar_draws(
    pipelines: Mapping[str, PotentialEnsemble],
    config: Config,
    region: Region,
    *,
    suns: Mapping[str, Sequence[SolarPosition]] | None = None,
    truth: Field | None = None,
    true_pattern_speed: float | None = None,
) -> list[ScalarDraws]:
    """All scalars with their draws: one per potential of each pipeline; "potential_seed" gives the best estimate.

    ``suns`` holds the solar position of every potential of the pipelines that vary it: R0, the midplane and the
    directions of the components move with it.
    """
    volumes = averaging_volumes(config, region)
    draws = {}
    for name, potentials in pipelines.items():
        varied = (suns or {}).get(name)
        values = _as_seen(potentials, varied, config, region) if varied else scalar_values(potentials, volumes, config)
        draws[name] = _with_speed(values, potentials)
    true = {} if truth is None else scalar_values(OneMember(truth), volumes, config)
    if true and true_pattern_speed is not None:
        true["pattern_speed"] = np.array([true_pattern_speed])
    best = {name: float(np.median(values)) for name, values in draws[POTENTIAL_SEED].items()}
    if "dark_matter_density" in best:
        draws[BARYONS] = {"dark_matter_density": best["dark_matter_density"] - _baryon_errors(config)}
    return [
        ScalarDraws(
            name=q.name,
            label=q.label,
            unit=q.unit,
            volume=volumes.words[q.volume],
            best=best[q.name],
            pipelines={pipeline: values[q.name] for pipeline, values in draws.items() if q.name in values},
            truth=float(true[q.name][0]) if q.name in true else None,
        )
        for q in QUANTITIES
        if q.name in best
    ]


def _as_seen(
    potentials: PotentialEnsemble, suns: Sequence[SolarPosition], config: Config, region: Region
) -> dict[str, np.ndarray]:
    """Every scalar of each potential in the volumes of its own solar position."""
    rows = []
    for i, sun in enumerate(suns):
        seen = replace(config, solar=sun)
        rows.append(scalar_values(potentials.take(slice(i, i + 1)), averaging_volumes(seen, region), seen))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0] if all(name in row for row in rows)}


def _baryon_errors(config: Config) -> PerStar:
    """Draws of the error of the baryons' density [Msun/pc³]: equally probable values of a Gaussian."""
    return config.scalars.baryon_error * ndtri((np.arange(101) + 0.5) / 101)


def _with_speed(values: dict[str, np.ndarray], potentials: PotentialEnsemble) -> dict[str, np.ndarray]:
    if potentials.pattern_speed is not None:
        values["pattern_speed"] = potentials.pattern_speed
    return values
