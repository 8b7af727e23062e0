"""Forces, densities and pattern speeds of discs: ``python tests/benchmarks/discs.py [CASE …]``.

Test particles in a disc with a spiral, a bar or nothing that turns, fitted with the preset ``quick`` through the
command line, with a bootstrap for the error of Ω_p. Accelerations are compared in 0.1 < r < 0.8 kpc: error over the
true force, and the least-squares slopes of the radial and the vertical force against the truth, whose best value is 1.
Densities are compared in layers of height, as a median of |error|, and as means over volumes. CPU seconds are those of
``fit``.
"""

import argparse
import json
import resource
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fits import command, field_errors, trusted

from core import mocks
from core.diagnostics.evaluation import evaluate_run
from core.phase_space.axisymmetry import axisymmetrised
from core.phase_space.sample import PhaseSpaceSample
from core.runs.registry import open_run
from core.runs.star_files import COLUMNS as COORDINATES

CASES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "spiral": ("disc-spiral", {"repeats": 2}),
    "errors": ("disc-spiral", {"repeats": 2}),
    "turned": ("disc-spiral", {"repeats": 2}),
    "twin": ("disc-spiral", {"amplitude": 0}),
    "weak": ("disc-spiral", {"amplitude": 150}),
    "bar": ("disc-bar", {}),
    "freeman": ("freeman", {}),
    "shu": ("shu-disc", {}),
}
"""Mock and its parameters; ``errors`` has those of Gaia, the stars of ``turned`` are at random azimuths."""
LAYERS = (0.0, 0.1, 0.3, 0.6)
COLUMNS = (
    ("accel_median", "acceleration, median", "{:.4f}"),
    ("accel_p90", "90 %", "{:.4f}"),
    ("slope_R", "slope a_R", "{:.3f}"),
    ("slope_z", "slope a_z", "{:.3f}"),
    *((f"layer_{i}", f"density, {a:g}–{b:g} kpc", "{:.3f}") for i, (a, b) in enumerate(pairwise(LAYERS))),
    ("density_slab", "slab", "{:+.3f}"),
    ("density_midplane", "midplane", "{:+.3f}"),
    ("vertical_force", "K_z", "{:+.3f}"),
    ("negative_density", "ρ < 0", "{:.3f}"),
    ("speed", "Ωp [km/s/kpc]", "{}"),
    ("noise_share", "noise share", "{:.2f}"),
    ("null_share", "null share", "{:.2f}"),
    ("verdict", "verdict", "{}"),
    ("held", "bars that hold the truth", "{}"),
    ("cpu_s", "CPU-s", "{:.0f}"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--stars", type=int, default=500_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--draws", type=int, default=4, help="draws of the bootstrap")
    parser.add_argument("--null", type=int, default=0, help="fits to stars turned to random azimuths")
    parser.add_argument("--keep", type=Path, help="a folder for mocks and runs, which are used again")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(unknown)}")
    print("| mock | seed | " + " | ".join(label for _, label, _ in COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    settings = {
        "pipelines.bootstrap_members": options.draws,
        "pipelines.null_members": options.null,
        "pipelines.solar_members": 0,
        "pipelines.noise_members": 0,
    }
    for case in options.cases or CASES:
        for seed in options.seeds:
            with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as work:
                figures = measure(Path(work), case, options.stars, seed, settings)
            cells = [form.format(figures[key]) if key in figures else "–" for key, _, form in COLUMNS]
            print(f"| {case} | {seed} | " + " | ".join(cells) + " |", flush=True)


def measure(place: Path, case: str, stars: int, seed: int, settings: Mapping[str, object]) -> dict[str, Any]:
    """The figures of one fit."""
    name = f"{case}-{stars}-{seed}"
    file = place / f"{name}.parquet"
    if not file.exists():
        mock, parameters = CASES[case]
        options = [part for key, value in parameters.items() for part in ("--set", f"{key}={value}")]
        errors = ["--errors"] if case == "errors" else []
        command(place, "mock", mock, "--stars", stars, "--seed", seed, "--out", file.name, *options, *errors)
        if case == "turned":
            turn(file, mocks.from_truth(_truth(file)), seed)
    figures: dict[str, Any] = {}
    if not list(place.glob(f"runs/*-{name}")):
        assignments = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command(place, "fit", file.name, "--quiet", "--name", name, *assignments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures["cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return figures | compare(next(place.glob(f"runs/*-{name}")), mocks.from_truth(_truth(file)), seed)


def _truth(file: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(file.with_name(f"{file.name}.truth.json").read_text())
    return truth


def turn(file: Path, system: mocks.StationarySystem, seed: int) -> None:
    """Turn the stars of a file to random azimuths: what is left has no pattern."""
    table = pq.read_table(file)
    w = np.stack([table[name].to_numpy() for name in COORDINATES], 1)
    turned = axisymmetrised(np.random.default_rng(seed), PhaseSpaceSample(w, system.region), system.sun)
    for name, values in zip(COORDINATES, turned.w.T, strict=True):
        i = table.schema.get_field_index(name)
        table = table.set_column(i, table.schema.field(i), pa.array(values, pa.float32()))
    pq.write_table(table, file)


def compare(path: Path, system: mocks.StationarySystem, seed: int) -> dict[str, Any]:
    """A run against the closed forms of its mock."""
    run = open_run(path)
    x = trusted(np.random.default_rng(seed + 1000), 8192, system)
    fit = evaluate_run(run.flow, run.potential, np.hstack([x, 0 * x]), has_velocity=False)
    found, true = fit["acceleration_best"], system.acceleration(x)
    figures: dict[str, Any] = {**field_errors(found, fit["density_best"], x, system)}
    X = system.sun.galactocentric_position(x)
    outward = X * [1, 1, 0] / np.linalg.norm(X[:, :2], axis=1, keepdims=True)
    for part, axis in (("R", outward), ("z", np.array([[0, 0, 1]]))):
        a, b = (np.sum(force @ system.sun.axes.T * axis, axis=1) for force in (found, true))
        figures[f"slope_{part}"] = float(a @ b / (b @ b))
    off = fit["density_best"] / system.density(x) - 1
    for i, (low, high) in enumerate(pairwise(LAYERS)):
        layer = (np.abs(X[:, 2]) >= low) & (np.abs(X[:, 2]) < high)
        figures[f"layer_{i}"] = float(np.median(np.abs(off[layer])))
    return figures | _scalars(run.scalars)


def _scalars(scalars: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("density_slab", "density_midplane", "vertical_force"):
        found[name] = scalars[name]["best"] / scalars[name]["truth"] - 1
    speed = scalars["pattern_speed"]
    found["speed"] = f"{speed['best']:.2f}" + (f" ± {speed['error']:.2f}" if speed.get("error") else "")
    found["verdict"] = speed["verdict"]
    for key in ("noise_share", "null_share"):
        if speed.get(key) is not None:
            found[key] = speed[key]
    pulls = [
        (s["best"] - s["truth"]) / s["error"]
        for name, s in scalars.items()
        if s.get("truth") is not None and s.get("error") and not name.startswith("dark_matter")
    ]
    found["held"] = f"{sum(abs(p) < 1 for p in pulls)} of {len(pulls)}"
    return found


if __name__ == "__main__":
    main()
