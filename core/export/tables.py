"""A fit tabulated on a Cartesian grid about the Sun, with masks, spreads and the measured interpolation error.

A grid for reading holds the best estimate: the median over members, quantity by quantity (PHYSICS 4). No potential has
the median acceleration for its gradient, though, and an orbit in it would not keep its energy. So a table for
orbits holds the mean over the members instead, where -∇Φ is the acceleration and ∇²Φ/4πG the density; how far that is
from the best estimate is measured and written beside it.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from core import ensemble, settings
from core.array_types import Positions
from core.diagnostics.reliability import DENSITY, FORCE, WORDS
from core.diagnostics.volumes import trusted_shell
from core.errors import InputError
from core.export.interpolation import Axes, local_cubic, spline, spline_acceleration
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition
from core.potential.fields import PotentialEnsemble
from core.runs import readings
from core.runs.products import potentials_path
from core.runs.registry import Run

UNITS: Mapping[str, str] = {
    "potential": "km2 s-2",
    "acceleration_x": "km2 s-2 kpc-1",
    "acceleration_y": "km2 s-2 kpc-1",
    "acceleration_z": "km2 s-2 kpc-1",
    "density": "solMass pc-3",
}
"""Quantities of a table and their units, as FITS writes them."""

ACCELERATION = ("acceleration_x", "acceleration_y", "acceleration_z")
MEDIAN, MEAN = "median over members", "mean over members"

_NODES = 20
"""Nodes between the centre and the edge of the volume, in the plane; across a disc there are twice as many."""

_MOST_NODES = 4_000_000
_CHECKS = 4000

Table = Float[np.ndarray, "nx ny nz"]


@dataclass(frozen=True)
class Tables:
    """Fields at the nodes of ``axes`` [kpc], heliocentric; components of vectors are along the same axes.

    ``fields`` are keyed by the names of ``UNITS``, ``spreads`` by pipeline and name: half the 16–84 % range over the
    members. ``inside`` is the fitted region, ``trusted`` what of it lies in the trusted shell. ``reliability`` is of
    force and density: 0 outside, 1 do not use, 2 use with care, 3 reliable. Φ is zero at the origin.
    """

    axes: Axes
    fields: Mapping[str, Table]
    spreads: Mapping[tuple[str, str], Table]
    inside: Bool[np.ndarray, "nx ny nz"]
    trusted: Bool[np.ndarray, "nx ny nz"]
    metadata: Mapping[str, Any]
    reliability: Mapping[str, UInt8[np.ndarray, "nx ny nz"]] = field(default_factory=dict)


def tabulate_best(run: Run, spacing: float | None = None) -> Tables:
    """The best estimate and its spreads; not a number outside the region, so that nobody takes them for a fit.

    ``spacing`` [kpc] is that in the plane; without one it is a twentieth of the radius of the volume.
    """
    volume = _Volume.of(run, spacing)
    pipelines = {name: _at_nodes(run.potentials(name), volume) for name in _pipelines(run)}
    fields = {name: _shown(ensemble.median(v), volume) for name, v in pipelines["potential_seed"].items()}
    spreads = {
        (pipeline, name): _shown(ensemble.spread(values), volume)
        for pipeline, quantities in pipelines.items()
        for name, values in quantities.items()
        if len(values) > 1
    }
    table = np.stack([fields[name] for name in ACCELERATION], -1)
    at, best = _checked(run.potential, volume)
    # A stencil that reaches over the edge has no value; the trusted volume keeps away from it.
    error = _relative(local_cubic(volume.axes, table, at), best.acceleration(at))
    measured = {
        "interpolation": "cubic through four nodes along each axis, of the acceleration",
        "interpolation_error": error,
    }
    judge = readings.reliability(run, volume.region)
    classes = {aspect: judge.classes(aspect, volume.nodes).reshape(volume.shape) for aspect in (FORCE, DENSITY)}
    tables = volume.tables(fields, spreads, _metadata(run, volume, MEDIAN) | measured | {"reliability": dict(WORDS)})
    return replace(tables, reliability=classes)


def tabulate_potential(run: Run, spacing: float | None = None) -> Tables:
    """The mean over the members as a potential for orbits, on all nodes, so that a spline can be laid through them."""
    volume = _Volume.of(run, spacing)
    members = {"potential": _potential(run.potential, volume.nodes), "density": run.potential.density(volume.nodes)}
    fields = {name: values.mean(0).reshape(volume.shape) for name, values in members.items()}
    at, best = _checked(run.potential, volume)
    mean = run.potential.acceleration(at).mean(0)
    interpolated = spline_acceleration(spline(volume.axes, fields["potential"]), at)
    measured = {
        "interpolation": "gradient of the cubic spline of the potential",
        "interpolation_error": _relative(interpolated, mean),
        "difference_from_best": _relative(interpolated, best.acceleration(at)),
    }
    return volume.tables(fields, {}, _metadata(run, volume, MEAN) | measured)


@dataclass(frozen=True)
class _Volume:
    """Where a run is tabulated: nodes in the box about the fitted region, and what of it is trusted."""

    axes: Axes
    region: Region
    trust: Region
    sun: SolarPosition

    @classmethod
    def of(cls, run: Run, spacing: float | None) -> "_Volume":
        config, region = run.manifest.config, run.fitted_region.spatial_part()
        ball = region.bounding_ball()
        if ball is None:
            raise InputError("the region of the run has no edge, so no grid can hold it", file=run.path)
        centre, radius = ball
        spacing = radius / _NODES if spacing is None else spacing
        # A disc is thin: across it fields change within less than 0.1 kpc.
        steps = (spacing, spacing, spacing / 2 if config.potential.frame == "rotating" else spacing)
        counts = [int(np.ceil(radius / step - 1e-9)) for step in steps]
        if min(counts) < 2 or np.prod([2.0 * n + 1 for n in counts]) > _MOST_NODES:
            remedy = f"Choose one of {radius / 50:.2g} to {radius / 2:.2g} kpc."
            raise InputError(f"a spacing of {spacing:g} kpc does not fit a volume of {radius:g} kpc", remedy=remedy)
        axes = tuple(c + step * np.arange(-n, n + 1) for c, n, step in zip(centre, counts, steps, strict=True))
        return cls(axes, region, trusted_shell(config, region) & region, config.solar)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.axes))

    @cached_property
    def nodes(self) -> Positions:
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), -1).reshape(-1, 3)

    @cached_property
    def inside(self) -> Bool[np.ndarray, "nx ny nz"]:
        return self._holds(self.region)

    def _holds(self, region: Region) -> Bool[np.ndarray, "nx ny nz"]:
        return np.array(region.contains_positions(self.nodes, self.sun)).reshape(self.shape)

    def tables(self, fields: Mapping[str, Table], spreads: Mapping[tuple[str, str], Table], metadata: Any) -> Tables:
        return Tables(self.axes, fields, spreads, self.inside, self._holds(self.trust), metadata)


def _pipelines(run: Run) -> list[str]:
    """The best fit's, which must be there, and that of the flows, where there is one."""
    others = [name for name in ("df_seed",) if potentials_path(run.products, name).is_file()]
    return ["potential_seed", *others]


def _at_nodes(potentials: PotentialEnsemble, volume: _Volume) -> dict[str, Float[np.ndarray, "k n"]]:
    """Every quantity of every member at the nodes."""
    x = volume.nodes
    acceleration = potentials.acceleration(x)
    components = {name: acceleration[..., i] for i, name in enumerate(ACCELERATION)}
    return {"potential": _potential(potentials, x), **components, "density": potentials.density(x)}


def _potential(potentials: PotentialEnsemble, x: Positions) -> Float[np.ndarray, "k n"]:
    """Φ of every member less its value at the origin: only differences mean anything."""
    return potentials.potential(x) - potentials.potential(np.zeros((1, 3)))


def _shown(values: Float[np.ndarray, "n"], volume: _Volume) -> Table:
    return np.where(volume.inside, values.reshape(volume.shape), np.nan)


def _checked(potentials: PotentialEnsemble, volume: _Volume) -> tuple[Positions, Any]:
    """Random points of the trusted volume, between the nodes, and the best estimate to compare with."""
    rng = np.random.default_rng(11)
    low, high = (np.array([a[i] for a in volume.axes]) for i in (0, -1))
    ball = volume.trust.bounding_ball()
    if ball is not None:
        low, high = np.maximum(low, np.subtract(ball[0], ball[1])), np.minimum(high, np.add(ball[0], ball[1]))
    x = rng.uniform(low, high, (64 * _CHECKS, 3))
    return x[volume.trust.contains_positions(x, volume.sun)][:_CHECKS], potentials.best()


def _relative(found: Positions, true: Positions) -> dict[str, float | None]:
    """Median and 99th percentile of |found - true| / |true|; None where nothing could be compared."""
    error = np.linalg.norm(found - true, axis=1) / np.linalg.norm(true, axis=1)
    error = error[np.isfinite(error)]
    if not len(error):
        return {"median": None, "percentile_99": None}
    return {"median": float(np.median(error)), "percentile_99": float(np.percentile(error, 99))}


def _metadata(run: Run, volume: _Volume, combination: str) -> dict[str, Any]:
    config = run.manifest.config
    text = json.dumps(settings.to_dict(config), sort_keys=True)
    rotating = config.potential.frame == "rotating"
    return {
        "combination": combination,
        "coordinates": "heliocentric Galactic Cartesian [kpc]: x to the Galactic centre, y with the rotation, z north"
        if rotating
        else "Cartesian axes of the catalogue [kpc]",
        "frame": config.potential.frame,
        "pattern_speed": run.potential.best_pattern_speed if rotating else None,
        "pattern_speed_convention": "km/s/kpc, positive in the direction of Galactic rotation",
        "solar_position": asdict(config.solar),
        "region": volume.region.to_json(),
        "trusted": str(volume.trust),
        "zero_of_potential": "at the origin",
        "run": run.id,
        "name": run.manifest.name,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "version": importlib.metadata.version("deep-potential"),
    }


MAKERS: Mapping[str, Callable[[Run, float | None], Tables]] = {
    "grid": tabulate_best,
    "galpy": tabulate_potential,
    "gala": tabulate_potential,
    "agama": tabulate_potential,
}
"""What ``--to`` chooses from."""
