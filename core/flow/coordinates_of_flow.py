"""What the networks see: features of the position, and the velocity in a frame that turns with it.

For a disc the frame is (R - R0, R0 φ, z | vR, vφ, vz) about the Galactic axis: an axisymmetric rotating f is then
represented exactly, and smoothing errors do not fake a pattern (PHYSICS 2). The features end with functions that run
as ln n does (ln cosh z/h for a disc, ln(1 + r²/s²) for a sphere). Scales are read off the stars once and frozen with
the flow.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from core.array_types import PhaseSpace
from core.phase_space.solar_position import SolarPosition

KINDS = ("disc", "sphere")


@dataclass(frozen=True)
class FlowCoordinates:
    """A frozen change of variables, written for one star.

    ``kind`` is ``disc`` (about the Galactic axis of ``sun``) or ``sphere`` (about the origin). ``scale`` holds the
    length scales [kpc] of the three position coordinates, ``velocity_mean`` and ``velocity_scale`` [km/s] standardise
    the velocity in the turning frame.
    """

    kind: str
    sun: SolarPosition
    scale: tuple[float, float, float]
    velocity_mean: tuple[float, float, float]
    velocity_scale: tuple[float, float, float]

    @property
    def features(self) -> int:
        """Number of position features."""
        return 6

    def position(self, x: Float[Array, "3"]) -> Float[Array, "f"]:
        """Features of a heliocentric position [kpc]; all of order one."""
        if self.kind == "disc":
            return self._disc_features(x)
        return self._sphere_features(x)

    def velocity(self, w: Float[Array, "6"]) -> Float[Array, "3"]:
        """Velocity in the turning frame, standardised: an orthogonal map of v at fixed x, then a scale."""
        v = self.sun.galactocentric_velocity(w[3:]) if self.kind == "disc" else w[3:]
        if self.kind == "disc":
            X = self.sun.galactocentric_position(w[:3])
            R = jnp.hypot(X[0], X[1])
            v = jnp.stack([(X[0] * v[0] + X[1] * v[1]) / R, (X[1] * v[0] - X[0] * v[1]) / R, v[2]])
        return (v - jnp.asarray(self.velocity_mean, v.dtype)) / jnp.asarray(self.velocity_scale, v.dtype)

    def inverse_velocity(self, x: Float[Array, "3"], u: Float[Array, "3"]) -> Float[Array, "3"]:
        """Heliocentric velocity [km/s] at ``x`` of a standardised one; inverse of :meth:`velocity`."""
        v = u * jnp.asarray(self.velocity_scale, u.dtype) + jnp.asarray(self.velocity_mean, u.dtype)
        if self.kind == "disc":
            X = self.sun.galactocentric_position(x)
            R = jnp.hypot(X[0], X[1])
            v = jnp.stack([(X[0] * v[0] + X[1] * v[1]) / R, (X[1] * v[0] - X[0] * v[1]) / R, v[2]])
            return (v - self.sun.velocity) @ self.sun.axes
        return v

    def place(self, x: Float[Array, "3"]) -> Float[Array, "3"]:
        """Three invertible coordinates of a position, of order one: for flows that model phase space in one piece."""
        return self._disc_place(x) if self.kind == "disc" else compact(x / self.scale[0])

    def inverse_place(self, q: Float[Array, "3"]) -> Float[Array, "3"]:
        """Heliocentric position [kpc]; inverse of :meth:`place`."""
        if self.kind == "disc":
            scale = jnp.asarray(self.scale, q.dtype)
            R, azimuth, z = self.sun.R0 + q[0] * scale[0], q[1] * scale[1] / self.sun.R0, q[2] * scale[2]
            X = jnp.stack([-R * jnp.cos(azimuth), R * jnp.sin(azimuth), z])
            return X @ self.sun.axes + self.sun.centre
        return _expanded(q) * self.scale[0]

    def log_place_volume(self, x: Float[Array, "3"]) -> Float[Array, ""]:
        """ln |∂x/∂q| [kpc³] at a position: what a unit cube of :meth:`place` is worth there."""
        if self.kind == "disc":
            X = self.sun.galactocentric_position(x)
            return jnp.log(jnp.hypot(X[0], X[1]) / self.sun.R0) + sum(map(math.log, self.scale))
        t = jnp.sum((x / self.scale[0]) ** 2)
        half_log = 0.5 * jnp.log1p(t)
        # The slope of the compacted radius, times the square of its ratio to the radius.
        slope = (1 + t + half_log) / (1 + t) ** 1.5
        ratio = (1 + half_log) / jnp.sqrt(1 + t)
        return 3 * math.log(self.scale[0]) - jnp.log(slope) - 2 * jnp.log(ratio)

    def orientation(self, key: jax.Array) -> Float[Array, "3 3"]:
        """An orthogonal matrix for the velocities of a member, so that members differ in which is moved first.

        A disc keeps its own axes, in random order: across them its velocities are nearly independent (README,
        Decisions). A sphere has none, and is turned at random (Haar measure).
        """
        if self.kind == "disc":
            return jax.random.permutation(key, jnp.eye(3))
        return jax.random.orthogonal(key, 3)

    @property
    def log_velocity_volume(self) -> float:
        """ln of the volume [(km/s)³] of a unit cube of standardised velocity."""
        return float(np.sum(np.log(self.velocity_scale)))

    def _disc_place(self, x: Float[Array, "3"]) -> Float[Array, "3"]:
        X = self.sun.galactocentric_position(x)
        R0 = self.sun.R0
        along = (jnp.hypot(X[0], X[1]) - R0) / self.scale[0]
        around = R0 * jnp.arctan2(X[1], -X[0]) / self.scale[1]
        return jnp.stack([along, around, X[2] / self.scale[2]])

    def _disc_features(self, x: Float[Array, "3"]) -> Float[Array, "6"]:
        place = self._disc_place(x)
        return jnp.concatenate([place, jnp.stack([log_cosh(place[2] / height) for height in HEIGHTS])])

    def _sphere_features(self, x: Float[Array, "3"]) -> Float[Array, "6"]:
        u = x / self.scale[0]
        return jnp.concatenate([compact(u), slopes(jnp.sum(u * u))])

    def to_json(self) -> dict[str, Any]:
        """Plain values; :func:`from_json` is the inverse."""
        return asdict(self)


HEIGHTS = (1.05, 2.6, 5.2)
"""About 0.2, 0.5 and 1 kpc for a disc like the Galaxy's, whose median height is 0.19; sharper ones peak too much."""


def slopes(squared: Float[Array, ""]) -> Float[Array, "3"]:
    """ln of the radius beyond three radii, of a squared distance."""
    return jnp.stack([0.5 * jnp.log1p(squared * s**2) for s in (0.5, 1.0, 2.0)])


def compact(u: Float[Array, "3"]) -> Float[Array, "3"]:
    """Radial compaction: the outermost star of a power-law halo is a few units away, not a hundred."""
    squared = jnp.sum(u * u)
    return u / jnp.sqrt(1 + squared) * (1 + 0.5 * jnp.log1p(squared))


def _expanded(q: Float[Array, "3"]) -> Float[Array, "3"]:
    """Inverse of :func:`compact`, by halving an interval of asinh of the radius."""
    wanted = jnp.linalg.norm(q)

    def halve(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (bracket[0] + bracket[1]) / 2
        radius = jnp.sinh(middle)
        below = radius / jnp.cosh(middle) * (1 + jnp.log(jnp.cosh(middle))) < wanted
        return jnp.where(below, middle, bracket[0]), jnp.where(below, bracket[1], middle)

    low, high = jax.lax.fori_loop(0, 50, halve, (jnp.zeros_like(wanted), jnp.full_like(wanted, 40.0)))
    return q / jnp.maximum(wanted, 1e-30) * jnp.sinh((low + high) / 2)


def log_cosh(u: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """ln cosh u without overflow."""
    return jnp.logaddexp(u, -u) - jnp.log(2.0)


def from_json(values: dict[str, Any]) -> FlowCoordinates:
    """The coordinates that ``to_json`` wrote."""
    scales = {name: tuple(values[name]) for name in ("scale", "velocity_mean", "velocity_scale")}
    return FlowCoordinates(kind=values["kind"], sun=SolarPosition(**values["sun"]), **scales)


def fit_coordinates(w: PhaseSpace, kind: str, sun: SolarPosition) -> FlowCoordinates:
    """Coordinates whose scales are read off the stars ``w``.

    For a disc the vertical scale is the median height above the median plane, so that the skeleton terms bend where
    the stars do; the other two are the standard deviations.
    """
    if kind == "disc":
        q = sun.to_galactocentric(np.asarray(w, float))
        R = np.hypot(q[:, 0], q[:, 1])
        around = sun.R0 * np.arctan2(q[:, 1], -q[:, 0])
        height = float(np.median(np.abs(q[:, 2] - np.median(q[:, 2]))))
        scale = (float(np.std(R)), float(np.std(around)), height)
        v = np.stack(
            [
                (q[:, 0] * q[:, 3] + q[:, 1] * q[:, 4]) / R,
                (q[:, 1] * q[:, 3] - q[:, 0] * q[:, 4]) / R,
                q[:, 5],
            ],
            1,
        )
    else:
        radius = float(np.median(np.linalg.norm(w[:, :3], axis=1)))
        scale = (radius, radius, radius)
        v = np.asarray(w[:, 3:], float)
    return FlowCoordinates(kind, sun, scale, tuple(v.mean(0).tolist()), tuple(v.std(0).tolist()))
