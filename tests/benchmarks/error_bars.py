"""Whether the error bars of the scalars hold the truth: ``python tests/benchmarks/error_bars.py``.

Many realisations of mocks with closed forms, each fitted through the command line with a bootstrap. The place and the
velocity of the Sun are exact in a mock, so that pipeline is left out. A bar holds the truth where best and true value
differ by less than the combined error; 68 % should. The pull is that difference over the error.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from fits import command

SYSTEMS = ("freeman", "shu-disc")
LEFT_OUT = ("negative_density_fraction", "dark_matter_density")
"""The first has no spread, and the error of the second is that of the baryons, which a mock does not have."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocks", type=int, default=10, help="realisations of each system")
    parser.add_argument("--stars", type=int, default=40_000)
    parser.add_argument("--draws", type=int, default=8, help="draws of the bootstrap")
    parser.add_argument("--first", type=int, default=0, help="seed of the first realisation")
    options = parser.parse_args()
    pulls: dict[str, dict[str, list[float]]] = {system: defaultdict(list) for system in SYSTEMS}
    for seed in range(options.first, options.first + options.mocks):
        for system in SYSTEMS:
            for name, pull in _pulls(system, options.stars, options.draws, seed):
                pulls[system][name].append(pull)
            held = [abs(pull) < 1 for values in pulls[system].values() for pull in values]
            print(f"{system}, {seed - options.first + 1} mocks: {np.mean(held):.2f} of {len(held)} held", flush=True)
    print(f"\n| scalar, {options.stars:,} stars | " + " | ".join(f"{s}: held | median pull" for s in SYSTEMS) + " |")
    print("|---" * (2 * len(SYSTEMS) + 1) + "|")
    for name in pulls[SYSTEMS[0]]:
        cells = [_cell(pulls[system][name]) for system in SYSTEMS]
        print(f"| {name} | " + " | ".join(cells) + " |")
    everything = [_cell([p for values in pulls[system].values() for p in values]) for system in SYSTEMS]
    print("| all | " + " | ".join(everything) + " |")


def _cell(pulls: list[float]) -> str:
    return f"{np.mean(np.abs(pulls) < 1):.2f} | {np.median(pulls):+.1f}" if pulls else "– | –"


def _pulls(system: str, stars: int, draws: int, seed: int) -> Iterator[tuple[str, float]]:
    """(best − truth) / error of every scalar of one fit that has both."""
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        command(place, "mock", system, "--stars", stars, "--seed", seed, "--out", "stars.parquet")
        settings = (f"pipelines.bootstrap_members={draws}", "pipelines.solar_members=0", f"seed={seed}")
        command(place, "fit", "stars.parquet", "--quiet", *(part for s in settings for part in ("--set", s)))
        scalars = json.loads(next(place.glob("runs/*/products/scalars.json")).read_text())
    for name, scalar in scalars.items():
        if name not in LEFT_OUT and scalar.get("truth") is not None and scalar["error"]:
            yield name, (scalar["best"] - scalar["truth"]) / scalar["error"]


if __name__ == "__main__":
    main()
