"""Accuracy and cost of whole fits against exact truth: ``python tests/benchmarks/fits.py``.

Makes a mock, fits it with a preset, ``quick`` by default, through the command line, compares with the mock's closed
forms, and prints a table. Score errors are median|Δs| / median|s| over held-out stars; accelerations and densities are
compared in the trusted volume. CPU seconds are those of ``fit`` with all its processes.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from core import mocks
from core.diagnostics.evaluation import evaluate_run
from core.runs.registry import open_run

CASES = {"plummer": 131_072, "freeman": 300_000, "shu-disc": 300_000, "disc-spiral": 220_000}
COLUMNS = (
    ("nll_gap", "nll gap [nat]", "{:.4f}"),
    ("score_x", "score x", "{:.3f}"),
    ("score_v", "score v", "{:.3f}"),
    ("accel_median", "acceleration, median", "{:.4f}"),
    ("accel_p90", "90 %", "{:.4f}"),
    ("density_median", "density, median", "{:.3f}"),
    ("negative_density", "ρ < 0", "{:.3f}"),
    ("pattern_speed", "Ωp [km/s/kpc]", "{}"),
    ("cpu_s", "CPU-s", "{:.0f}"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; plummer and freeman by default")
    parser.add_argument("--stars", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--set", action="append", default=[], help="a setting of the fit")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(unknown)}")
    print("| mock | stars | " + " | ".join(label for _, label, _ in COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for case in options.cases or ("plummer", "freeman"):
        stars = options.stars or CASES[case]
        figures = measure(case, stars, options.seed, options.preset, options.set)
        cells = [form.format(figures[key]) if key in figures else "–" for key, _, form in COLUMNS]
        print(f"| {case} | {stars:,} | " + " | ".join(cells) + " |", flush=True)


def measure(case: str, stars: int, seed: int, preset: str, settings: list[str]) -> dict[str, object]:
    """The figures of one fit."""
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        command(place, "mock", case, "--stars", stars, "--seed", seed, "--out", "stars.parquet")
        truth = json.loads((place / "stars.parquet.truth.json").read_text())
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assignments = [part for s in settings for part in ("--set", s)]
        command(place, "fit", "stars.parquet", "--quiet", "--preset", preset, *assignments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = _compare(place, mocks.from_truth(truth), seed)
        figures["cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return figures


def _compare(place: Path, system: mocks.StationarySystem, seed: int) -> dict[str, object]:
    run = open_run(next((place / "runs").iterdir()))
    rng = np.random.default_rng(seed + 1000)
    figures: dict[str, object] = {}
    if system.has_exact_df:
        w = system.sample(rng, 32_768).w
        fit = evaluate_run(run.flow, run.potential, w, has_velocity=True)
        exact, score = system.ln_f(w), system.score(w)
        real = np.isfinite(exact)
        figures["nll_gap"] = float(np.mean((exact - fit["ln_f_best"])[real]))
        for name, part in (("score_x", slice(0, 3)), ("score_v", slice(3, 6))):
            error = np.linalg.norm((fit["score_best"] - score)[real, part], axis=1)
            figures[name] = float(np.median(error) / np.median(np.linalg.norm(score[real, part], axis=1)))
    x = trusted(rng, 8192, system)
    fit = evaluate_run(run.flow, run.potential, np.hstack([x, 0 * x]), has_velocity=False)
    figures |= field_errors(fit["acceleration_best"], fit["density_best"], x, system)
    if run.potential.best_pattern_speed is not None:
        speed = run.scalars["pattern_speed"]
        true_speed = "none" if system.pattern_speed is None else f"{system.pattern_speed:g}"
        figures["pattern_speed"] = f"{run.potential.best_pattern_speed:.2f} for {true_speed}, {speed['verdict']}"
    return figures


def field_errors(
    acceleration: np.ndarray, density: np.ndarray, x: np.ndarray, system: mocks.StationarySystem
) -> dict[str, float]:
    """Error over the true force, median and 90 %, median error of the density, and where it is negative."""
    true = system.acceleration(x)
    error = np.linalg.norm(acceleration - true, axis=1) / np.linalg.norm(true, axis=1)
    median, most = (float(v) for v in np.percentile(error, [50, 90]))
    off = float(np.median(np.abs(density / system.density(x) - 1)))
    negative = float(np.mean(density < 0))
    return {"accel_median": median, "accel_p90": most, "density_median": off, "negative_density": negative}


def trusted(rng: np.random.Generator, n: int, system: mocks.StationarySystem) -> np.ndarray:
    """Points in 0.3 to 3 scale lengths of a sphere, in 0.1 to 0.8 kpc of a ball about the Sun."""
    direction = rng.normal(size=(n, 3))
    if system.frame == "inertial":
        radius = system.parameters["scale"] * rng.uniform(0.3, 3.0, n)
    else:
        radius = rng.uniform(0.1**3, 0.8**3, n) ** (1 / 3)
    return direction / np.linalg.norm(direction, axis=1)[:, None] * radius[:, None]


def command(place: Path, *arguments: object) -> None:
    """Run ``deep-potential`` in a directory."""
    command = [sys.executable, "-m", "core", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
