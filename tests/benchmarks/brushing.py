"""What counting and selecting cost, without a page: ``python tests/benchmarks/brushing.py [--stars 5600000]``.

A synthetic disc and a flow sample of 2²¹ stars, in six projections, in the two threads that the page computes in.
Prints CPU milliseconds (all threads, median) beside their bars and beside what datashader and numpy take for the same
in that minute; wall times mean something on a quiet machine only. Counts are compared with numpy's, star by star.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import datashader
import numpy as np
import pandas as pd

from core.phase_space.region import Box, Everything, Polygon, Region
from core.phase_space.solar_position import SolarPosition
from dashboard.cache import BoundedCache
from dashboard.counting.binning import Counts, count_stars
from dashboard.counting.stars import Stars

PROJECTIONS = (("x", "y"), ("x", "z"), ("vphi", "vR"), ("R", "vphi"), ("z", "vz"), ("l", "sinb"))
HOME = {
    **dict.fromkeys("xyz", (-1.0, 1.0)),
    "vz": (-80.0, 80.0),
    "vR": (-150.0, 150.0),
    "vphi": (100.0, 330.0),
    "R": (7.2, 9.3),
    "l": (-180.0, 180.0),
    "sinb": (-1.0, 1.0),
}
SHARES = {0.01: 30, 0.1: 45, 0.5: 130}
"""Bars by the share of the stars that is selected."""
EVERYTHING = Everything()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=int, default=5_600_000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    data, flow = disc(options.stars, 0), disc(2**21, 1)
    print("| what | CPU ms | wall ms | bar | beside, CPU ms |\n|---|---|---|---|---|")

    def row(what: str, act: Callable[[], object], bar: float, beside: str, other: Callable[[], object]) -> None:
        (cpu, wall), (cpu_of_other, _) = timed(act, options.repeats), timed(other, min(options.repeats, 3))
        print(f"| {what} | {cpu:.1f} | {wall:.1f} | {bar:g} | {beside} {cpu_of_other:.0f} |", flush=True)

    with ThreadPoolExecutor(2) as pool:
        check(data)
        ours = partial(data.counts, "x", "y", HOME["x"], HOME["y"], EVERYTHING, 512)
        theirs = partial(by_datashader, data, "x", "y", 512)
        row(f"{options.stars:,} stars to 512²", ours, 20, "datashader", theirs)
        both = data, flow
        row("six projections, 256²", partial(page, pool, both), 120, "datashader", partial(old_page, both))
        for share, bar in SHARES.items():
            box = box_with(data, share)
            what = f"box of {100 * share:g} % to six projections"
            row(what, partial(brush, pool, both, box), bar, "masks and datashader", partial(old_page, both, box))
        for name, roughness in (("round", 0.2), ("thorny", 1.0)):
            region = Polygon("x", "y", lasso(roughness))
            what = f"{name} lasso of 100 corners, {100 * data.count(region) / len(data):.0f} % of the stars"
            assert np.array_equal(data.mask(region), region.contains(data.column))
            slowly = partial(region.contains, data.column)
            row(what, partial(select, data, region), 150, "Polygon.contains", slowly)


def disc(count: int, seed: int) -> Stars:
    """Stars of an exponential disc within a kiloparsec of the Sun."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (3, 4 * count)).astype(np.float32)
    x[2] = rng.laplace(0, 0.25, 4 * count)
    x = x[:, (x**2).sum(0) < 1][:, :count]
    v = rng.normal(0, np.array([[35], [25], [18]]), (3, count)) - np.array([[9], [25], [7]])
    w = np.concatenate([x, v.astype(np.float32)])
    assert w.shape == (6, count)
    return Stars(("disc", seed), w.T, SolarPosition(), BoundedCache(2**30))


def fresh(stars: Stars) -> Stars:
    """The same stars with their columns, but with no subset computed."""
    return replace(stars, selections=BoundedCache(2**27))


def box_with(stars: Stars, share: float) -> Box:
    """A square about the Sun in x and y that holds this share of the stars."""
    distance = np.maximum(np.abs(stars.column("x")), np.abs(stars.column("y")))
    half = float(np.quantile(distance, share))
    return Box((("x", -half, half), ("y", -half, half)))


def lasso(roughness: float) -> tuple[tuple[float, float], ...]:
    """A closed line of a hundred corners about the Sun."""
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    radius = 0.6 * (1 + roughness * np.random.default_rng(0).uniform(-0.9, 0.9, 100))
    return tuple(zip((radius * np.cos(angle)).tolist(), (radius * np.sin(angle)).tolist(), strict=True))


def page(pool: ThreadPoolExecutor, both: tuple[Stars, Stars], region: Region = EVERYTHING) -> list[Counts]:
    """All counts of six rows of the page."""

    def counts(projection: tuple[str, str]) -> list[Counts]:
        x, y = projection
        return [stars.counts(x, y, HOME[x], HOME[y], region, 256) for stars in both]

    return [c for made in pool.map(counts, PROJECTIONS) for c in made]


def select(stars: Stars, region: Region) -> None:
    """The rows of a subset that is new."""
    fresh(stars).rows(region)


def brush(pool: ThreadPoolExecutor, both: tuple[Stars, Stars], region: Region) -> list[Counts]:
    """The same after a subset has been drawn."""
    data, flow = map(fresh, both)
    return page(pool, (data, flow), region)


def old_page(both: tuple[Stars, Stars], region: Region = EVERYTHING) -> None:
    """The same by masks and datashader."""
    for stars in both:
        whole = isinstance(region, Everything)
        mask = None if whole else np.broadcast_to(region.contains(stars.column), len(stars))
        for x, y in PROJECTIONS:
            by_datashader(stars, x, y, 256, mask)


def by_datashader(stars: Stars, x: str, y: str, bins: int, mask: np.ndarray | None = None) -> Counts:
    """Counts of one projection on copies of the selected columns."""
    columns = {name: stars.column(name) if mask is None else stars.column(name)[mask] for name in {x, y}}
    canvas = datashader.Canvas(plot_width=bins, plot_height=bins, x_range=HOME[x], y_range=HOME[y])
    return canvas.points(pd.DataFrame(columns, copy=False), x, y, agg=datashader.count()).values


def check(stars: Stars) -> None:
    """Stop where a count is not numpy's; say in how many bins datashader's differs."""
    x, y = stars.column("x"), stars.column("y")
    ours = count_stars(x, y, HOME["x"], HOME["y"], 512)
    exact, _, _ = np.histogram2d(y.astype(float), x.astype(float), 512, [HOME["y"], HOME["x"]])
    assert np.array_equal(ours, exact)
    others = by_datashader(stars, "x", "y", 512)
    print(f"| bins that differ from numpy's | {np.sum(ours != exact)} | | 0 | datashader {np.sum(others != exact)} |")


def timed(act: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median milliseconds of CPU and of the clock, after one call that compiles and warms."""
    act()
    cpu, wall = [], []
    for _ in range(repeats):
        start = time.process_time(), time.perf_counter()
        act()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return 1000 * statistics.median(cpu), 1000 * statistics.median(wall)


if __name__ == "__main__":
    main()
