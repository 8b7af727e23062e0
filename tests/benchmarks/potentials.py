"""Accuracy and cost of the potential solvers on scores that are known: ``python tests/benchmarks/potentials.py``.

Tables: the convex solver with exact scores; with scores of two halves that each have independent errors of 30 %, with
and without the products of different halves; convex, analytic and guided solver where the data are good, near their
edge and beyond it; the published network from a warm and from a cold start, and that of the published size from a warm
one, with one seed (half an hour or more). Accelerations are compared in 0.3–3 scale lengths of the sphere and
0.1–0.8 kpc of the ball, medians over ``--seeds``.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from exact_truth import cells  # sets the number of threads: before JAX
from fits import trusted

from core import mocks
from core.config import PotentialConfig, preset
from core.mocks import ball
from core.mocks.system import StationarySystem
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.training import DIRECT_SOLVERS, PotentialMember, fit_convex, fit_network_member, gather

POINTS = 2**17
NOISE = 0.3
NETWORKS = {"3 × 64, warm": {}, "3 × 64, cold": {"network.warm_start": False}}
GUIDED = [
    (name, points, noise)
    for name in ("plummer", "freeman", "shu-disc")
    for points, noise in ((POINTS, 0.0), (4096, NOISE))
]
WRONG_SPHERE = {f"analytic.{part}_mass": 0 for part in ("thin", "thick", "halo")} | {
    "analytic.bulge": "plummer",
    "analytic.bulge_mass": 2e10,
    "analytic.bulge_scale": 1.3,
    "analytic.free": "bulge_mass",
}
"""What guides a fit to a sphere: one that is a third too wide."""
PLACES = {"plummer": ((0.3, 3.0), (3.0, 6.0), (6.0, 10.0))} | dict.fromkeys(
    ("freeman", "shu-disc"), ((0.1, 0.8), (0.85, 1.0), (1.0, 1.5))
)
"""Inside, near the edge and beyond the points [kpc]; a sphere's become few."""
NEAR = 0.02
"""Of the final loss, a logarithm: where its plateau begins."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all but the last by default")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for name in options.tables or list(TABLES)[:-1]:
        for line in TABLES[name](options.seeds):
            print(line, flush=True)
        print()


def exact(seeds: int) -> Iterator[str]:
    """The convex solver with exact scores."""
    yield "| exact scores | acceleration, median | 90 % | density, median | ρ < 0 | Ωp | CPU-s |"
    yield "|---" * 7 + "|"
    for name in ("plummer", "freeman", "shu-disc"):
        rows = [_convex(name, seed, noise=0.0, halves=True) for seed in range(seeds)]
        forms = ("{:.4f}", "{:.4f}", "{:.4f}", "{:.3f}", "{:.2f}", "{:.1f}")
        yield f"| {name} | {cells(forms, np.median([[*r[:3], r[3], r[5], r[6]] for r in rows], 0))} |"


def noisy(seeds: int) -> Iterator[str]:
    """Amplitude of the force from noisy scores."""
    yield f"| errors of {100 * NOISE:.0f} % | amplitude, products of the halves | plain |\n|---|---|---|"
    for name in ("plummer", "freeman"):
        found = [
            np.median([_convex(name, seed, noise=NOISE, halves=halves)[4] for seed in range(seeds)])
            for halves in (True, False)
        ]
        yield f"| {name} | {cells(('{:.3f}',) * 2, found)} |"


def guided(seeds: int) -> Iterator[str]:
    """What guides a fit helps where the data say little: errors of the acceleration and of the density by place."""
    yield "| scores | solver | inside | edge | beyond | density inside | edge | beyond | ρ < 0 | correction | CPU-s |"
    yield "|---" * 11 + "|"
    for name, points, noise in GUIDED:
        for solver, fit in DIRECT_SOLVERS.items():
            rows = [_by_place(name, points, noise, solver, fit, seed) for seed in range(seeds)]
            forms = ("{:.4f}",) * 3 + ("{:.3f}",) * 5 + ("{:.1f}",)
            label = f"{name}, {points}, errors of {100 * noise:.0f} %"
            yield f"| {label} | {solver} | {cells(forms, np.median(rows, 0))} |"


def _by_place(name: str, points: int, noise: float, solver: str, fit: Callable[..., Any], seed: int) -> list[float]:
    system = mocks.system(name, {})
    config = _config(system, solver=solver, **(WRONG_SPHERE if name == "plummer" else {}))
    sample = _scored(system, seed, noise, halves=True, points=points)
    start = time.process_time()
    member, fitted = fit(sample, config, SUN, seed=seed, bootstrap=False)
    seconds = time.process_time() - start
    potential, rng = gather(config, [member]), np.random.default_rng(7)
    errors, of_density, negative = [], [], []
    for inner, outer in PLACES[name]:
        x = ball.draw_uniform(rng, 8192, outer)
        x = x[np.linalg.norm(x, axis=1) > inner]
        found, true, density = potential.acceleration(x)[0], system.acceleration(x), potential.density(x)[0]
        errors.append(float(np.median(np.linalg.norm(found - true, axis=1) / np.linalg.norm(true, axis=1))))
        of_density.append(float(np.median(np.abs(density / system.density(x) - 1))))
        negative.append(float(np.mean(density < 0)))
    return [*errors, *of_density, max(negative), getattr(fitted, "correction", np.nan), seconds]


def published_size(seeds: int) -> Iterator[str]:
    """The network of four layers of 512, from a warm start."""
    yield from network(1, {"4 × 512, warm": {"network.layers": 4, "network.hidden": 512}})


def network(seeds: int, networks: Mapping[str, Mapping[str, object]] | None = None) -> Iterator[str]:
    """The published network on exact scores of Freeman's system: when its loss is on its plateau."""
    yield "| network | acceleration, median | density, median | ρ < 0 | CPU-s to the plateau | in all |"
    yield "|---" * 6 + "|"
    system = mocks.system("freeman", {})
    for label, settings in (networks or NETWORKS).items():
        rows = []
        for seed in range(seeds):
            config = _config(system, solver="network", **settings)
            start, seen = time.process_time(), []
            sample = _scored(system, seed, 0.0, halves=True)
            for progress, fitted in fit_network_member(sample, config, SUN, seed=seed):
                seen.append((time.process_time() - start, progress.held_out))
                member = fitted
            last = min(loss for _, loss in seen)
            plateau = next(seconds for seconds, loss in seen if loss < last + NEAR)
            figures = _figures(system, member, config)
            rows.append([figures[0], figures[2], figures[3], plateau, seen[-1][0]])
        yield f"| {label} | {cells(('{:.4f}', '{:.4f}', '{:.3f}', '{:.0f}', '{:.0f}'), np.median(rows, 0))} |"


SUN = SolarPosition()


def _config(system: StationarySystem, **settings: object) -> PotentialConfig:
    changes = {f"potential.{key}": value for key, value in {"frame": system.frame, **settings}.items()}
    return preset("quick", changes).potential


def _scored(system: StationarySystem, seed: int, noise: float, *, halves: bool, points: int = POINTS) -> ScoredSample:
    """Two members at the mock's own stars, each with errors of its own."""
    rng = np.random.default_rng(seed)
    w = np.asarray(system.sample(rng, points).w, float)
    w = w[np.linalg.norm(w[:, :3], axis=1) < (0.95 if system.frame == "rotating" else np.inf)]
    score = system.score(w)
    size = np.median(np.abs(score), 0)
    members = np.stack([score + noise * size * rng.normal(size=score.shape) for _ in range(2)])
    half = np.array([0, 1]) if halves else np.array([-1, -1])
    return ScoredSample(w, np.stack([system.ln_f(w)] * 2), members, half, conditional=False)


def _convex(name: str, seed: int, *, noise: float, halves: bool) -> list[float]:
    system = mocks.system(name, {})
    config, sample = _config(system), _scored(system, seed, noise, halves=halves)
    start = time.process_time()
    member, _ = fit_convex(sample, config, SUN, seed=seed, bootstrap=False)
    seconds = time.process_time() - start
    return [*_figures(system, member, config), seconds]


def _figures(system: StationarySystem, member: PotentialMember, config: PotentialConfig) -> list[float]:
    """Errors of acceleration (median, 90 %) and density, share of negative density, amplitude, Ω_p."""
    x = trusted(np.random.default_rng(7), 8192, system)
    fit, true = gather(config, [member]), system.acceleration(x)
    found, density = fit.acceleration(x)[0], fit.density(x)[0]
    error = np.linalg.norm(found - true, axis=1) / np.linalg.norm(true, axis=1)
    of_density = np.median(np.abs(density / system.density(x) - 1))
    amplitude = float(np.sum(found * true) / np.sum(true**2))
    speed = np.nan if member.pattern_speed is None or system.pattern_speed is None else member.pattern_speed
    return [*np.percentile(error, [50, 90]), float(of_density), float(np.mean(density < 0)), amplitude, speed]


TABLES = {
    "exact": exact,
    "noisy": noisy,
    "guided": guided,
    "network": network,
    "published-size": published_size,
}
"""All but the last by default."""


if __name__ == "__main__":
    main()
