"""Flow quality of millions of stars in a real browser: what visits, zooms and brushes cost the server and the visitor.

``python tests/benchmarks/pages.py --stars 5600000``. CPU is that of the server, all threads, mean of the repeats. The
wall time is the visitor's, and without a graphics card most of it is the browser's own work.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from math import cos, pi, sin
from pathlib import Path
from urllib.parse import quote

import numpy as np
import psutil
from browser_tab import Tab
from dashboard_server import ROOT, DashboardServer
from large_runs import disc, large_run
from playwright.sync_api import Browser, Page
from server_meter import LAG_VARIABLE, ServerMeter

PROJECTIONS = "x~y,x~z,vphi~vR,R~vphi,z~vz,l~sinb"
ROWS = 6
SHARES = {0.01: 100, 0.1: 130, 0.5: 250}
"""Bars of the server's CPU [ms] for a box, by the share of the stars that is in it."""
SHOWN = 1.08
"""Half of the range that the first row shows [kpc]."""
SESSIONS = 5

SOURCES = """[...Bokeh.documents[0]._all_models.values()]
  .filter(m => m.type === "ColumnDataSource" && m.data.significance)"""
REMEMBER = f"() => {{ window.seen = {SOURCES}.map(m => m.data.data_count[0]); }}"
NEW = f"wanted => {SOURCES}.filter((m, i) => m.data.data_count[0] !== window.seen[i]).length >= wanted"
FULL = f"""wanted => window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle
  && {SOURCES}.filter(m => m.data.data_count[0].length > 1).length >= wanted"""
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

Line = tuple[str, str, str, str]
"""What, server CPU, the visitor's time, and the bars of both."""


@dataclass(frozen=True)
class Visitor:
    """A browser at a server that shows a run of millions of stars."""

    browser: Browser
    server: DashboardServer
    meter: ServerMeter
    url: str

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A tab that shows the page; afterwards it is closed."""
        context = self.browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        self.look(page)
        yield page
        context.close()

    def look(self, page: Page) -> float:
        """Seconds from the request to the last image of the six rows."""
        start = time.perf_counter()
        page.goto(self.url)
        page.wait_for_function(FULL, arg=ROWS, timeout=120_000)
        page.evaluate(TWO_FRAMES)
        return time.perf_counter() - start

    def timed(self, act: Callable[[], float], repeats: int) -> tuple[float, list[float]]:
        """Mean milliseconds of the server's CPU, and the seconds of each repetition, after one that warms up.

        What the server takes anyway, for the clock of its event loop and of an open page, is subtracted: the less of
        before and after, because it also throws closed pages away now and then.
        """
        act()
        self.meter.rest()
        before = self._idle()
        start, began, wall = self.meter.cpu, time.monotonic(), []
        for _ in range(repeats):
            wall.append(act())
            self.meter.rest()
        cpu, lasted = self.meter.cpu - start, time.monotonic() - began
        return 1000 * (cpu - min(before, self._idle()) * lasted) / repeats, wall

    def _idle(self) -> float:
        """CPU seconds in a second in which nothing is asked for."""
        start, began = self.meter.cpu, time.monotonic()
        time.sleep(3)
        return (self.meter.cpu - start) / (time.monotonic() - began)


def measure(place: Path, browser: Browser, stars: int, repeats: int, cycles: int) -> Iterator[Line]:
    """Serve a run of so many stars, and measure."""
    os.environ[LAG_VARIABLE] = str(place / "lags")
    run = large_run(place / "runs", place / "data", stars)
    server = DashboardServer(place, ("--setup", str(ROOT / "tests" / "server_meter.py")))
    server.start()
    try:
        assert server.process is not None
        meter = ServerMeter(psutil.Process(server.process.pid), place / "lags")
        url = f"{server.url}?run={run.path.name}&bins=256&projections={quote(PROJECTIONS)}"
        visitor = Visitor(browser, server, meter, url)
        yield from costs(visitor, repeats)
        yield from lassos(visitor, repeats)
        yield from training(visitor, repeats)
        yield from memory(visitor, cycles)
        assert not server.failures, server.failures
    finally:
        server.stop()


def costs(visitor: Visitor, repeats: int) -> Iterator[Line]:
    """A visit, a zoom, and boxes."""
    with visitor.page() as page:
        visitor.meter.rest()
        yield "memory with one session", "", f"{visitor.meter.memory:.0f} MB", "≤ 900 MB"
        yield _line("first paint", visitor.timed(lambda: visitor.look(page), max(2, repeats // 4)), "≤ 1800 ms, ≤ 4 s")
        time.sleep(30)  # closed pages are thrown away meanwhile, which takes a third of a second each
        yield _line("zoom of one row", visitor.timed(zooms(page), repeats), "≤ 50 ms, ≤ 0.45 s")
        for share, bar in SHARES.items():
            cost = visitor.timed(boxes(page, share), max(3, repeats // 2))
            yield _line(f"box of {100 * share:g} % to 18 panels", cost, f"≤ {bar} ms, ≤ 0.8 s")


def lassos(visitor: Visitor, repeats: int) -> Iterator[Line]:
    """A lasso of a hundred corners about a fifth of the stars."""
    with replace(visitor, url=f"{visitor.url}&brush=lasso").page() as page:
        visitor.meter.rest()
        yield _line("lasso to 18 panels", visitor.timed(lasso(page), max(3, repeats // 2)), "")


def training(visitor: Visitor, repeats: int) -> Iterator[Line]:
    """Zooms beside a training, by turns with zooms without one."""
    with visitor.page() as page:
        act = zooms(page)
        _, idle = visitor.timed(act, repeats)
        name = "beside"
        many = ("--set", "flow.velocity.training.epochs=100000", "--set", "flow.velocity.training.steps=10000000")
        visitor.server.command("fit", "disc-spiral", "--name", name, "--detach", *many)
        while visitor.server.states()[name] != "running":
            time.sleep(1)
        time.sleep(20)  # it compiles first
        start = time.time()
        act()
        busy = [act() for _ in range(repeats)]
        lags = visitor.meter.lags_since(start)
        visitor.server.command("cancel", name)
        ratio = statistics.median(busy) / statistics.median(idle)
        yield "zoom beside a training, over that without", "", f"{ratio:.2f}", "≤ 1.3"
        yield "event loop late meanwhile, p95", "", f"{np.percentile(lags, 95):.1f} ms", "≤ 25 ms"


def memory(visitor: Visitor, cycles: int) -> Iterator[Line]:
    """Sessions beside each other, and visits one after the other."""
    before = visitor.meter.memory
    contexts = [visitor.browser.new_context(viewport={"width": 1440, "height": 900}) for _ in range(SESSIONS)]
    for context in contexts:
        visitor.look(context.new_page())
    yield "memory of each session", "", f"{(visitor.meter.memory - before) / SESSIONS:.1f} MB", "≤ 10 MB"
    for context in contexts:
        context.close()
    time.sleep(30)  # the server keeps sessions for a while
    before = visitor.meter.memory
    for _ in range(cycles):
        with visitor.page():
            pass
    time.sleep(30)
    drift = 100 * (visitor.meter.memory / before - 1)
    yield f"memory after {cycles} visits", "", f"{visitor.meter.memory:.0f} MB, {drift:+.1f} %", "≤ 5 %"


def zooms(page: Page) -> Callable[[], float]:
    """Zooms into the first row and out again, by turns: seconds from the turn of the wheel to new images."""
    steps = count()

    def zoom() -> float:
        x, y, width, height = Tab(page).frame(0)
        page.evaluate(REMEMBER)
        page.mouse.move(x + width / 2, y + height / 2)
        start = time.perf_counter()
        page.mouse.wheel(0, 120 if next(steps) % 2 else -120)
        return painted(page, 1, start)

    return zoom


def boxes(page: Page, share: float) -> Callable[[], float]:
    """Boxes about the middle of the first row that hold a share of the stars: seconds from the end to new images."""
    xy = disc(np.random.default_rng(0), 200_000)[:, :2]
    half = float(np.quantile(np.abs(xy).max(1), share)) / SHOWN / 2
    steps = count()

    def box() -> float:
        x, y, width, height = Tab(page).frame(0)
        page.evaluate(REMEMBER)
        shift = next(steps) % 3  # the same box once more would change nothing
        page.mouse.move(x + (0.5 - half) * width + shift, y + (0.5 - half) * height)
        page.mouse.down()
        page.mouse.move(x + (0.5 + half) * width + shift, y + (0.5 + half) * height, steps=4)
        start = time.perf_counter()
        page.mouse.up()
        return painted(page, ROWS, start)

    return box


def lasso(page: Page) -> Callable[[], float]:
    """Lassos about the middle of the first row: seconds from the end to new images."""
    steps = count()

    def draw() -> float:
        left, top, width, height = Tab(page).frame(0)
        page.evaluate(REMEMBER)
        shift = next(steps) % 3  # the same once more would change nothing
        for i in range(100):
            angle, radius = 2 * pi * i / 100, 0.2 + 0.02 * sin(2 * pi * i / 20)
            x, y = 0.5 + radius * cos(angle), 0.5 + radius * sin(angle)
            page.mouse.move(left + x * width + shift, top + y * height)
            if not i:
                page.mouse.down()
        start = time.perf_counter()
        page.mouse.up()
        return painted(page, ROWS, start)

    return draw


def painted(page: Page, rows: int, start: float) -> float:
    """Seconds since ``start`` when so many rows have new images, and these are drawn."""
    page.wait_for_function(NEW, arg=rows, timeout=60_000)
    page.evaluate(TWO_FRAMES)
    return time.perf_counter() - start


def _line(what: str, cost: tuple[float, list[float]], bars: str) -> Line:
    cpu, wall = cost
    return what, f"{cpu:.0f} ms", f"median {statistics.median(wall):.2f}, p95 {np.percentile(wall, 95):.2f} s", bars
