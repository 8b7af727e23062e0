"""Axes of slices: x, y and z, the first two turned about the vertical by an angle that is chosen.

``turn`` [deg] counts from x towards y, against the Galactic rotation as seen from the north. A vertical plane is normal
to a turned axis and holds the other; the horizontal plane keeps x and y.
"""

import numpy as np
from jaxtyping import Float

AXES = ("x", "y", "z")

Place = tuple[float, float, float]


def turned_axes(turn: float) -> Float[np.ndarray, "3 3"]:
    """Rows are the unit vectors of the axes in heliocentric components."""
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def turn_of(normal: str, turn: float) -> float:
    """The angle of the axes in the planes ``normal`` to one of them."""
    return 0.0 if normal == "z" else turn


def along_axes(place: Place, turn: float) -> dict[str, float]:
    """The coordinates [kpc] of a heliocentric place along the axes."""
    return dict(zip(AXES, (float(v) for v in turned_axes(turn) @ place), strict=True))


def moved(place: Place, turn: float, **coordinates: float) -> Place:
    """The heliocentric place with some of its coordinates along the axes replaced."""
    along = along_axes(place, turn) | coordinates
    x, y, z = (float(v) for v in np.array([along[axis] for axis in AXES]) @ turned_axes(turn))
    return x, y, z
