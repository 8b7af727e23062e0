"""Flows trained on mocks whose f is known, and how far they are from it: what the benchmarks of flows share.

The score error is median|Δs| / median|s| over 2¹⁵ other stars, in its space and velocity parts; CPU seconds are those
of training one after the other in one thread, compiling included.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np

from core import mocks
from core.config import preset
from core.flow.distribution_function import FlowEnsemble, combined
from core.flow.training import FlowTrainer, flow_trainer, gather
from core.mocks.system import StationarySystem

STARS, HELD_OUT = 2**17, 2**15
SPACE, VELOCITY = slice(0, 3), slice(3, 6)


@dataclass(frozen=True)
class Trained:
    """A mock's system with flows for its stars, and the CPU seconds that they took."""

    system: StationarySystem
    trainer: FlowTrainer
    flow: FlowEnsemble
    seconds: float


def trained(
    name: str,
    seed: int,
    members: int = 1,
    *,
    halves: bool = False,
    stars: int = STARS,
    overrides: Mapping[str, Any] | None = None,
) -> Trained:
    """Flows with the settings of the ``quick`` preset but for ``overrides``."""
    system = mocks.system(name, {})
    sample = system.sample(np.random.default_rng(seed), stars)
    config = preset("quick", {"flow.halves": halves, **(overrides or {})})
    coordinates = "disc" if system.frame == "rotating" else "sphere"
    start = time.process_time()
    trainer = flow_trainer(sample, config.flow, config.solar, coordinates=coordinates, seed=seed)
    states = []
    for member in range(members):
        half = member % 2 if halves else None
        for progress in trainer.train(100 * seed + member, half):
            checkpoint = progress.checkpoint
        states.append((trainer.finish(100 * seed + member, checkpoint), half))
    return Trained(system, trainer, gather(trainer, states), time.process_time() - start)


def others(system: StationarySystem, seed: int, count: int = HELD_OUT) -> np.ndarray:
    """Stars that no flow has seen."""
    return np.asarray(system.sample(np.random.default_rng(1000 + seed), count).w, float)


def score_error(found: np.ndarray, exact: np.ndarray, part: slice, rows: np.ndarray | slice = slice(None)) -> float:
    """median|Δs| / median|s| of the space or the velocity part; NaN where there are no rows."""
    difference = np.linalg.norm((found - exact)[rows, part], axis=1)
    size = np.linalg.norm(exact[rows, part], axis=1)
    return float(np.median(difference) / np.median(size)) if len(size) else np.nan


def errors(one: Trained, seed: int, count: int = HELD_OUT) -> list[float]:
    """Likelihood gap of the mixture, errors of the median score: space, velocity, space inside and at the edge."""
    w = others(one.system, seed, count)
    exact, score = one.system.ln_f(w), one.system.score(w)
    log_df, scores = one.flow.log_df_and_score(w)
    gap = float(np.mean((exact - combined(log_df, scores, "mixture").log_df)[np.isfinite(exact)]))
    found = combined(log_df, scores, "median").score
    r = np.linalg.norm(w[:, :3], axis=1)
    in_ball = one.system.frame == "rotating"
    edges = [score_error(found, score, SPACE, rows & in_ball) for rows in (r < 0.8, r > 0.95)]
    return [gap, score_error(found, score, SPACE), score_error(found, score, VELOCITY), *edges]


def cells(forms: tuple[str, ...], values: Any) -> str:
    """The middle of a row of a table; a dash where there is no value."""
    return " | ".join(form.format(v) if np.isfinite(v) else "–" for form, v in zip(forms, values, strict=True))
