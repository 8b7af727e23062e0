"""What the tasks of a run leave for others: flows, samples and potentials as sealed files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from core import ensemble, settings
from core.config import Config, PotentialConfig
from core.errors import InputError, UnknownRunError
from core.flow.distribution_function import Architecture, FlowEnsemble, FlowState, architecture_from_json
from core.flow.spatial_density import BallProposal
from core.phase_space import region as regions
from core.phase_space.region import Region
from core.phase_space.sample import ScoredSample
from core.potential.fields import PotentialEnsemble
from core.potential.training import PotentialMember, gather, state_template
from core.runs import artifacts
from core.runs.trees import from_arrays, to_arrays

MAIN = "df_seed"
"""The pipeline whose flows are the best estimate of f."""


SCHEMA = 1
"""Raised whenever stored parameters would mean another function."""


def _require_schema(path: Path, metadata: Mapping[str, Any]) -> None:
    if metadata.get("schema") != SCHEMA:
        raise InputError(
            f"it has schema {metadata.get('schema')!r}, this program reads {SCHEMA}",
            file=path,
            remedy="Read it with the version that wrote it, or fit again.",
        )


def flow_path(products: Path, pipeline: str, member: int) -> Path:
    """File of one flow."""
    return products / f"flow-{pipeline}-{member:03d}.safetensors"


def write_flow_member(
    path: Path,
    *,
    architecture: Architecture,
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
        "schema": SCHEMA,
        "architecture": architecture.to_json(),
        "region": region.to_json(),
        "half": half,
        "held_out": held_out,
    }
    artifacts.write_arrays(path, arrays, metadata)


def read_flow(products: Path, pipeline: str = MAIN) -> FlowEnsemble:
    """The ensemble of all flows of a pipeline."""
    paths = sorted(products.glob(f"flow-{pipeline}-*.safetensors"))
    if not paths:
        raise UnknownRunError("the run has no trained flow yet", file=products.parent)
    states, halves = [], []
    for path in paths:
        arrays, metadata = artifacts.read_arrays(path)
        _require_schema(path, metadata)
        architecture = architecture_from_json(metadata["architecture"])
        parts = {name.removeprefix("state"): a for name, a in arrays.items() if name.startswith("state")}
        states.append(from_arrays(parts, _flow_template(architecture)))
        halves.append(metadata["half"])
    return FlowEnsemble(
        architecture=architecture,
        region=regions.from_json(metadata["region"]),
        proposal=BallProposal(arrays["proposal.centre"], arrays["proposal.cubed_radii"]),
        states=ensemble.stack(states),
        half=np.array(halves),
    )


def held_out_log_df(products: Path) -> list[float]:
    """Mean ln f of the held-out stars, for each flow of the best estimate."""
    paths = sorted(products.glob(f"flow-{MAIN}-*.safetensors"))
    return [artifacts.read_arrays(path)[1]["held_out"] for path in paths]


def _flow_template(architecture: Architecture) -> FlowState:
    key = jax.random.key(0)
    return FlowState(
        density=nnx.state(architecture.density(key)),
        velocity=nnx.state(architecture.velocity(key)),
        rotation=jnp.zeros((3, 3)),
        log_normaliser=jnp.zeros(()),
    )


def write_scored(path: Path, sample: ScoredSample) -> None:
    """The scored sample, in single precision."""
    artifacts.write_arrays(
        path,
        {
            "w": sample.w.astype(np.float32),
            "log_df": sample.log_df.astype(np.float32),
            "score": sample.score.astype(np.float32),
            "half": sample.half,
        },
        {},
    )


def read_scored(path: Path) -> ScoredSample:
    """The scored sample that :func:`write_scored` wrote."""
    arrays, _ = artifacts.read_arrays(path)
    return ScoredSample(arrays["w"].astype(float), arrays["log_df"], arrays["score"], arrays["half"])


def potentials_path(products: Path, pipeline: str) -> Path:
    """File of the potentials of a pipeline."""
    return products / f"potential-{pipeline}.safetensors"


def write_potentials(
    path: Path, config: PotentialConfig, members: list[PotentialMember], mean_angular_speed: float | None
) -> None:
    """The potentials of a pipeline; ``mean_angular_speed`` [km/s/kpc] is that of the stars they were fitted to."""
    arrays = to_arrays(ensemble.stack([m.state for m in members]))
    metadata = {
        "schema": SCHEMA,
        "potential": settings.to_dict(config),
        "members": len(members),
        "pattern_speed": [m.pattern_speed for m in members],
        "noise_share": [m.noise_share for m in members],
        "mean_angular_speed": mean_angular_speed,
    }
    artifacts.write_arrays(path, arrays, metadata)


def read_members(products: Path, pipeline: str) -> tuple[PotentialConfig, list[PotentialMember], float | None]:
    """What :func:`write_potentials` wrote."""
    path = potentials_path(products, pipeline)
    if not path.is_file():
        raise UnknownRunError(f"the run has no potentials of the pipeline {pipeline!r} yet", file=products.parent)
    arrays, metadata = artifacts.read_arrays(path)
    _require_schema(path, metadata)
    config = settings.from_dict(Config().potential, metadata["potential"])
    count = metadata["members"]
    template = state_template(config, {name: array.shape[1:] for name, array in arrays.items()})
    states = [from_arrays({k: a[i, ...] for k, a in arrays.items()}, template) for i in range(count)]
    speeds, shares = metadata["pattern_speed"], metadata["noise_share"]
    members = [PotentialMember(s, p, n) for s, p, n in zip(states, speeds, shares, strict=True)]
    return config, members, metadata["mean_angular_speed"]


def read_potentials(products: Path, pipeline: str) -> PotentialEnsemble:
    """The ensemble of the potentials of a pipeline."""
    config, members, _ = read_members(products, pipeline)
    return gather(config, members)
