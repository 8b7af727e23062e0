"""How much of the averaging volume of each scalar lies where the fit is reliable, and a warning where little does."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from core.array_types import Positions
from core.diagnostics.reliability import DENSITY, FORCE, Reliability, warning
from core.diagnostics.scalars import QUANTITIES, AveragingVolumes

_ASPECTS: Mapping[str, str] = {
    "acceleration_x": FORCE,
    "acceleration_y": FORCE,
    "acceleration_z": FORCE,
    "density_midplane": DENSITY,
    "density_slab": DENSITY,
    "density_shell": DENSITY,
    "circular_velocity": FORCE,
    "surface_density": DENSITY,
    "vertical_force": FORCE,
    "dark_matter_density": DENSITY,
}
"""What of the potential a scalar is made of; Ω_p has a verdict of its own."""


def places(volumes: AveragingVolumes, name: str) -> Positions:
    """The points [kpc] of a volume by the name that ``QUANTITIES`` gives it."""
    return {
        "shell": volumes.shell,
        "slab": volumes.shell[volumes.slab],
        "arc": volumes.arc,
        "column": volumes.column,
        "face": volumes.column[[0, -1]] if len(volumes.column) else volumes.column,
    }[name]


def averaging_trust(judge: Reliability, volumes: AveragingVolumes) -> dict[str, dict[str, Any]]:
    """By scalar, the shares of its volume in each class (``reliability``) and the ``warning``, or None."""

    @cache
    def shares(aspect: str, volume: str) -> dict[str, float]:
        return judge.shares(aspect, places(volumes, volume))

    found = {}
    for q in QUANTITIES:
        aspect = _ASPECTS.get(q.name)
        if aspect is not None and len(places(volumes, q.volume)):
            known = shares(aspect, q.volume)
            found[q.name] = {"reliability": known, "warning": warning(known, aspect)}
    return found
