"""Cost and accuracy of a flow as stars and members grow: ``python tests/benchmarks/scaling.py``.

One member of the ``quick`` preset, on all of 10⁵ to 5.6 million Plummer stars, each case in a process of its own: CPU
seconds in one thread, peak memory, errors. Then members of 10⁵ stars one by one and in one compiled program, and where
an accelerator is at hand the same there. For the ``paper`` preset the CPU time of a step is measured and multiplied.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import jax
import numpy as np
from exact_truth import cells, errors, trained  # sets the number of threads: before JAX

from core import mocks
from core.config import preset
from core.flow.training import flow_trainer

STARS = (100_000, 1_000_000, 5_600_000)
MEMBERS = (1, 4, 16)
FEW_STEPS = {"flow.velocity.training.steps": 200}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    case = parser.parse_args().case
    if case:
        kind, number = case.split(":")
        print(json.dumps(CASES[kind](int(number))))
        return
    print(f"on {jax.devices()[0].device_kind}, {len(jax.devices())} of them\n")
    print("| stars | nll gap [nat] | score x | score v | CPU-s | peak memory [GB] |\n|---|---|---|---|---|---|")
    for stars in STARS:
        print(
            f"| {stars:,} | {cells(('{:.4f}', '{:.3f}', '{:.3f}', '{:.0f}', '{:.2f}'), _run('stars', stars))} |",
            flush=True,
        )
    print("\n| members, 200 steps each | one by one [CPU-s] | in one program [CPU-s] | in one program [wall s] |")
    print("|---|---|---|---|")
    for members in MEMBERS:
        print(f"| {members} | {cells(('{:.1f}',) * 3, _run('members', members))} |", flush=True)
    seconds, steps = _run("paper", 200)
    print(
        f"\npaper preset: {1e3 * seconds / 200:.1f} ms a step of 4096 stars; {seconds / 200 * steps / 60:.0f} CPU-min"
    )
    print(f"a member of 5.6 million stars, {16 * seconds / 200 * steps / 3600:.1f} CPU-h for 16 (extrapolated)")


def _run(kind: str, number: int) -> list[float]:
    command = [sys.executable, __file__, "--case", f"{kind}:{number}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return json.loads(done.stdout.splitlines()[-1])


def _stars(stars: int) -> list[float]:
    one = trained("plummer", 0, stars=stars)
    figures = [*errors(one, 0)[:3], one.seconds]
    return [*figures, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20]


def _members(members: int) -> list[float]:
    sample = mocks.system("plummer", {}).sample(np.random.default_rng(0), STARS[0])
    config = preset("quick", {"flow.halves": False, **FEW_STEPS})
    trainer = flow_trainer(sample, config.flow, config.solar, coordinates="sphere", seed=0)
    seeds = list(range(members))
    for _ in trainer.train(0, None):  # compiles
        pass
    start = time.process_time()
    for seed in seeds:
        for _ in trainer.train(seed, None):
            pass
    apart = time.process_time() - start
    for _ in trainer.train_together(seeds, [None] * members):
        pass
    start, wall = time.process_time(), time.perf_counter()
    for _ in trainer.train_together(seeds, [None] * members):
        pass
    return [apart, time.process_time() - start, time.perf_counter() - wall]


def _paper(steps: int) -> list[float]:
    """CPU seconds of so many steps, and how many a member of 5.6 million stars makes."""
    sample = mocks.system("plummer", {}).sample(np.random.default_rng(0), STARS[0])
    config = preset("paper", {"flow.halves": False, **FEW_STEPS})
    trainer = flow_trainer(sample, config.flow, config.solar, coordinates="sphere", seed=0)
    marks = []
    for progress in trainer.train(0, None):
        if progress.phase == "velocity":
            marks.append((progress.step, time.process_time()))
    # The first reports hold the compilation.
    (first, begun), (last, ended) = marks[len(marks) // 2], marks[-1]
    whole = preset("paper").flow
    return [(ended - begun) / (last - first) * steps, whole.velocity.training.length(whole.training_rows(STARS[-1]))]


CASES = {"stars": _stars, "members": _members, "paper": _paper}


if __name__ == "__main__":
    main()
