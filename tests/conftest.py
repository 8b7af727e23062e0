"""Laws are checked in double precision, and arrays never broadcast by accident."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import hypothesis
import jax
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

# Compiling is two thirds of the work: what was compiled in one run of the tests serves the next.
COMPILED = Path(__file__).parents[1] / ".pytest_cache"
jax.config.update("jax_compilation_cache_dir", str(COMPILED / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)

# The same examples in every run, and no clock: a slow machine is no failure.
hypothesis.settings.register_profile("laws", derandomize=True, deadline=None)
hypothesis.settings.load_profile("laws")


class TrainedFlow(NamedTuple):
    """Two members on disjoint halves of the stars of a mock, trained for a second, with what they were trained on."""

    system: object
    stars: object
    trainer: object
    flow: object
    held_out: list[float]


TINY = {
    "flow.members": 2,
    "flow.density.hidden": 16,
    "flow.density.nodes": 1024,
    "flow.density.training.steps": 120,
    "flow.density.training.batch": 512,
    "flow.velocity.layers": 3,
    "flow.velocity.hidden": 8,
    "flow.velocity.components": 3,
    "flow.velocity.training.steps": 200,
    "flow.velocity.training.batch": 256,
}
"""A flow that learns the gross shape of a mock in a second."""


@pytest.fixture(scope="session")
def trained_flow() -> Callable[[str], TrainedFlow]:
    """``trained_flow("disc")`` or ``("sphere")``: trained when first asked for."""
    from core import mocks
    from core.config import preset
    from core.flow.training import flow_trainer, gather

    @cache
    def train(kind: str) -> TrainedFlow:
        config = preset("quick", TINY)
        overrides = {"radius": 4.0} if kind == "sphere" else {}
        system = mocks.system("plummer" if kind == "sphere" else "freeman", overrides)
        stars = system.sample(np.random.default_rng(1), 6000)
        trainer = flow_trainer(stars, config.flow, config.solar, coordinates=kind, seed=3)
        members, held_out = [], []
        for half in (0, 1):
            for progress in trainer.train(10 + half, half):
                checkpoint = progress.checkpoint
            state = trainer.finish(10 + half, checkpoint)
            members.append((state, half))
            held_out.append(trainer.held_out_log_df(state))
        return TrainedFlow(system, stars, trainer, gather(trainer, members), held_out)

    return train
