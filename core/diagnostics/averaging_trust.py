"""How much of the averaging volume of each scalar lies where the fit is reliable, and a warning where little does."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from core.diagnostics.quantities import quantities
from core.diagnostics.reliability import DENSITY, FORCE, Reliability, warning
from core.diagnostics.volumes import AveragingVolumes

_ASPECTS: Mapping[str, str] = {
    "acceleration": FORCE,
    "circular_velocity": FORCE,
    "vertical_force": FORCE,
    "density": DENSITY,
    "surface_density": DENSITY,
    "dark_matter": DENSITY,
}
"""What of the potential a scalar is made of, by how its name begins; Ω_p has a verdict of its own."""


def averaging_trust(judge: Reliability, volumes: AveragingVolumes) -> dict[str, dict[str, Any]]:
    """By scalar, the shares of its volume in each class (``reliability``) and the ``warning``, or None."""
    places = volumes.places()
    if volumes.has_plane:
        places |= {"column": volumes.column, "face": volumes.column[[0, -1]]}

    @cache
    def shares(aspect: str, volume: str) -> dict[str, float]:
        return judge.shares(aspect, places[volume])

    found = {}
    for q in quantities(volumes.own):
        aspect = next((made_of for start, made_of in _ASPECTS.items() if q.name.startswith(start)), None)
        if aspect is not None and q.volume in places:
            known = shares(aspect, q.volume)
            found[q.name] = {"reliability": known, "warning": warning(known, aspect)}
    return found
