"""The volumes over which scalars are averaged: explicit objects, each with its words and its places (PHYSICS 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from core.array_types import Positions
from core.config import Config
from core.errors import RegionError
from core.phase_space.coordinates import COORDINATES
from core.phase_space.region import BoundingBall, Expression, Region, Shell
from core.phase_space.solar_position import SolarPosition

_POINTS = 4096
_FEWEST = 64
"""Points of a volume of one's own below which its mean is chance."""
_CELLS = 64
"""Cells of a sketch, either way."""
_ARC = 33
_COLUMN = 81
_REACH = 0.8
"""Fraction of the fitted region's radius beyond which the edge is felt."""


@dataclass(frozen=True)
class OwnVolume:
    """A volume of one's own: its name, and the places it holds as a typed condition."""

    name: str
    region: Expression

    def __post_init__(self) -> None:
        moving = sorted(n for n in self.region.names() if not COORDINATES[n].spatial)
        if moving:
            places = ", ".join(c.name for c in COORDINATES.values() if c.spatial)
            raise RegionError(
                f"the volume {self.name!r} depends on {moving[0]}, which is no place", remedy=f"Use {places}."
            )


def own_volume(text: str, number: int) -> OwnVolume:
    """The volume of a typed condition: ``abs(z) < 0.1``, called by its ``number``, or ``thin: abs(z) < 0.1``."""
    name, colon, condition = text.rpartition(":")
    return OwnVolume(name.strip() if colon else f"V{number}", Expression(condition.strip()))


@dataclass(frozen=True)
class AveragingVolumes:
    """The places at which scalars are evaluated: fixed points, the same for every member and for the truth.

    ``own`` holds those of the volumes of one's own by name; ``in_disc`` says whether there is a plane, with baryons.
    """

    shell: Float[np.ndarray, "n 3"]
    slab: Bool[np.ndarray, "n"]
    arc: Float[np.ndarray, "a 3"]
    column: Float[np.ndarray, "c 3"]
    height: float
    words: Mapping[str, str]
    own: Mapping[str, Float[np.ndarray, "_ 3"]] = field(default_factory=dict)
    in_disc: bool = True

    def places(self) -> dict[str, Positions]:
        """The places of every volume that has a mean density, by the key of its words."""
        found = {"shell": self.shell}
        if self.has_plane:
            found |= {"arc": self.arc, "slab": self.shell[self.slab]}
        return {name: x for name, x in {**found, **self.own}.items() if len(x)}

    @property
    def has_plane(self) -> bool:
        """Whether the volume holds the Sun's column and midplane arc, as a disc's does."""
        return len(self.arc) > 0


def trusted_shell(config: Config, region: Region) -> Shell:
    """The shell about the Sun between the hole without data and the edge; smaller regions have smaller shells."""
    ball = region.spatial_part().bounding_ball()
    outer = min(config.scalars.outer, _REACH * ball[1]) if ball else config.scalars.outer
    return Shell(outer, min(config.scalars.inner, outer / 2))


def averaging_volumes(config: Config, region: Region, own: Sequence[OwnVolume] = ()) -> AveragingVolumes:
    """The volumes of a configuration, and those of one's ``own``, confined to the fitted region.

    Raises RegionError where hardly anything of a volume of one's own is inside it.
    """
    sun, s = config.solar, config.scalars
    trusted = trusted_shell(config, region)
    shell = _inside(trusted & region.spatial_part(), ((0.0, 0.0, 0.0), trusted.outer), sun)
    height = min(s.height, trusted.outer)
    disc = config.potential.frame == "rotating"
    arc = _arc(trusted, sun) if disc else np.zeros((0, 3))
    column = _column(height, sun) if disc else np.zeros((0, 3))
    # An extrapolated column would be no measurement: where the region does not hold it, it is left out.
    if len(arc) and not (_holds(region, arc, sun) and _holds(region, column, sun)):
        arc, column = arc[:0], column[:0]
    heights = sun.galactocentric_position(shell)[:, 2] if disc else shell[:, 2]
    words = _words(trusted, region, s.slab, height)
    places = {volume.name: _places(volume, region, sun) for volume in own}
    words |= {volume.name: _own_words(volume, places[volume.name], trusted) for volume in own}
    return AveragingVolumes(shell, np.abs(heights) < s.slab, arc, column, height, words, places, disc)


def _places(volume: OwnVolume, region: Region, sun: SolarPosition) -> Positions:
    inside = volume.region & region.spatial_part()
    ball = inside.bounding_ball()
    x = _inside(inside, ball, sun) if ball else np.zeros((0, 3))
    if len(x) < _FEWEST:
        raise RegionError(
            f"hardly anything of the volume {volume.name!r}, {volume.region}, is inside the fitted region, {region}",
            remedy="Choose a larger one, or one inside.",
        )
    return x


def _own_words(volume: OwnVolume, x: Positions, trusted: Shell) -> str:
    """Its condition, and how much of it may not be believed."""
    r = np.linalg.norm(x, axis=1)
    doubtful = float(np.mean((r < trusted.inner) | (r > trusted.outer)))
    share = f"{100 * doubtful:.0f} %" if doubtful >= 0.01 else ""
    return f"{volume.region} ({share} of it outside {trusted})" if share else str(volume.region)


@dataclass(frozen=True)
class Shadow:
    """Where a volume is seen along z and along y: cells [y, x] and [z, x] from −reach to reach about the Sun."""

    name: str
    xy: Bool[np.ndarray, "cells cells"]
    xz: Bool[np.ndarray, "cells cells"]


@dataclass(frozen=True)
class Outlines:
    """What a sketch of the volumes shows; lengths in kpc. ``plane`` says whether there are slab, arc and column."""

    reach: float
    inner: float
    outer: float
    slab: float
    height: float
    R0: float
    plane: bool
    own: tuple[Shadow, ...]


def outlines(config: Config, region: Region, own: Sequence[OwnVolume] = ()) -> Outlines:
    """The volumes of a configuration, and those of one's ``own``, as they are seen from the pole and from the side."""
    trusted, ball, s = trusted_shell(config, region), region.spatial_part().bounding_ball(), config.scalars
    # A region that is not about the Sun reaches from it to its far side.
    reach = float(np.linalg.norm(ball[0])) + ball[1] if ball else trusted.outer
    volumes = averaging_volumes(config, region)
    shadows = tuple(_shadow(volume, reach, region, config.solar) for volume in own)
    sizes = (reach, trusted.inner, trusted.outer, s.slab, volumes.height, config.solar.R0)
    return Outlines(*sizes, volumes.has_plane, shadows)


def _shadow(volume: OwnVolume, reach: float, region: Region, sun: SolarPosition) -> Shadow:
    step = (np.arange(_CELLS) + 0.5) / _CELLS * 2 * reach - reach
    x, y, z = np.meshgrid(step, step, step, indexing="ij")
    inside = volume.region & region.spatial_part()
    held = inside.contains_positions(np.stack([x, y, z], -1).reshape(-1, 3), sun).reshape(x.shape)
    return Shadow(volume.name, np.array(held.any(2).T), np.array(held.any(1).T))


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


def _inside(region: Region, ball: BoundingBall, sun: SolarPosition) -> Positions:
    """Points uniform in the region; they are the same for every member, so their noise is not in the draws.

    Every point comes with its mirror image in the ``ball``, so that what is odd about its centre averages to zero.
    """
    centre, outer = np.array(ball[0]), ball[1]
    rng = np.random.default_rng(20)
    kept = np.zeros((0, 3))
    for _ in range(64):
        direction = rng.normal(size=(2 * _POINTS, 3))
        radius = outer * rng.random(2 * _POINTS) ** (1 / 3)
        half = direction / np.linalg.norm(direction, axis=1)[:, None] * radius[:, None]
        x = centre + np.stack([half, -half], 1).reshape(-1, 3)
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
