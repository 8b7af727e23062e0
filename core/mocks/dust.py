"""Holes that dust or a survey's scanning leaves: cones about lines of sight, behind which no star is seen.

A selection by position alone: f is masked, and the Boltzmann equation still holds outside the holes. They are a region
like any other, so that a fit can leave them out of its volume too.
"""

from dataclasses import dataclass

import numpy as np

from core.phase_space.region import Everything, Expression, Not, Or, Region


@dataclass(frozen=True)
class Cone:
    """The cone of half opening ``radius`` about (``l``, ``b``) [deg] beyond ``distance`` [kpc] from the Sun."""

    l: float  # noqa: E741  (Galactic longitude)
    b: float
    radius: float
    distance: float

    @property
    def region(self) -> Region:
        """The inside of the cone."""
        l, b = np.radians(self.l), np.radians(self.b)  # noqa: E741
        x, y, z = np.cos(b) * np.cos(l), np.cos(b) * np.sin(l), np.sin(b)
        along = f"x * {x:.9f} + y * {y:.9f} + z * {z:.9f}"
        return Expression(f"{along} > {np.cos(np.radians(self.radius)):.9f} * r & r > {self.distance:.6f}")


def draw_cones(rng: np.random.Generator, count: int) -> tuple[Cone, ...]:
    """Cones of 1 to 4 degrees, most of them within 20 degrees of the plane, that begin between 0.1 and 0.6 kpc."""
    longitude = rng.uniform(-180, 180, count)
    latitude = np.clip(12 * rng.normal(size=count), -90, 90)
    columns = longitude, latitude, rng.uniform(1, 4, count), rng.uniform(0.1, 0.6, count)
    return tuple(Cone(*map(float, row)) for row in zip(*columns, strict=True))


def outside(cones: tuple[Cone, ...]) -> Region:
    """Everything but the cones."""
    return Not(Or(tuple(cone.region for cone in cones))) if cones else Everything()
