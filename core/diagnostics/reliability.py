"""How far a place of a potential may be trusted: reliable, with care, or not at all.

Three things are asked of a place, and the worst answer counts: how the fits of all uncertainties differ there, how far
it is from the edge of the volume, and how much of f's change along the orbits is left unexplained, over the floor that
no force can remove and in all. ``LIMITS`` has all thresholds. A bias that all flows share is seen by none of these: in
the demonstration's mocks the density of reliable places is within 3 and 9 per cent (median) of the truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from core import ensemble
from core.array_types import PerStar, Positions
from core.diagnostics.scalars import MemberField
from core.diagnostics.steadiness import Steadiness, SteadinessMap
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition

OUTSIDE, UNUSABLE, CARE, RELIABLE = range(4)
"""Classes of places, the better the higher; outside the region nothing is said."""

WORDS: Mapping[int, str] = MappingProxyType({RELIABLE: "reliable", CARE: "use with care", UNUSABLE: "do not use"})

FORCE, DENSITY = "force", "density"
"""What may be reliable: Φ and its gradient, or the second derivatives, which are harder."""

Classes = UInt8[np.ndarray, "n"]


class Limit(NamedTuple):
    """Values up to which a place is reliable, and up to which it may be used with care."""

    reliable: float
    care: float


LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        # Spread of all uncertainties over the value itself: |σ(a)|/|a|, σ(ρ)/ρ.
        FORCE: Limit(0.02, 0.05),
        DENSITY: Limit(0.05, 0.10),
        # Distance to the edge over the radius of the volume, here the smallest: Φ is fitted to no points beyond 0.95.
        "edge": Limit(0.20, 0.05),
        # Share of f's change along the orbits that is left, in stationary mocks 0.01 to 0.02 in all.
        "unexplained": Limit(0.04, 0.10),
        # Of it what a force of the cell's own would remove.
        "over the floor": Limit(0.02, 0.05),
    }
)


@dataclass(frozen=True)
class Reliability:
    """Judges places of one fit.

    ``ensembles`` are the potentials of every uncertainty, the best fit's first.
    """

    ensembles: Mapping[str, MemberField]
    sun: SolarPosition
    region: Region
    steadiness: Steadiness | None

    def classes(self, aspect: str, x: Positions) -> Classes:
        """The class of ``FORCE`` or ``DENSITY`` at heliocentric positions [kpc]."""
        judged = np.minimum(_class(self.spread(aspect, x), LIMITS[aspect]), self._by_place(x))
        return np.where(self.region.contains_positions(x, self.sun), judged, OUTSIDE).astype(np.uint8)

    def spread(self, aspect: str, x: Positions) -> PerStar:
        """Relative spread of all uncertainties in quadrature; infinite where the value itself is zero."""
        size, squared = None, np.zeros(len(x))
        for members in self.ensembles.values():
            values = members.acceleration(x) if aspect == FORCE else members.density(x)[..., None]
            if size is None:
                size = np.linalg.norm(ensemble.median(values), axis=-1)
            squared += np.sum(ensemble.spread(values) ** 2, -1)
        assert size is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(np.sqrt(squared) / size, nan=np.inf)

    def _by_place(self, x: Positions) -> Classes:
        """What is the same for force and density."""
        found = np.full(len(x), RELIABLE)
        for distance in LIMITS["edge"]:
            found -= ~_well_inside(self.region, x, distance, self.sun)
        if self.steadiness is not None:
            unexplained, over = _unsteady(self.steadiness, x)
            found = np.minimum(found, _class(unexplained, LIMITS["unexplained"]))
            found = np.minimum(found, _class(over, LIMITS["over the floor"]))
        return found.astype(np.uint8)

    def shares(self, aspect: str, x: Positions) -> dict[str, float]:
        """How much of a set of places is in each class, by its words: places count by their mass for the density.

        A place outside the region is not to be used.
        """
        weight = self._mass(x) if aspect == DENSITY else np.ones(len(x))
        classes = np.maximum(self.classes(aspect, x), UNUSABLE)
        return {words: float(np.sum(weight[classes == c]) / np.sum(weight)) for c, words in WORDS.items()}

    def _mass(self, x: Positions) -> PerStar:
        best = next(iter(self.ensembles.values()))
        return np.maximum(ensemble.median(best.density(x)), 0) + 1e-12


WARNED = Limit(0.5, 0.1)
"""Share of an averaging volume that is not reliable, and share that is not to be used, above which to warn."""


def warning(shares: Mapping[str, float], aspect: str) -> str | None:
    """A caution, in words, where an averaging volume lies largely where the fit is not reliable."""
    care, unusable = shares[WORDS[CARE]], shares[WORDS[UNUSABLE]]
    of = "mass in its volume" if aspect == DENSITY else "volume"
    if unusable > WARNED.care:
        return f"{100 * unusable:.0f} % of the {of} lies where the fit should not be used"
    if care + unusable > WARNED.reliable:
        return f"only {100 * (1 - care - unusable):.0f} % of the {of} lies where the fit is reliable"
    return None


def legend(names: list[str]) -> str:
    """The thresholds in a sentence; ``names`` are those of the uncertainties in the spread."""
    force, density, edge = LIMITS[FORCE], LIMITS[DENSITY], LIMITS["edge"]
    left, over = LIMITS["unexplained"], LIMITS["over the floor"]
    return (
        f"Limits for reliable / with care: relative spread ({', '.join(names)}) of the force {_percent(force)}, "
        f"of the density {_percent(density)}; distance to the edge {_percent(edge)} of the radius; "
        f"f's change left unexplained {_percent(left)}, over its floor {_percent(over)}. "
        "A bias that all flows share is not seen."
    )


def _percent(limit: Limit) -> str:
    return f"{100 * limit.reliable:.0f} / {100 * limit.care:.0f} %"


def _class(values: PerStar, limit: Limit) -> Classes:
    """Of values that are the worse the larger; those that are not known speak against nothing."""
    return (RELIABLE - (values > limit.reliable) - (values > limit.care)).astype(np.uint8)


def _well_inside(region: Region, x: Positions, share: float, sun: SolarPosition) -> Bool[np.ndarray, "n"]:
    """Whether places at a distance, a share of the volume's radius, are in the region too: in 14 directions and out."""
    ball = region.bounding_ball()
    if ball is None:
        return np.ones(len(x), bool)
    centre, radius = np.asarray(ball[0], float), ball[1]
    out = (x - centre) / np.maximum(np.linalg.norm(x - centre, axis=1, keepdims=True), 1e-12)
    corners = [np.array(signs) / np.sqrt(3) for signs in product((-1, 1), repeat=3)]
    inside = np.ones(len(x), bool)
    for direction in (out, *np.eye(3), *-np.eye(3), *corners):
        inside &= region.contains_positions(x + share * radius * direction, sun)
    return inside


def _unsteady(found: Steadiness, x: Positions) -> tuple[PerStar, PerStar]:
    """The unexplained share at places, and the part of it over the floor.

    The maps are of columns; a place has the lesser of the two shares that its columns have, because what is wrong at a
    place shows in both. NaN where there are too few points in either.
    """
    shares = []
    for m in found.maps:
        over = np.sqrt(np.maximum(m.unexplained**2 - m.floor**2, 0))
        shares.append([_in_cells(m, values, x) for values in (m.unexplained, over)])
    unexplained, over = (np.fmin.reduce([s[i] for s in shares]) for i in (0, 1))
    return unexplained, over


def _in_cells(m: SteadinessMap, values: np.ndarray, x: Positions) -> PerStar:
    across, along = (x[:, "xyz".index(axis)] for axis in m.axes)
    column, row = (np.digitize(v, m.edges) - 1 for v in (across, along))
    known = (column >= 0) & (row >= 0) & (column < len(m.edges) - 1) & (row < len(m.edges) - 1)
    return np.where(known, values[np.where(known, row, 0), np.where(known, column, 0)], np.nan)
