"""The functions of position whose sum is ln n(x), in groups that the stars may each shrink to nothing.

Those of group 0 carry the gross run of the density: a gradient and three heights of a disc, three slopes of a sphere.
The others are what may depart from it. Coefficients are found by :mod:`core.flow.log_linear`.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from core.flow.coordinates_of_flow import HEIGHTS, FlowCoordinates, compact, log_cosh, slopes

_RAMPS = 13
_WAVE_LENGTH = 0.7
"""Of the finest structure [length scales of the coordinates]: about 0.3 kpc in a ball of 1 kpc."""


@dataclass(frozen=True)
class Skeleton:
    """Infinitely often differentiable functions of a heliocentric position [kpc]; so many ``waves`` among them."""

    coordinates: FlowCoordinates
    waves: int

    def __call__(self, x: Float[Array, "3"]) -> Float[Array, "s"]:
        return jnp.concatenate(self._groups(x))

    @property
    def groups(self) -> Int[np.ndarray, " s"]:
        """The group of each function."""
        parts = jax.eval_shape(self._groups, jax.ShapeDtypeStruct((3,), jnp.float32))
        lengths = [part.shape[0] for part in parts]
        return np.repeat(np.arange(len(lengths)), lengths)

    def _groups(self, x: Float[Array, "3"]) -> list[Float[Array, "g"]]:
        if self.coordinates.kind == "disc":
            return _of_disc(self.coordinates.place(x), self.waves)
        return _of_sphere(x / self.coordinates.scale[0], self.waves)


def _of_disc(place: Float[Array, "3"], waves: int) -> list[Float[Array, "g"]]:
    """Gradients and heights; curvature over the plane, coarse and fine; heights that vary; any vertical run; waves."""
    along, around, z = place
    vertical = jnp.stack([z, *(log_cosh(z / height) for height in HEIGHTS), z * z / 5])
    plane = {d: jnp.stack([along**i * around ** (d - i) / 2 ** (d - 1) for i in range(d + 1)]) for d in range(1, 6)}
    return [
        jnp.concatenate([plane[1], vertical]),
        jnp.concatenate([plane[2], plane[3]]),
        jnp.concatenate([plane[4], plane[5]]),
        jnp.outer(plane[1], vertical).ravel(),
        jnp.outer(plane[2], vertical[:4]).ravel(),
        _ramps(jnp.arcsinh(z), -2.4, 2.4),
        _waves(jnp.stack([along, around, jnp.arcsinh(z)]), waves),
    ]


def _of_sphere(u: Float[Array, "3"], waves: int) -> list[Float[Array, "g"]]:
    """A gradient and slopes; flattening; any radial run; waves."""
    squared = jnp.sum(u * u)
    a, b, c = u / jnp.sqrt(1 + squared)
    return [
        jnp.concatenate([compact(u), slopes(squared)]),
        jnp.stack([a * b, b * c, c * a, a * a - b * b, 2 * c * c - a * a - b * b]),
        _ramps(0.5 * jnp.log1p(squared), 0.0, 4.0),
        _waves(compact(u), waves),
    ]


def _ramps(u: Float[Array, ""], low: float, high: float) -> Float[Array, "k"]:
    """Smooth ramps of slopes -1 and 1: their coefficients are the curvature of the sum, place by place."""
    places = jnp.linspace(low, high, _RAMPS, dtype=u.dtype)
    width = (high - low) / (_RAMPS - 1)
    return log_cosh((u - places) / width) * width


def _waves(q: Float[Array, "3"], count: int) -> Float[Array, "k"]:
    """Plane waves with wave vectors of a Matérn kernel of order 5/2 (Rahimi & Recht 2007): the same ones always."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(count, 3)) / np.sqrt(rng.chisquare(5, count) / 5)[:, None] / _WAVE_LENGTH
    phases = rng.uniform(0, 2 * np.pi, count)
    return jnp.cos(jnp.asarray(vectors, q.dtype) @ q + jnp.asarray(phases, q.dtype))
