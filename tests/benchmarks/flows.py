"""Accuracy and cost of the distribution function against exact truth: ``python tests/benchmarks/flows.py``.

Trains members with the settings of the ``quick`` preset on mocks whose f is known, in one thread, and prints tables:
the likelihood gap and the score errors, median|Δs| / median|s| over 2¹⁵ other stars; the slope of d ln n/dz against the
truth in bins of height with the errors of the gradient in R and φ; evaluations and samples per second. CPU seconds
include compiling. Every figure is the median over ``--seeds`` realisations of the stars.
"""

import argparse
import itertools
import os
import time
from collections.abc import Callable, Iterator

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np

from core import mocks
from core.config import preset
from core.flow.distribution_function import FlowEnsemble, best_log_df
from core.flow.training import FlowTrainer, flow_trainer, gather
from core.mocks.disc import ExactDisc
from core.mocks.system import StationarySystem, evaluate

STARS, HELD_OUT = 2**17, 2**15
HEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for name in options.tables:
        for line in TABLES[name](options.seeds):
            print(line, flush=True)
        print()


def trained(name: str, seed: int, members: int, *, halves: bool) -> tuple[StationarySystem, FlowTrainer, FlowEnsemble]:
    """A mock's system and an ensemble of flows for its stars."""
    system = mocks.system(name, {})
    stars = system.sample(np.random.default_rng(seed), STARS)
    config = preset("quick", {"flow.halves": halves})
    coordinates = "disc" if system.frame == "rotating" else "sphere"
    trainer = flow_trainer(stars, config.flow, config.solar, coordinates=coordinates, seed=seed)
    states = []
    for member in range(members):
        half = member % 2 if halves else None
        for progress in trainer.train(100 * seed + member, half):
            checkpoint = progress.checkpoint
        states.append((trainer.finish(100 * seed + member, checkpoint), half))
    return system, trainer, gather(trainer, states)


def accuracy(seeds: int) -> Iterator[str]:
    """Likelihood gap and score errors of one member and of ensembles."""
    yield "| mock | members | nll gap [nat] | score x | score v | r < 0.8 kpc | r > 0.95 kpc | CPU-s |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, members, halves in (("plummer", 1, False), ("plummer", 6, True), ("shu-disc", 1, False)):
        rows = [_accuracy(name, seed, members, halves=halves) for seed in range(seeds)]
        values = np.median(rows, 0)
        forms = ("{:.4f}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.0f}")
        cells = [form.format(v) if np.isfinite(v) else "–" for form, v in zip(forms, values, strict=True)]
        yield f"| {name} | {members} | " + " | ".join(cells) + " |"


def _accuracy(name: str, seed: int, members: int, *, halves: bool) -> list[float]:
    start = time.process_time()
    system, _, flow = trained(name, seed, members, halves=halves)
    seconds = time.process_time() - start
    w = np.asarray(system.sample(np.random.default_rng(1000 + seed), HELD_OUT).w, float)
    exact, score = system.ln_f(w), system.score(w)
    log_df, scores = flow.log_df_and_score(w)
    mean = np.median(scores, 0)

    def error(part: slice, rows: np.ndarray) -> float:
        if not rows.any():
            return np.nan
        size = np.linalg.norm(score[rows, part], axis=1)
        return float(np.median(np.linalg.norm((mean - score)[rows, part], axis=1)) / np.median(size))

    r, everywhere = np.linalg.norm(w[:, :3], axis=1), np.ones(len(w), bool)
    edge = (r < 0.8, r > 0.95) if system.frame == "rotating" else (~everywhere, ~everywhere)
    space, velocity = slice(0, 3), slice(3, 6)
    gap = float(np.mean((exact - best_log_df(log_df))[np.isfinite(exact)]))
    errors = [error(space, everywhere), error(velocity, everywhere), *(error(space, part) for part in edge)]
    return [gap, *errors, seconds]


def density(seeds: int) -> Iterator[str]:
    """n(x) of a Shu disc in a ball: slopes of d ln n/dz by height, errors of the gradient in R and φ."""
    yield "| n(x) of a Shu disc | " + " | ".join(f"{a:g}–{b:g}" for a, b in _bins()) + " | R [/kpc] | φ [/kpc] |"
    yield "|---" * (len(HEIGHTS) + 2) + "|"
    values = np.median([_density(seed) for seed in range(seeds)], 0)
    cells = [f"{v:.3f}" for v in values[:-2]] + [f"{v:.4f}" for v in values[-2:]]
    yield f"| mean of two members, {STARS:,} stars | " + " | ".join(cells) + " |"


def _density(seed: int) -> list[float]:
    system, trainer, flow = trained("shu-disc", seed, 2, halves=True)
    assert isinstance(system, ExactDisc)
    x = np.asarray(system.sample(np.random.default_rng(1000 + seed), HELD_OUT).w[:, :3], float)
    x = x[np.linalg.norm(x, axis=1) < 0.95]
    true = evaluate(_ln_n_gradient, system, x)
    fitted = _fitted_gradient(trainer, flow, x)
    sun = trainer.architecture.coordinates.sun
    X = sun.galactocentric_position(x)
    R = np.hypot(X[:, 0], X[:, 1])

    def cylindrical(gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        g = gradient @ sun.axes.T
        return (X[:, 0] * g[:, 0] + X[:, 1] * g[:, 1]) / R, (X[:, 0] * g[:, 1] - X[:, 1] * g[:, 0]) / R, g[:, 2]

    (fit_R, fit_phi, fit_z), (true_R, true_phi, true_z) = cylindrical(fitted), cylindrical(true)
    height = np.abs(X[:, 2])
    slopes = []
    for low, high in _bins():
        rows = (height >= low) & (height < high)
        slopes.append(float(np.sum((fit_z * true_z)[rows]) / np.sum(true_z[rows] ** 2)))
    return [*slopes, float(np.sqrt(np.mean((fit_R - true_R) ** 2))), float(np.sqrt(np.mean((fit_phi - true_phi) ** 2)))]


def _bins() -> list[tuple[float, float]]:
    return list(itertools.pairwise(HEIGHTS))


def _ln_n_gradient(system: ExactDisc, x: jax.Array) -> jax.Array:
    def ln_n(y: jax.Array) -> jax.Array:
        return jax.nn.logsumexp(system._ln_components_n(system.sun.galactocentric_position(y)))

    return jax.grad(ln_n)(x)


def _fitted_gradient(trainer: FlowTrainer, flow: FlowEnsemble, x: np.ndarray) -> np.ndarray:
    """Mean over members of ∂ln n/∂x."""
    from flax import nnx

    from core import ensemble
    from core.flow.distribution_function import graphs

    def gradient(state: object, y: jax.Array) -> jax.Array:
        network = nnx.merge(graphs(trainer.architecture)[0], state)
        return jax.grad(lambda point: network(trainer.architecture.coordinates.position(point)))(y)

    many = jax.jit(jax.vmap(gradient, in_axes=(None, 0)))
    parts = [many(ensemble.member(flow.states, m).density, jnp.asarray(x, jnp.float32)) for m in range(flow.members)]
    return np.mean([np.asarray(part, float) for part in parts], 0)


def throughput(seeds: int) -> Iterator[str]:
    """Scores and samples per CPU second of one member on one core."""
    system, _, flow = trained("plummer", 0, 1, halves=False)
    w = np.asarray(system.sample(np.random.default_rng(1), STARS).w, float)
    yield "| one member, one core | per CPU second |\n|---|---|"
    yield f"| scores | {STARS / _fastest(lambda: flow.log_df_and_score(w), seeds):,.0f} |"
    yield f"| samples | {STARS / _fastest(lambda: flow.sample(jax.random.key(0), STARS), seeds):,.0f} |"


def _fastest(work: Callable[[], object], repeats: int) -> float:
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


TABLES = {"accuracy": accuracy, "density": density, "throughput": throughput}


if __name__ == "__main__":
    main()
