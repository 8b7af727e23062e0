"""What a Gaia-like survey would see of a mock: magnitudes, errors, a volume cut on the measured distance, dust holes.

The errors are approximate forms of the magnitude after Gaia's published performance, not a model of a data release:
good enough to ask how noise in distance and velocity carries into the potential (PHYSICS 4, pipeline 1).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import ICRS, CartesianRepresentation, Galactic
from jaxtyping import Float

from core.array_types import PerStar, PhaseSpace, Positions
from core.errors import InputError
from core.mocks.dust import Clumps, draw_cones, outside
from core.mocks.system import Progress, StationarySystem
from core.phase_space.region import Region
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.settings import setting, to_dict
from core.units import KM_S_PER_MAS_YR_KPC

Table = dict[str, np.ndarray]
"""Columns by name."""

BRIGHTEST, FAINTEST = -0.2, 3.5
"""Absolute G magnitudes of the stars: the upper main sequence."""

_MOST_AT_ONCE = 2**22

FAINTEST_EVER = 99.0
"""A limit that no star is fainter than."""


@dataclass(frozen=True)
class ObservationModel:
    """How a mock is observed."""

    errors: bool = setting(True, "measure with errors; without, the exact Cartesian columns")
    padding: float = setting(
        0.2, "how far beyond the volume stars are drawn that may scatter in, relative", low=0.0, high=1.0
    )
    parallax_floor: float = setting(0.01, "error of the brightest parallaxes", unit="mas", low=0.0)
    extinction: float = setting(0.7, "extinction in G in the plane", unit="mag/kpc", low=0.0)
    dust_height: float = setting(0.1, "scale height of the dust", unit="kpc", low=0.001)
    rv_limit: float = setting(14.0, "fainter stars have no radial velocity", unit="mag")
    clumps: float = setting(0.0, "dispersion of ln of the dust's density: log-normal clumps", low=0.0, high=5.0)
    clump_length: float = setting(0.5, "correlation length of the clumps", unit="kpc", low=0.01)
    magnitude_limit: float = setting(FAINTEST_EVER, "fainter stars are not in the catalogue", unit="mag")
    holes: int = setting(0, "number of cones without stars", low=0.0, high=400.0)
    hole_seed: int = setting(1, "seed of the cones and of the clumps", low=0.0)

    @property
    def clear(self) -> Region:
        """Where stars are seen: outside the cones."""
        return outside(draw_cones(np.random.default_rng(self.hole_seed), self.holes))


@dataclass(frozen=True)
class ObservedMock:
    """A catalogue as its reader finds it, with what it hides.

    ``region`` holds the measured positions of all stars, ``w`` is the true phase space of each row.
    """

    table: Table
    region: Region
    w: PhaseSpace
    truth: dict[str, Any]


def cartesian_table(sample: PhaseSpaceSample) -> Table:
    """The columns x, y, z [kpc], vx, vy, vz [km/s] of a sample, and the group where stars have one."""
    columns = dict(zip(("x", "y", "z", "vx", "vy", "vz"), sample.w.T, strict=True))
    return columns | ({} if sample.group is None else {"group": sample.group})


def observables(w: PhaseSpace) -> Table:
    """Exact ra, dec [deg], parallax [mas], pmra (with cos dec), pmdec [mas/yr], radial_velocity [km/s]; epoch J2016."""
    distance, (radial, east, north) = _sky_axes(w[:, :3])
    right_ascension = np.degrees(np.arctan2(radial[:, 1], radial[:, 0])) % 360
    velocity = w[:, 3:] @ icrs_axes().T
    along = {name: np.sum(velocity * axis, 1) for name, axis in (("pmra", east), ("pmdec", north))}
    return {
        "ra": right_ascension,
        "dec": np.degrees(np.arcsin(np.clip(radial[:, 2], -1, 1))),
        "parallax": 1 / distance,
        **{name: speed / (KM_S_PER_MAS_YR_KPC * distance) for name, speed in along.items()},
        "radial_velocity": np.sum(velocity * radial, 1),
    }


def observe(rng: np.random.Generator, w: PhaseSpace, model: ObservationModel) -> Table:
    """The Gaia-like columns of stars at ``w``, with errors drawn and quoted; no radial velocity (NaN) where faint."""
    table = observables(w)
    magnitude = apparent_magnitude(rng, w[:, :3], model)
    astrometric = parallax_error(magnitude, model.parallax_floor)
    error = {
        "parallax": astrometric,
        "pmra": 1.03 * astrometric,
        "pmdec": 1.03 * astrometric,
        "radial_velocity": radial_velocity_error(magnitude),
    }
    for name, sigma in error.items():
        table[name] = table[name] + sigma * rng.normal(size=len(w))
        table[f"{name}_error"] = sigma
    faint = magnitude > model.rv_limit
    for name in ("radial_velocity", "radial_velocity_error"):
        table[name] = np.where(faint, np.nan, table[name])
    return table | {"phot_g_mean_mag": magnitude}


def apparent_magnitude(rng: np.random.Generator, x: Positions, model: ObservationModel) -> PerStar:
    """G of upper main sequence stars, more of them faint, behind the dust."""
    absolute = BRIGHTEST + (FAINTEST - BRIGHTEST) * rng.random(len(x)) ** _FAINTNESS
    return absolute + _dimming(x, model)


def survival(x: Positions, model: ObservationModel) -> PerStar:
    """The share of the stars at each position that is brighter than the limit of the catalogue."""
    faintest = (model.magnitude_limit - _dimming(x, model) - BRIGHTEST) / (FAINTEST - BRIGHTEST)
    return np.clip(faintest, 0, 1) ** (1 / _FAINTNESS)


_FAINTNESS = 0.45


def _dimming(x: Positions, model: ObservationModel) -> PerStar:
    """Distance modulus and extinction by dust that thins out exponentially with height, in clumps if there are any."""
    distance = np.linalg.norm(x, axis=1)
    height = np.maximum(np.abs(x[:, 2]), 1e-6)
    column = distance * model.dust_height / height * -np.expm1(-height / model.dust_height)
    if model.clumps:
        column = column * Clumps(model.clumps, model.clump_length, model.hole_seed).relative_column(x)
    return 5 * np.log10(100 * distance) + model.extinction * column


def parallax_error(magnitude: PerStar, floor: float) -> PerStar:
    """Error of a parallax [mas]: approximately Gaia's performance for five years, scaled to Data Release 3."""
    z = 10 ** (0.4 * (np.maximum(magnitude, 13.0) - 15))
    return np.hypot(0.85e-3 * np.sqrt(40 + 800 * z + 30 * z**2), floor)


def radial_velocity_error(magnitude: PerStar) -> PerStar:
    """Error of a radial velocity [km/s]: approximately that of Gaia's spectrometer for warm stars."""
    return 0.12 + 1.2 * np.exp(0.75 * (magnitude - 12.5))


def observed_mock(
    system: StationarySystem,
    rng: np.random.Generator,
    n: int,
    model: ObservationModel,
    *,
    progress: Progress | None = None,
) -> ObservedMock:
    """``n`` stars of ``system`` as a survey would list them, cut where their measured positions leave the volume."""
    region = system.region & model.clear
    drawn_from = system.scaled_region(1 + model.padding) if model.errors else system
    lists: list[tuple[Table, PhaseSpace]] = []
    truth: dict[str, Any] = {}
    total = drawn = 0
    while total < n:
        # At first as if density were even; then as the first round showed.
        lost = drawn / total if total else ((1 + model.padding) ** 3 if model.errors else 1.0)
        count = min(int(np.ceil(1.02 * (n - total) * lost)), _MOST_AT_ONCE)
        mock = drawn_from.mock(rng, count, progress=progress)
        sample = mock.sample
        if sample.group is not None:
            # Every round has orbits of its own.
            sample = PhaseSpaceSample(sample.w, sample.region, group=sample.group + drawn)
        table = observe(rng, sample.w, model) if model.errors else cartesian_table(sample)
        if model.errors and sample.group is not None:
            table["group"] = sample.group
        kept = _inside(table, sample.w, region, model)
        if model.magnitude_limit < FAINTEST_EVER:
            bright = table["phot_g_mean_mag"] if model.errors else apparent_magnitude(rng, sample.w[:, :3], model)
            kept = kept & (bright < model.magnitude_limit)
        lists.append(({name: column[kept] for name, column in table.items()}, sample.w[kept]))
        total, drawn = total + int(kept.sum()), drawn + len(sample)
        if not total:
            raise InputError(
                f"of {drawn:,} stars none is brighter than the limit of {model.magnitude_limit:g} mag",
                remedy="Choose a fainter observation.magnitude_limit.",
            )
        truth = {k: v for k, v in mock.truth.items() if k == "stationarity"}
    table = {name: np.concatenate([part[name] for part, _ in lists])[:n] for name in lists[0][0]}
    w = np.concatenate([w for _, w in lists])[:n]
    return ObservedMock(table, region, w, system.truth() | truth | {"observation": to_dict(model)})


def _inside(table: Table, w: PhaseSpace, region: Region, model: ObservationModel) -> np.ndarray:
    """Which stars lie in the region by the distance that a reader of the table infers."""
    if not model.errors:
        return region.contains_positions(w[:, :3], SolarPosition())
    true_distance = np.linalg.norm(w[:, :3], axis=1, keepdims=True)
    measured = 1 / np.where(table["parallax"] > 0, table["parallax"], 1e-9)
    return region.contains_positions(w[:, :3] / true_distance * measured[:, None], SolarPosition())


@cache
def icrs_axes() -> Float[np.ndarray, "3 3"]:
    """The rotation from heliocentric Galactic to ICRS axes, as astropy has it: rows are the ICRS unit vectors."""
    basis = Galactic(CartesianRepresentation(np.eye(3) * u.one))
    return np.asarray(basis.transform_to(ICRS()).cartesian.xyz.value)


def _sky_axes(x: Positions) -> tuple[PerStar, tuple[Positions, Positions, Positions]]:
    """Distance [kpc] and the ICRS unit vectors towards the star, to the east and to the north."""
    position = x @ icrs_axes().T
    distance = np.linalg.norm(position, axis=1)
    radial = position / distance[:, None]
    planar = np.hypot(radial[:, 0], radial[:, 1])
    zero = np.zeros_like(planar)
    east = np.stack([-radial[:, 1] / planar, radial[:, 0] / planar, zero], 1)
    return distance, (radial, east, np.cross(radial, east))
