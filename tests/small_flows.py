"""Flows of every family that cost a second: trained on the stars of a mock, or never trained and given wild weights."""

import dataclasses
from functools import cache
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from core import mocks
from core.config import FlowConfig, preset
from core.flow import whole
from core.flow.distribution_function import FlowEnsemble
from core.flow.factored import DENSITY, FactoredFlow
from core.flow.family import FlowState
from core.flow.training import FlowTrainer, flow_trainer, gather
from core.mocks.system import StationarySystem
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.runs.trees import to_arrays

SUN = SolarPosition()
KINDS = ("disc", "sphere")

TINY = {
    "flow.members": 2,
    "flow.velocity.layers": 3,
    "flow.velocity.hidden": 8,
    "flow.velocity.components": 3,
    "flow.velocity.training.steps": 200,
    "flow.velocity.training.batch": 256,
    "flow.joint.layers": 6,
    "flow.joint.hidden": 8,
    "flow.joint.components": 3,
    "flow.joint.training.steps": 200,
    "flow.joint.training.batch": 256,
    "flow.continuous.layers": 1,
    "flow.continuous.hidden": 16,
    "flow.continuous.matching.steps": 200,
    "flow.continuous.matching.batch": 64,
    "flow.continuous.likelihood.steps": 20,
    "flow.continuous.likelihood.batch": 64,
}
"""Flows that learn the gross shape of a mock in a second."""

FAMILIES = {
    "factored": {},
    "conditional": {"flow.mode": "conditional"},
    "joint": {"flow.family": "joint"},
    "spline": {"flow.family": "spline"},
    "continuous": {"flow.family": "continuous"},
}
"""What chooses each family."""


NORMALISER_DRAWS = 32_768


class TrainedFlow(NamedTuple):
    """Two members on disjoint halves of the stars of a mock, with what they were trained on."""

    system: StationarySystem
    stars: PhaseSpaceSample
    trainer: FlowTrainer
    flow: FlowEnsemble
    held_out: list[float]


def settings(family: str = "factored", **changes: object) -> FlowConfig:
    """The tiny settings of a family, but for ``changes``, whose keys have two underscores for a dot."""
    more = {f"flow.{key.replace('__', '.')}": value for key, value in changes.items()}
    return preset("quick", {**TINY, **FAMILIES[family], **more}).flow


@cache
def stars_of(kind: str) -> tuple[StationarySystem, PhaseSpaceSample]:
    """A disc in a ball of one kpc about the Sun, or a sphere, and its stars."""
    system = mocks.system("freeman") if kind == "disc" else mocks.system("plummer", {"radius": 4.0})
    return system, system.sample(np.random.default_rng(1), 6000)


@cache
def trainer(family: str, kind: str) -> FlowTrainer:
    """The trainer of a family for the stars of a mock."""
    return flow_trainer(stars_of(kind)[1], settings(family), SUN, coordinates=kind, seed=3)


@cache
def trained(family: str, kind: str) -> TrainedFlow:
    """Trained when first asked for."""
    system, stars = stars_of(kind)
    made = trainer(family, kind)
    members, held_out = [], []
    for half in (0, 1):
        for progress in made.train(10 + half, half):
            checkpoint = progress.checkpoint
        with fewer_draws():
            state = made.finish(10 + half, checkpoint)
        members.append((state, half))
        held_out.append(made.held_out_log_df(state))
    return TrainedFlow(system, stars, made, gather(made, members), held_out)


def fewer_draws() -> object:
    """Within it the share of a whole flow inside its region is found from an eighth of the usual draws."""
    return mock.patch.object(whole, "_NORMALISER_DRAWS", NORMALISER_DRAWS)


def weights_of(tree: object, scale: float, seed: int) -> object:
    """The same tree with normal weights of size ``scale``: a network as wild as training could ever make it."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    wild = [scale * jax.random.normal(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, wild)


def wild_member(trainer: FlowTrainer, seed: int = 0, scale: float = 0.25) -> FlowState:
    """An untrained member with strong weights, normalised as a trained one is."""
    networks = weights_of(trainer.family.networks(jax.random.key(0)), scale, seed)
    if isinstance(trainer.family, FactoredFlow):
        some = jax.vmap(trainer.family.skeleton)(jnp.asarray(trainer.stars.w[:1000, :3]))
        networks[DENSITY] = networks[DENSITY] / (2 * jnp.std(some, 0))  # functions of every size count alike
    rotation = trainer.family.coordinates.orientation(jax.random.key(seed))
    with fewer_draws():
        return trainer.family.finish(networks, rotation, trainer.stars, trainer.stars.w[trainer.parts.held_out])


@cache
def wild(family: str, kind: str) -> FlowEnsemble:
    """An ensemble of one wild member."""
    made = trainer(family, kind)
    return gather(made, [(wild_member(made), None)])


def with_stars(original: FlowTrainer, w: np.ndarray) -> FlowTrainer:
    """A trainer of other stars whose descents, which hold none, are those that are compiled already."""
    changed = dataclasses.replace(original, stars=dataclasses.replace(original.stars, w=w))
    pairs = zip(original._phases, changed._phases, strict=True)
    changed.__dict__["_phases"] = tuple(dataclasses.replace(old, rows=new.rows) for old, new in pairs)
    return changed


def bits(tree: object) -> dict[str, bytes]:
    """Every number of a tree, by its place."""
    return {name: array.tobytes() for name, array in to_arrays(tree).items()}
