"""The frame in which f is stationary: at rest with the catalogue, or turning with the Galaxy's pattern.

Everything stays on heliocentric axes: the Galactocentric position and inertial velocity are X = x - x_GC and
V = v + v_sun, and the pattern turns with Ω = Ω_p · axis. Milky Way rotation is clockwise seen from the north Galactic
pole, so the axis points south and the reported Ω_p is positive (PHYSICS 3).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.array_types import PerStar, PhaseSpace, Positions
from core.phase_space.solar_position import SolarPosition

KINDS = ("rotating", "inertial")


@dataclass(frozen=True)
class ReferenceFrame:
    """Origin [kpc], its velocity [km/s] and the axis of rotation on heliocentric axes; no axis in an inertial frame."""

    kind: str
    centre: Float[np.ndarray, "3"]
    velocity: Float[np.ndarray, "3"]
    axis: Float[np.ndarray, "3"] | None

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

    @property
    def _axis(self) -> Float[np.ndarray, "3"]:
        return self.axis if self.axis is not None else np.zeros(3)


def reference_frame(kind: str, sun: SolarPosition) -> ReferenceFrame:
    """The frame called ``kind``: "rotating" about the Galactic axis, or "inertial" with the catalogue's own origin."""
    if kind == "rotating":
        return ReferenceFrame(kind, sun.centre, sun.velocity @ sun.axes, np.array([0.0, 0.0, -1.0]) @ sun.axes)
    return ReferenceFrame("inertial", np.zeros(3), np.zeros(3), None)
