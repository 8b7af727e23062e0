"""What a slice costs: ``python tests/benchmarks/slices.py [--count 256] [--repeats 7]``.

Prints a table of CPU milliseconds for every quantity, of the demonstration's best fit and its truth, warm; the first
of each in the process, which compiles; whether all are within the bar for 256 × 256 places; and what the page computes
and draws for each step of a slider, at its own number of places. BLAS has one thread,
because on a busy machine the waiting of others would count as work.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded

from core.catalog.resolve import open_catalogue
from core.diagnostics.slices import Slicer
from core.runs import readings
from core.runs.registry import EMBEDDED_RUNS, Run, list_runs
from dashboard.plots.field_limits import colour_limits
from dashboard.plots.field_profiles import ProfileFigure
from dashboard.plots.field_slices import PLANES, SliceFigure
from dashboard.slices.drawn_slices import Asked, DrawnSlices

BAR = 150.0
"""CPU milliseconds of a slice."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    run = demonstration()
    slicer = readings.slicer(run, open_catalogue(run.manifest.catalogue.id))
    print(f"{options.count} × {options.count} places, {slicer.potential.members} potentials, CPU ms\n")
    print("| quantity | first | level | upright | turned |\n|---|---|---|---|---|")
    worst = 0.0
    for name, quantity in slicer.quantities.items():
        first = milliseconds(lambda name=name: slicer.plane(name, "z", 0.0, options.count))
        warm = []
        for normal, turn in (("z", 0.0), ("y", 0.0), ("y", 30.0)):
            slice_it = lambda n=normal, t=turn, q=name: slicer.plane(q, n, 0.05, options.count, turn=t)  # noqa: E731
            warm.append(min(milliseconds(slice_it) for _ in range(options.repeats)))
        worst = max(worst, *warm)
        print(f"| {quantity.label} | {first:.0f} | " + " | ".join(f"{ms:.0f}" for ms in warm) + " |")
    print(f"\nslowest {worst:.0f}, bar {BAR:.0f}: {'kept' if worst <= BAR else 'missed'}\n")
    for what, places in STEPS.items():
        print(f"a step of {what}: {step_of_a_slider(run, slicer, places):.0f} CPU ms")


STEPS = {
    "z, one plane": [Asked("density", (0.0, 0.0, 0.01 * i)) for i in range(12)],
    "the angle, two planes": [Asked("acceleration_R", (0.1, 0.1, 0.1), turn=5.0 * i) for i in range(12)],
}


def step_of_a_slider(run: Run, slicer: Slicer, steps: list[Asked]) -> float:
    """Median CPU milliseconds to compute three planes, their profile and values, and to give them to the figures."""
    figures = [SliceFigure(n, a, b, slicer.span(a), slicer.span(b)) for n, a, b in PLANES]
    drawn, profile = DrawnSlices(slicer, partial(readings.reliability, run)), ProfileFigure()

    def step(asked: Asked) -> None:
        found = drawn.at(asked)
        limits = colour_limits(found.planes, "median")
        for figure, plane in zip(figures, found.planes, strict=True):
            figure.show(plane, "median", limits, contours=True)
            figure.cross(asked.place, asked.turn)
        profile.show(found.profile)

    return statistics.median(milliseconds(lambda asked=asked: step(asked)) for asked in steps)


def demonstration() -> Run:
    """The run of the spiral of the demonstration."""
    return next(run for run in list_runs(EMBEDDED_RUNS) if "spiral" in run.path.name)


def milliseconds(act: Callable[[], object]) -> float:
    """CPU time of all threads."""
    start = time.process_time()
    act()
    return 1e3 * (time.process_time() - start)


if __name__ == "__main__":
    main()
