"""What dust does to a survey: holes behind which no star is seen, and clumps that dim what lies behind them.

Both select by position alone. Holes, cones about lines of sight, mask f, and the Boltzmann equation still holds outside
them: they are a region like any other, so that a fit can leave them out of its volume too. Clumps thin out the stars of
a magnitude-limited catalogue in a way that its user does not know: f is wrong, p(v | x) is not (PHYSICS 2).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.array_types import PerStar, Positions
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


_MODES = 128
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


@dataclass(frozen=True)
class Clumps:
    """Log-normal dust: density exp(σ G − σ²/2) times its mean, G a Gaussian random field of unit variance.

    ``dispersion`` is σ, ``length`` [kpc] the correlation length of G; ``seed`` draws its plane waves.
    """

    dispersion: float
    length: float
    seed: int

    def relative_column(self, x: Positions) -> PerStar:
        """Dust between the Sun and each position, relative to that of even dust; near one far away."""
        column = np.zeros(len(x))
        for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
            column += weight * np.exp(self.dispersion * self._field(node * x) - self.dispersion**2 / 2)
        return column

    def _field(self, x: Positions) -> Float[np.ndarray, "n"]:
        rng = np.random.default_rng(self.seed)
        waves = rng.normal(size=(3, _MODES)) / self.length
        phase = rng.uniform(0, 2 * np.pi, _MODES)
        return np.sqrt(2 / _MODES) * np.cos(x @ waves + phase).sum(1)
