"""Shapes as types (jaxtyping), checked in the tests.

Legend of the axis names: ``n`` stars or points · ``m`` members of a flow ensemble · ``k`` members of a potential
ensemble · ``c`` columns of a linear problem. The last axis of 6 is w = (x, y, z, vx, vy, vz), of 3 a position or a
velocity; units are those of :mod:`core.units`.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

PhaseSpace = Float[np.ndarray, "n 6"]
Positions = Float[np.ndarray, "n 3"]
PerStar = Float[np.ndarray, "n"]
Mask = Bool[np.ndarray, "n"]
Labels = Int[np.ndarray, "n"]

MemberLogDF = Float[np.ndarray, "m n"]
MemberScore = Float[np.ndarray, "m n 6"]

MemberPotential = Float[np.ndarray, "k n"]
MemberAcceleration = Float[np.ndarray, "k n 3"]
