"""Accuracy and cost of the distribution function against exact truth: ``python tests/benchmarks/flows.py``.

Trains members with the settings of the ``quick`` preset on mocks whose f is known, in one thread, and prints tables:
likelihood gap and score errors; the slope of d ln n/dz against the truth in bins of height with the errors of the
gradient in R and φ; evaluations and samples per second. Every figure is the median
over ``--seeds`` realisations of the stars.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from exact_truth import STARS, Trained, cells, errors, others, trained  # sets the number of threads: before JAX

from core import ensemble
from core.mocks.disc import ExactDisc
from core.mocks.system import evaluate

HEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"no such table: {', '.join(unknown)}")
    for name in options.tables or TABLES:
        for line in TABLES[name](options.seeds):
            print(line, flush=True)
        print()


CASES: tuple[tuple[str, int, bool, int | None], ...] = (
    ("plummer", 1, False, None),
    ("plummer", 1, False, 10_000),
    ("plummer", 6, True, None),
    ("shu-disc", 1, False, None),
    ("freeman", 1, False, None),
)
"""Mock, members, whether they share the stars in halves, and steps of p(v | x) where they are not the preset's."""


def accuracy(seeds: int) -> Iterator[str]:
    """Likelihood gap and score errors of one member and of ensembles."""
    yield "| mock | members | nll gap [nat] | score x | score v | r < 0.8 kpc | r > 0.95 kpc | CPU-s |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, members, halves, steps in CASES:
        rows = []
        overrides = {} if steps is None else {"flow.velocity.training.steps": steps}
        for seed in range(seeds):
            one = trained(name, seed, members, halves=halves, overrides=overrides)
            rows.append([*errors(one, seed), one.seconds])
        forms = ("{:.4f}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.0f}")
        shares, length = " on halves" if halves else "", f", {steps:,} steps" if steps else ""
        yield f"| {name} | {members}{shares}{length} | {cells(forms, np.median(rows, 0))} |"


def density(seeds: int) -> Iterator[str]:
    """n(x) of a Shu disc in a ball: slopes of d ln n/dz by height, errors of the gradient in R and φ."""
    yield "| n(x) of a Shu disc | " + " | ".join(f"{a:g}–{b:g}" for a, b in _bins()) + " | R [/kpc] | φ [/kpc] |"
    yield "|---" * (len(HEIGHTS) + 2) + "|"
    for stars in (STARS, 2 * STARS):
        values = np.median([_density(seed, stars) for seed in range(seeds)], 0)
        forms = ("{:.3f}",) * len(_bins()) + ("{:.4f}",) * 2
        yield f"| two members on halves of {stars:,} stars | {cells(forms, values)} |"


DENSITY_ALONE = {"flow.velocity.training.steps": 10}


def _density(seed: int, stars: int) -> list[float]:
    one = trained("shu-disc", seed, 2, halves=True, stars=stars, overrides=DENSITY_ALONE)
    assert isinstance(one.system, ExactDisc)
    x = others(one.system, seed)[:, :3]
    x = x[np.linalg.norm(x, axis=1) < 0.95]
    true = evaluate(_ln_n_gradient, one.system, x)
    fitted = _fitted_gradient(one, x)
    sun = one.flow.family.coordinates.sun
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


def _fitted_gradient(one: Trained, x: np.ndarray) -> np.ndarray:
    """Mean over members of ∂ln n/∂x."""
    gradient = jax.jit(jax.vmap(jax.grad(one.flow.family.log_density, argnums=1), in_axes=(None, 0)))
    states = [ensemble.member(one.flow.states, m) for m in range(one.flow.members)]
    return np.mean([np.asarray(gradient(state, jnp.asarray(x, jnp.float32)), float) for state in states], 0)


def throughput(seeds: int) -> Iterator[str]:
    """Scores and samples per CPU second of one member on one core."""
    one = trained("plummer", 0, overrides={"flow.velocity.training.steps": 500})
    flow, w = one.flow, others(one.system, 0, STARS)
    yield "| one member, one core | per CPU second |\n|---|---|"
    seconds = _fastest(lambda: flow.log_df_and_score(w), seeds)
    yield f"| scores | {STARS / seconds:,.0f} |"
    yield f"| samples | {STARS / _fastest(lambda: flow.sample(jax.random.key(0), STARS), seeds):,.0f} |"
    yield f"| 2²¹ points × 16 members | {16 * 2**21 / STARS * seconds / 60:.1f} CPU-min, from the first line |"


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
