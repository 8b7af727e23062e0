"""Profiles through the Sun's place: the rotation curve, and force, density and column across the plane.

Everything is on Galactocentric axes: R in the midplane along the line from the centre through the Sun, Z along the
Sun's column, north positive. A profile ends with the fitted region: nothing is extrapolated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from core.array_types import Mask, MemberPotential, PerStar, Positions
from core.diagnostics.published import PUBLISHED, Published
from core.diagnostics.scalars import MemberField, OneMember
from core.phase_space.region import Region
from core.phase_space.solar_position import SolarPosition
from core.potential.fields import Field, circular_velocity

STEPS = 50
"""Points from the Sun to the edge of the region, either way."""
_Fields = Mapping[str, MemberField]
_BEYOND = 0.2
"""A published value is shown up to this fraction of the profile's length beyond its ends."""


class Band(NamedTuple):
    """16th percentile, median and 84th percentile over the members, NaN outside the fitted region."""

    low: PerStar
    median: PerStar
    high: PerStar


@dataclass(frozen=True)
class Profile:
    """A quantity against the ``coordinate`` R, Z or |Z| [kpc] at the places ``at``, in every uncertainty pipeline.

    ``trusted`` says where the fit may be believed, ``truth`` is the mock's; ``published`` lies within reach of ``at``.
    """

    name: str
    label: str
    unit: str
    coordinate: str
    at: PerStar
    pipelines: Mapping[str, Band]
    truth: PerStar | None
    trusted: Mask
    published: tuple[Published, ...] = ()

    @property
    def axis_label(self) -> str:
        """Label with unit."""
        return f"{self.label}  [{self.unit}]"

    @property
    def extent(self) -> tuple[float, float]:
        """The lowest and the highest value of all that is drawn: bands, truth and published values."""
        drawn = [*(b for band in self.pipelines.values() for b in (band.low, band.high))]
        drawn += [] if self.truth is None else [self.truth]
        drawn += [np.array([p.value - p.error, p.value + p.error]) for p in self.published]
        return float(np.nanmin(np.concatenate(drawn))), float(np.nanmax(np.concatenate(drawn)))

    @property
    def doubtful(self) -> list[tuple[float, float]]:
        """The intervals of the coordinate in which the fit may not be believed."""
        middles = (self.at[1:] + self.at[:-1]) / 2
        starts, ends = np.array([self.at[0], *middles]), np.array([*middles, self.at[-1]])
        change = np.flatnonzero(np.diff(np.concatenate([[0], ~self.trusted, [0]])))
        return [(float(starts[a]), float(ends[b - 1])) for a, b in zip(change[::2], change[1::2], strict=True)]


def galactic_profiles(
    pipelines: Mapping[str, MemberField],
    *,
    truth: Field | None,
    sun: SolarPosition,
    region: Region,
    trusted: Region,
    synthetic: bool,
) -> tuple[Profile, ...]:
    """The profiles that the fitted ``region`` holds, in the order v_c(R), K_z(Z), Σ(|Z|), ρ(Z).

    K_z [(km/s)²/kpc] counts towards the plane, Σ(|Z|) [Msun/pc²] is all that lies within |Z| either side. ``region``
    and ``trusted`` are spatial; published values are for real stars, so not for ``synthetic`` ones.
    """
    ball = region.bounding_ball()
    if ball is None:
        return ()
    reach = float(ball[1])
    step = np.arange(-STEPS, STEPS + 1) / STEPS * reach
    fields = dict(pipelines)
    if truth is not None:
        fields["truth"] = OneMember(truth)
    lines = (_radial_line(sun, step), _column(sun, step))
    made = []
    for line, quantities in zip(lines, (_IN_PLANE, _ACROSS), strict=True):
        values = [quantity(fields, line, sun) for quantity in quantities]
        inside, believed = (np.array(r.contains_positions(line.x, sun)) for r in (region, trusted))
        made += [_profile(v, line, inside, believed, synthetic=synthetic) for v in values]
    return tuple(profile for profile in made if profile is not None)


class _Line(NamedTuple):
    """Places along a line: the Galactocentric coordinate and the heliocentric position [kpc]."""

    at: PerStar
    x: Positions


def _radial_line(sun: SolarPosition, step: PerStar) -> _Line:
    R = sun.R0 + step[sun.R0 + step > 0]
    X = np.stack([-R, 0 * R, 0 * R], 1)
    return _Line(R, X @ sun.axes + sun.centre)


def _column(sun: SolarPosition, step: PerStar) -> _Line:
    X = np.stack([np.full_like(step, -sun.R0), 0 * step, step], 1)
    return _Line(step, X @ sun.axes + sun.centre)


class _Values(NamedTuple):
    """A quantity of every member of every field along a line; ``folded`` ones take both sides of the plane together."""

    name: str
    label: str
    unit: str
    coordinate: str
    fields: Mapping[str, MemberPotential]
    folded: bool = False


def _circular(fields: _Fields, line: _Line, sun: SolarPosition) -> _Values:
    speeds = {
        name: np.stack([circular_velocity(a, line.x, sun) for a in field.acceleration(line.x)])
        for name, field in fields.items()
    }
    return _Values("circular_velocity", "vc", "km/s", "R", speeds)


def _force(fields: _Fields, line: _Line, sun: SolarPosition) -> _Values:
    # Which way the plane is cannot be said in the plane.
    pull = np.where(line.at == 0, np.nan, -np.sign(line.at))
    forces = {name: (field.acceleration(line.x) @ sun.axes[2]) * pull[None] for name, field in fields.items()}
    return _Values("vertical_force", "Kz", "(km/s)²/kpc", "Z", forces)


def _surface_density(fields: _Fields, line: _Line, sun: SolarPosition) -> _Values:
    spacing = 1e3 * float(line.at[1] - line.at[0])
    columns = {name: _within(field.density(line.x), spacing) for name, field in fields.items()}
    return _Values("surface_density", "Σ", "Msun/pc²", "|Z|", columns, folded=True)


def _within(density: MemberPotential, spacing: float) -> Float[np.ndarray, "k half"]:
    """Integral from −|Z| to |Z| by the trapezoid rule, for |Z| from zero up."""
    middle = density.shape[1] // 2
    both = density[:, middle:] + density[:, middle::-1]
    slices = (both[:, 1:] + both[:, :-1]) / 2 * spacing
    return np.concatenate([np.zeros((len(density), 1)), np.cumsum(slices, 1)], 1)


def _density(fields: _Fields, line: _Line, sun: SolarPosition) -> _Values:
    return _Values("density", "ρ", "Msun/pc³", "Z", {name: field.density(line.x) for name, field in fields.items()})


_Quantity = Callable[[_Fields, _Line, SolarPosition], _Values]
_IN_PLANE: tuple[_Quantity, ...] = (_circular,)
_ACROSS: tuple[_Quantity, ...] = (_force, _surface_density, _density)


def _profile(values: _Values, line: _Line, inside: Mask, trusted: Mask, *, synthetic: bool) -> Profile | None:
    """The profile as far as the region holds it; None where nothing is known or trusted."""
    at = line.at
    if values.folded:
        middle = len(at) // 2
        inside, trusted = (side[middle:] & side[middle::-1] for side in (inside, trusted))
        # A column that leaves the region on the way is not measured above.
        at, inside = at[middle:], np.logical_and.accumulate(inside)
    places = np.flatnonzero(inside)
    if len(places) < 2 or not np.any(inside & trusted):
        return None
    kept = slice(places[0], places[-1] + 1)
    blank = np.where(inside, 0.0, np.nan)[None, kept]
    bands = {name: Band(*_percentiles(field[:, kept] + blank)) for name, field in values.fields.items()}
    if not any(np.isfinite(band.median).any() for band in bands.values()):
        return None
    true = bands.pop("truth", None)
    return Profile(
        name=values.name,
        label=values.label,
        unit=values.unit,
        coordinate=values.coordinate,
        at=at[kept],
        pipelines=bands,
        truth=None if true is None else true.median,
        trusted=(inside & trusted)[kept],
        published=() if synthetic else _within_reach(values.name, at[kept]),
    )


def _percentiles(members: MemberPotential) -> Float[np.ndarray, "3 n"]:
    # A force that points outwards has no circular velocity: such a member, and only there, leaves the others alone.
    known = np.isfinite(members).any(0)
    found = np.full((3, members.shape[1]), np.nan)
    found[:, known] = np.nanpercentile(members[:, known], [16, 50, 84], axis=0)
    return found


def _within_reach(name: str, at: PerStar) -> tuple[Published, ...]:
    room = _BEYOND * (at[-1] - at[0])
    return tuple(p for p in PUBLISHED if p.profile == name and at[0] - room <= p.at <= at[-1] + room)
