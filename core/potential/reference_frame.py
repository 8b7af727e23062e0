"""The frame in which f is stationary: at rest with the catalogue, or turning with the Galaxy's pattern.

Everything stays on heliocentric axes: the Galactocentric position and inertial velocity are X = x - x_GC and
V = v + v_sun, and the pattern turns with Ω = Ω_p · axis. Milky Way rotation is clockwise seen from the north Galactic
pole, so the axis points south and the reported Ω_p is positive (PHYSICS 3).

Beside it, its origin may *drift* with a constant velocity u. A pattern that turns about an origin that moves with u is
one of stars whose inertial velocities are V - u:

    R = (V - u - Ω×X) · ∂ln f/∂x - (∇Φ + Ω×(V - u)) · ∂ln f/∂v

so a drift of u and a Sun that moves by u less are the same thing. Neighbours that little tells apart: u along the
rotation and Ω_p, which near the Sun move the pattern alike (by u and by Ω_p R0); Ω×u and a uniform force.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from core.array_types import PerStar, PhaseSpace, Positions
from core.phase_space.solar_position import SolarPosition

Drift = Sequence[float] | Float[np.ndarray, "3"]

KINDS = ("rotating", "inertial")


@dataclass(frozen=True)
class ReferenceFrame:
    """Origin [kpc], its velocity [km/s] and the axis of rotation on heliocentric axes; no axis in an inertial frame.

    ``velocity`` is that of the Sun relative to the origin. Rows of ``axes`` are the unit vectors along which a drift
    has its components: Galactocentric ones (to the centre, with the rotation, to the north), or the catalogue's own.
    """

    kind: str
    centre: Float[np.ndarray, "3"]
    velocity: Float[np.ndarray, "3"]
    axis: Float[np.ndarray, "3"] | None
    axes: Float[np.ndarray, "3 3"]

    @property
    def rotates(self) -> bool:
        return self.axis is not None

    def streaming(self, w: PhaseSpace, score: PhaseSpace) -> PerStar:
        """V · ∂ln f/∂x: what the potential has to balance."""
        return np.sum((w[:, 3:] + self.velocity) * score[:, :3], 1)

    def turning(self, w: PhaseSpace, score: PhaseSpace) -> PerStar:
        """Change of ln f under a turn by one radian about the axis: what multiplies Ω_p in the residual."""
        V = w[:, 3:] + self.velocity
        return np.sum(self.circling(w[:, :3]) * score[:, :3], 1) + np.sum(np.cross(self._axis, V) * score[:, 3:], 1)

    def circling(self, x: Positions) -> Positions:
        """axis × X [kpc]: where a point moves under a turn by one radian about the axis."""
        return np.cross(self._axis, x - self.centre)

    def drifting(self, drift: Drift) -> "ReferenceFrame":
        """The frame whose origin moves with u = ``drift`` [km/s] as well."""
        return replace(self, velocity=self.velocity - np.asarray(drift, float) @ self.axes)

    def shifts(self, score: PhaseSpace) -> Float[np.ndarray, "n 3"]:
        """Change of ln f under a move by 1 kpc along each of ``axes``: what multiplies a drift in the residual."""
        return score[:, :3] @ self.axes.T

    def swerves(self, score: PhaseSpace) -> Float[np.ndarray, "n 3"]:
        """-(axis × e) · ∂ln f/∂v for each of ``axes``: what multiplies the product of Ω_p and a drift."""
        return score[:, 3:] @ -np.cross(self._axis, self.axes).T

    @property
    def _axis(self) -> Float[np.ndarray, "3"]:
        return self.axis if self.axis is not None else np.zeros(3)


def reference_frame(kind: str, sun: SolarPosition, drift: Drift | None = None) -> ReferenceFrame:
    """The frame called ``kind``: "rotating" about the Galactic axis, or "inertial" with the catalogue's own origin.

    Its origin moves with ``drift`` [km/s] where there is one.
    """
    if kind == "rotating":
        south = np.array([0.0, 0.0, -1.0]) @ sun.axes
        frame = ReferenceFrame(kind, sun.centre, sun.velocity @ sun.axes, south, sun.axes)
    else:
        frame = ReferenceFrame("inertial", np.zeros(3), np.zeros(3), None, np.eye(3))
    return frame if drift is None else frame.drifting(drift)
