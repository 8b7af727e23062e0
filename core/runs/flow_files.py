"""Trained flows as sealed files.

Apart from the other products, because the networks bring libraries of a hundred megabytes, and pages need no flow.
"""

from collections.abc import Container
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from core import ensemble
from core.errors import TrainingError, UnknownRunError
from core.flow.distribution_function import FlowEnsemble
from core.flow.families import from_json
from core.flow.family import Family, FlowState
from core.flow.spatial_density import BallProposal
from core.phase_space import region as regions
from core.phase_space.region import Region
from core.runs import artifacts
from core.runs.products import FLOW_SCHEMA, MAIN, require_schema, stored_flows
from core.runs.trees import from_arrays, to_arrays


def write_flow_member(
    path: Path,
    *,
    family: Family,
    region: Region,
    proposal: BallProposal,
    state: FlowState,
    half: int,
    held_out: float,
) -> None:
    """One trained flow with all that is needed to evaluate it; ``held_out`` is its mean ln f of held-out stars."""
    arrays = {f"state{name}": array for name, array in to_arrays(state).items()}
    arrays |= {"proposal.centre": proposal.centre, "proposal.cubed_radii": proposal.cubed_radii}
    metadata = {
        "schema": FLOW_SCHEMA,
        "family": family.to_json(),
        "region": region.to_json(),
        "half": half,
        "held_out": held_out,
    }
    artifacts.write_arrays(path, arrays, metadata)


def read_flow(products: Path, pipeline: str = MAIN, numbers: Container[int] | None = None) -> FlowEnsemble:
    """The ensemble of the flows of a pipeline that are fit for use, those with ``numbers`` or all.

    Raises TrainingError where fewer than half of them are, or none of one half of the stars.
    """
    members = [flow for flow in stored_flows(products, pipeline) if numbers is None or flow.number in numbers]
    if not members:
        raise UnknownRunError("the run has no trained flow yet", file=products.parent)
    used = [member for member in members if member.reason is None]
    halves = {member.half for member in members}
    if 2 * len(used) < len(members) or {member.half for member in used} != halves:
        reasons = "; ".join(f"flow {m.number}: {m.reason}" for m in members if m.reason)
        raise TrainingError(f"only {len(used)} of {len(members)} flows can be used, too few. {reasons}")
    states = []
    for member in used:
        assert member.path is not None
        arrays, metadata = artifacts.read_arrays(member.path)
        require_schema(member.path, metadata, FLOW_SCHEMA)
        family = from_json(metadata["family"])
        parts = {name.removeprefix("state"): a for name, a in arrays.items() if name.startswith("state")}
        states.append(from_arrays(parts, _flow_template(family)))
    return FlowEnsemble(
        family=family,
        region=regions.from_json(metadata["region"]),
        proposal=BallProposal(arrays["proposal.centre"], arrays["proposal.cubed_radii"]),
        states=ensemble.stack(states),
        half=np.array([member.half for member in used]),
    )


@lru_cache(maxsize=4)
def _flow_template(family: Family) -> FlowState:
    """The shapes of a flow: to draw its weights, only to overwrite them, takes two seconds."""
    networks = jax.eval_shape(family.networks, jax.random.key(0))
    return FlowState(networks, rotation=jnp.zeros((3, 3)), log_normaliser=jnp.zeros(()))
