"""What the tasks of a run leave for others: samples and potentials as sealed files, and where flows are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core import ensemble, settings
from core.config import Config, PotentialConfig
from core.errors import CorruptArtifactError, InputError, UnknownRunError
from core.flow.outliers import outlying
from core.phase_space import region as regions
from core.phase_space.region import Region
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.pipelines import DF_SEED, WEAK_FORM
from core.potential.fields import PotentialEnsemble
from core.potential.training import PotentialMember, gather, state_template
from core.runs import artifacts
from core.runs.seals import read_product
from core.runs.trees import from_arrays, to_arrays

MAIN = DF_SEED
"""The pipeline whose flows are the best estimate of f."""

STEADINESS = "steadiness.json"
SPEED_PROFILE = "pattern_speed_profile.json"


FLOW_SCHEMA, POTENTIAL_SCHEMA = 2, 1
"""Raised whenever stored parameters would mean another function."""


def require_schema(path: Path, metadata: Mapping[str, Any], schema: int) -> None:
    """InputError where a file was written in another schema."""
    if metadata.get("schema") != schema:
        raise InputError(
            f"it has schema {metadata.get('schema')!r}, this program reads {schema}",
            file=path,
            remedy="Read it with the version that wrote it, or fit again.",
        )


def flow_path(products: Path, pipeline: str, member: int) -> Path:
    """File of one flow."""
    return products / f"flow-{pipeline}-{member:03d}.safetensors"


def rejection_path(products: Path, pipeline: str, member: int) -> Path:
    """File that stands in the place of a flow whose training failed, and says why."""
    return products / f"flow-{pipeline}-{member:03d}.rejected.json"


def read_region(products: Path, pipeline: str = MAIN) -> Region:
    """The region of the flows of a pipeline, without their networks."""
    for path in sorted(products.glob(f"flow-{pipeline}-*.safetensors")):
        metadata = artifacts.read_arrays(path)[1]
        require_schema(path, metadata, FLOW_SCHEMA)
        return regions.from_json(metadata["region"])
    raise UnknownRunError("the run has no trained flow yet", file=products.parent)


@dataclass(frozen=True)
class StoredFlow:
    """One flow of a run: its number, its half, its mean ln f of held-out stars, and why it is not used, if so."""

    number: int
    half: int
    held_out: float
    path: Path | None
    reason: str | None


def stored_flows(products: Path, pipeline: str = MAIN) -> list[StoredFlow]:
    """All flows of a pipeline, those whose training failed and outliers among them, by number."""
    found = [_trained(path) for path in sorted(products.glob(f"flow-{pipeline}-*.safetensors"))]
    outliers = outlying([flow.held_out for flow in found])
    found = [replace(flow, reason=reason) for flow, reason in zip(found, outliers, strict=True)]
    for path in products.glob(f"flow-{pipeline}-*.rejected.json"):
        values = read_product(path)
        found.append(StoredFlow(values["member"], values["half"], math.nan, None, values["reason"]))
    return sorted(found, key=lambda flow: flow.number)


def _trained(path: Path) -> StoredFlow:
    metadata = artifacts.read_arrays(path)[1]
    require_schema(path, metadata, FLOW_SCHEMA)
    return StoredFlow(int(path.stem.rsplit("-", 1)[1]), metadata["half"], metadata["held_out"], path, None)


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
        {"conditional": sample.conditional},
    )


def read_scored(path: Path) -> ScoredSample:
    """The scored sample that :func:`write_scored` wrote."""
    arrays, metadata = artifacts.read_arrays(path)
    values = arrays["w"].astype(float), arrays["log_df"], arrays["score"], arrays["half"]
    return ScoredSample(*values, conditional=metadata["conditional"])


def scored_path(products: Path, pipeline: str, draw: int | None = None) -> Path:
    """File of the scored sample of a pipeline, or of one of its draws."""
    return products / f"scored-{pipeline}{'' if draw is None else f'-{draw:03d}'}.safetensors"


def rejection_of_draw(products: Path, pipeline: str, draw: int) -> Path:
    """File that stands in the place of a draw whose flows cannot be used, and says why."""
    return scored_path(products, pipeline, draw).with_suffix(".rejected.json")


def potentials_path(products: Path, pipeline: str) -> Path:
    """File of the potentials of a pipeline."""
    return products / f"potential-{pipeline}.safetensors"


def read_reason(path: Path) -> str:
    """What a rejection says; CorruptArtifactError where it is damaged."""
    try:
        return str(read_product(path)["reason"])
    except (KeyError, TypeError) as error:
        raise CorruptArtifactError(f"{path} is damaged: it holds no reason") from error


def rejection_of_preview(products: Path) -> Path:
    """File that stands in the place of the potentials of the weak form where they cannot be fitted, and says why."""
    return potentials_path(products, WEAK_FORM).with_suffix(".rejected.json")


def preview_left_out(products: Path) -> str | None:
    """Why there are no potentials of the weak form; None where there are some, or will be."""
    path = rejection_of_preview(products)
    return read_reason(path) if path.is_file() else None


def write_potentials(
    path: Path,
    config: PotentialConfig,
    members: list[PotentialMember],
    mean_angular_speed: float | None,
    *,
    suns: Sequence[SolarPosition] = (),
    left_out: Mapping[int, str] | None = None,
) -> None:
    """The potentials of a pipeline.

    ``mean_angular_speed`` [km/s/kpc] is that of the stars they were fitted to, ``suns`` the solar position of every
    member where they differ in it, ``left_out`` why there is no potential for a draw, by its number.
    """
    arrays = to_arrays(ensemble.stack_on_host([m.state for m in members]))
    metadata = {
        "schema": POTENTIAL_SCHEMA,
        "potential": settings.to_dict(config),
        "members": len(members),
        "pattern_speed": [m.pattern_speed for m in members],
        "noise_share": [m.noise_share for m in members],
        "drift": [m.drift for m in members],
        "drift_noise_share": [m.drift_noise_share for m in members],
        "mean_angular_speed": mean_angular_speed,
        "suns": [settings.to_dict(sun) for sun in suns],
        "left_out": {str(draw): reason for draw, reason in (left_out or {}).items()},
    }
    artifacts.write_arrays(path, arrays, metadata)


def solar_positions(products: Path, pipeline: str) -> list[SolarPosition]:
    """The solar position of every potential of a pipeline that varies it; none otherwise."""
    metadata = artifacts.read_arrays(potentials_path(products, pipeline))[1]
    return [settings.from_dict(SolarPosition(), values) for values in metadata.get("suns", [])]


def left_out(products: Path, pipeline: str) -> dict[int, str]:
    """The draws of a pipeline for which there is no potential, and why."""
    metadata = artifacts.read_arrays(potentials_path(products, pipeline))[1]
    return {int(draw): reason for draw, reason in metadata.get("left_out", {}).items()}


def read_members(products: Path, pipeline: str) -> tuple[PotentialConfig, list[PotentialMember], float | None]:
    """The potentials of a pipeline; UnknownRunError where there are none yet."""
    path = potentials_path(products, pipeline)
    if not path.is_file():
        raise UnknownRunError(f"the run has no potentials of the pipeline {pipeline!r} yet", file=products.parent)
    return read_members_in(path)


def read_members_in(path: Path) -> tuple[PotentialConfig, list[PotentialMember], float | None]:
    """What :func:`write_potentials` wrote."""
    arrays, metadata = artifacts.read_arrays(path)
    require_schema(path, metadata, POTENTIAL_SCHEMA)
    config = settings.from_dict(Config().potential, metadata["potential"])
    count = metadata["members"]
    template = state_template(config, {name: array.shape[1:] for name, array in arrays.items()})
    states = [from_arrays({k: a[i, ...] for k, a in arrays.items()}, template) for i in range(count)]
    numbers = [metadata["pattern_speed"], metadata["noise_share"]]
    for name in ("drift", "drift_noise_share"):
        # Potentials of earlier versions have none.
        numbers.append([None if m is None else tuple(m) for m in metadata.get(name, [None] * count)])
    members = [PotentialMember(*values) for values in zip(states, *numbers, strict=True)]
    return config, members, metadata["mean_angular_speed"]


def read_potentials(products: Path, pipeline: str) -> PotentialEnsemble:
    """The ensemble of the potentials of a pipeline."""
    config, members, _ = read_members(products, pipeline)
    return gather(config, members)
