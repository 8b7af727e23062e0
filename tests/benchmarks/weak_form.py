"""Accuracy and cost of the weak form against exact truth: ``python tests/benchmarks/weak_form.py``.

Φ from stars alone, without a flow, as the preview of a run makes it. Accelerations and densities are the medians of the
bootstraps in the trusted volume, 0.3–3 scale lengths of the sphere and 0.1–0.8 kpc of the ball about the Sun; the
amplitude is the slope of the fitted on the true acceleration. The seconds of the first row of a kind hold compiling.
The demonstration's discs are read from ``data/demo``.
"""

import argparse
import tempfile
import time

import numpy as np
from exact_truth import cells  # sets the number of threads: before JAX

from core import mocks
from core.catalog.ingest import ingest
from core.catalog.resolve import demo_catalogues
from core.catalog.store import CatalogueStore
from core.config import preset
from core.mocks import ball
from core.phase_space.sample import PhaseSpaceSample
from core.potential.training import gather
from core.potential.weak_form import fit_weak_form, weak_config

CASES = {"plummer": 131_072, "freeman": 220_000, "shu-disc": 220_000, "disc-spiral": 0, "disc-axisymmetric": 0}
FORMS = ("{:.4f}", "{:.4f}", "{:.4f}", "{:.4f}", "{:.3f}", "{:.2f}", "{:.2f}", "{:.2f}", "{:.1f}")
HEAD = ("acceleration, median", "90 %", "amplitude", "of a_z", "density, median", "Ωp", "±", "noise share", "CPU-s")
EMPTY = (np.nan,) * 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(unknown)}")
    print("| mock | seed | stars | " + " | ".join(HEAD) + " |\n" + "|---" * (len(HEAD) + 3) + "|")
    for case in options.cases or CASES:
        for seed in range(options.seeds if CASES[case] else 1):
            system, stars = drawn(case, seed)
            print(f"| {case} | {seed} | {len(stars):,} | {cells(FORMS, measure(system, stars, seed))} |", flush=True)


def drawn(case: str, seed: int) -> tuple[mocks.StationarySystem, PhaseSpaceSample]:
    """A system and its stars: drawn from f, or those of the demonstration."""
    if CASES[case]:
        system = mocks.system(case)
        return system, system.sample(np.random.default_rng(seed), CASES[case])
    files = {file.stem: file for file in demo_catalogues().values()}
    with tempfile.TemporaryDirectory() as place:
        catalogue = ingest(files[case], store=CatalogueStore(place))
        return mocks.from_truth(catalogue.truth), catalogue.sample()


def measure(system: mocks.StationarySystem, stars: PhaseSpaceSample, seed: int) -> list[float]:
    """The figures of one fit."""
    config = preset("quick", {"potential.frame": system.frame})
    start = time.process_time()
    members = fit_weak_form(stars, config.potential, config.solar, seed=seed)
    seconds = time.process_time() - start
    potential = gather(weak_config(config.potential), members)
    sphere = system.frame == "inertial"
    x = ball.draw_uniform(np.random.default_rng(9), 8192, 1.0)
    if sphere:
        x *= (np.random.default_rng(8).uniform(0.3, 3.0, len(x)) / np.linalg.norm(x, axis=1))[:, None]
    else:
        x = 0.8 * x[np.linalg.norm(0.8 * x, axis=1) > 0.1]
    a, true = potential.best().acceleration(x), system.acceleration(x)
    error = np.linalg.norm(a - true, axis=1) / np.linalg.norm(true, axis=1)
    density = np.median(np.abs(potential.best().density(x) / system.density(x) - 1))
    slopes = [np.sum(a * true) / np.sum(true**2), np.sum(a[:, 2] * true[:, 2]) / np.sum(true[:, 2] ** 2)]
    speed = EMPTY
    if potential.pattern_speed is not None:
        share = members[0].noise_share
        speed = (
            np.median(potential.pattern_speed),
            np.std(potential.pattern_speed),
            np.nan if share is None else share,
        )
    return [*np.percentile(error, [50, 90]), *slopes, density, *speed, seconds]


if __name__ == "__main__":
    main()
