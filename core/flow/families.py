"""The families by name, each made from the configuration of the flows or from its JSON."""

from collections.abc import Mapping
from typing import Any

from core.config import FlowConfig
from core.flow import coordinates_of_flow
from core.flow.continuous import ContinuousFlow
from core.flow.coordinates_of_flow import FlowCoordinates
from core.flow.factored import ConditionalFlow, FactoredFlow
from core.flow.family import Family
from core.flow.whole import JointFlow, SplineFlow

FAMILIES: Mapping[str, type[Family]] = {
    family.name: family for family in (FactoredFlow, ConditionalFlow, JointFlow, SplineFlow, ContinuousFlow)
}
"""Every family by the name in a flow's file."""


def family_of(config: FlowConfig, coordinates: FlowCoordinates) -> Family:
    """The family that the configuration describes."""
    if config.family == "factored":
        velocity = config.velocity
        shape = (config.density.waves, velocity.layers, velocity.hidden, velocity.components)
        return (ConditionalFlow if config.mode == "conditional" else FactoredFlow)(coordinates, *shape)
    if config.family == "continuous":
        return ContinuousFlow(coordinates, *(getattr(config.continuous, k) for k in ("layers", "hidden", "steps")))
    kind = SplineFlow if config.family == "spline" else JointFlow
    return kind(coordinates, config.joint.layers, config.joint.hidden, config.joint.components)


def from_json(values: Mapping[str, Any]) -> Family:
    """The family that ``to_json`` wrote."""
    fields = {name: value for name, value in values.items() if name not in ("family", "coordinates")}
    return FAMILIES[values["family"]](coordinates=coordinates_of_flow.from_json(values["coordinates"]), **fields)
