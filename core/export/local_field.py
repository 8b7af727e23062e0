"""A tabulated potential as functions of position, in the frame in which it stands still: what every loader wraps.

Of a run in a rotating frame, positions are on astropy's Galactocentric axes (the Sun at negative X, rotation towards
+Y, Z to the north) at the moment at which the pattern stands as it was seen; of one in an inertial frame, on the axes
of its catalogue. The volume is small, and the fit knows nothing beyond it: a point outside is an error, never a guess.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.interpolate import NdBSpline

from core.array_types import Mask, PerStar, Positions
from core.errors import InputError
from core.export.files import read_tables
from core.export.interpolation import spline, spline_acceleration
from core.export.tables import MEAN, Tables
from core.phase_space.region import Region, from_json
from core.phase_space.solar_position import SolarPosition


@dataclass(frozen=True)
class LocalField:
    """Φ [(km/s)²], -∇Φ [(km/s)²/kpc] and ρ [Msun/pc³] at positions [kpc]; InputError outside the fitted volume.

    ``pattern_speed`` [km/s/kpc] is positive in the direction of Galactic rotation, clockwise seen from the north; it is
    None in an inertial frame. ``sun`` is used in a rotating one alone.
    """

    tables: Tables
    region: Region
    sun: SolarPosition
    pattern_speed: float | None
    _potential: NdBSpline
    _density: NdBSpline

    @property
    def rotates(self) -> bool:
        """Whether positions are Galactocentric and the pattern turns."""
        return self.pattern_speed is not None

    @property
    def spin(self) -> float:
        """Angular speed of the pattern about +Z [km/s/kpc]: negative for the Galaxy, zero in an inertial frame."""
        return 0.0 if self.pattern_speed is None else -self.pattern_speed

    def inside(self, X: Positions) -> Mask:
        """Whether the fit says anything there."""
        return self._inside(self._heliocentric(X))

    def potential(self, X: Positions) -> PerStar:
        """Φ, zero at the origin of the table."""
        return self._potential(self._checked(X))

    def acceleration(self, X: Positions) -> Positions:
        """-∇Φ on the axes of X."""
        a = spline_acceleration(self._potential, self._checked(X))
        return a @ self.sun.axes.T if self.rotates else a

    def density(self, X: Positions) -> PerStar:
        """ρ."""
        return self._density(self._checked(X))

    def _heliocentric(self, X: Positions) -> Positions:
        return X @ self.sun.axes + self.sun.centre if self.rotates else X

    def _inside(self, x: Positions) -> Mask:
        box = [(x[:, i] >= axis[0]) & (x[:, i] <= axis[-1]) for i, axis in enumerate(self.tables.axes)]
        return np.all(box, axis=0) & self.region.contains_positions(x, self.sun)

    def _checked(self, X: Float[np.ndarray, "n 3"]) -> Positions:
        x = self._heliocentric(X)
        outside = ~self._inside(x)
        if outside.any():
            place = ", ".join(f"{value:.3f}" for value in X[outside][0])
            raise InputError(
                f"({place}) kpc lies outside the fitted volume, {self.region}, and an export does not extrapolate",
                remedy="Stay inside it: a shorter orbit, or the frame that turns with the pattern.",
            )
        return x


def load(path: str | Path) -> LocalField:
    """The field in a file of ``deep-potential export --to galpy|gala|agama``; InputError for a file of another kind."""
    tables = read_tables(path)
    metadata = tables.metadata
    try:
        if metadata["combination"] != MEAN:
            raise InputError(
                "it holds medians over members, which are no potential's own gradient",
                file=path,
                remedy="For orbits, use: deep-potential export RUN --to galpy, gala or agama.",
            )
        sun = SolarPosition(**{f.name: float(metadata["solar_position"][f.name]) for f in fields(SolarPosition)})
        rotating = metadata["frame"] == "rotating"
        speed = float(metadata["pattern_speed"]) if rotating else None
        region = from_json(metadata["region"])
        potential, density = (spline(tables.axes, tables.fields[name]) for name in ("potential", "density"))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"its metadata are not whole: {error!r}", file=path, remedy="Export it again.") from error
    return LocalField(tables, region, sun, speed, potential, density)
