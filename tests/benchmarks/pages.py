"""How fast the pages are in a real browser: ``python tests/benchmarks/pages.py [--retrain | --stars 5600000]``.

Serves the demonstration, opens it in Chromium and prints a table of wall-clock seconds: first paint with a warm server,
a zoom, a box selection to all panels, and with ``--retrain`` the time from the click to new maps for a box of about
50 000 stars; then how many frames a second a slider of Potential gives while it is dragged. With ``--stars`` it serves
a synthetic run of so many instead (:mod:`large_pages`), and says what the server takes as well. Wall times mean
something on a quiet machine only: the load is said beside them.
"""

import argparse
import itertools
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Playwright, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from browser_tab import Tab
from dashboard_server import QUIET, DashboardServer, find_chromium
from large_pages import measure

DRAWN = "window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle"
ROWS = """[...Bokeh.documents[0]._all_models.values()]
  .filter(m => m.type === "ColumnDataSource" && m.data.significance).map(m => m.data.data_count[0])"""
REMEMBER = f"() => {{ window.seen = {ROWS}; }}"
NEW = f"wanted => {ROWS}.filter((image, i) => image !== window.seen[i]).length >= wanted"
RUN = "new URLSearchParams(location.search).get('run')"
COUNT_FRAMES = """() => {
  let fresh = false;
  for (const m of Bokeh.documents[0]._all_models.values())
    if (m.type === "ColumnDataSource" && m.data.median) m.connect(m.properties.data.change, () => (fresh = true));
  const look = () => {
    window.frames_drawn += fresh;
    fresh = false;
    requestAnimationFrame(look);
  };
  look();
}"""
STARS = f"{ROWS}[0].reduce((sum, n) => sum + (n > 0 ? n : 0), 0)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, help="default: 5; 20 with --stars")
    parser.add_argument("--retrain", action="store_true")
    parser.add_argument("--stars", type=int, default=0)
    parser.add_argument("--cycles", type=int, default=50, help="visits one after the other, with --stars")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        if options.stars:
            large(Path(place), playwright, options)
            return
        repeats = options.repeats or 5
        server = DashboardServer(Path(place))
        server.start()
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            rows = [("first paint, warm server", timed(lambda: first_paint(page, server.url), repeats))]
            rows.append(("box selection to all panels", timed(lambda: select(page), repeats)))
            stars = page.evaluate(STARS)
            rows.append(("zoom to new images", timed(lambda: zoom(page), repeats)))
            if options.retrain:
                rows.append((f"retrain on a box of {stars:,.0f} stars, click to new maps", [retrain(page)]))
            page.goto(f"{server.url}?page=potential")
            page.get_by_text("contours every").first.wait_for(timeout=60_000)
            page.wait_for_function(DRAWN, timeout=60_000)
            page.evaluate(COUNT_FRAMES)
            frames = timed(lambda: frames_per_second(page), repeats)
        finally:
            browser.close()
            server.stop()
            finish_runs(server)
    print("| what | median s | worst s |\n|---|---|---|")
    for what, seconds in rows:
        print(f"| {what} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |")
    print(
        f"\na slider of Potential: {statistics.median(frames):.1f} frames a second, {min(frames):.1f} at worst; bar 5"
    )


def large(place: Path, playwright: Playwright, options: argparse.Namespace) -> None:
    """The table of a run of many stars, line by line."""
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
    print("| what | server CPU | visitor | bars |\n|---|---|---|---|")
    for line in measure(place, browser, options.stars, options.repeats or 20, options.cycles):
        print("| " + " | ".join(line) + " |", flush=True)
    browser.close()


def finish_runs(server: DashboardServer) -> None:
    """Wait until no run writes any more into the folder that is about to go."""
    while "running" in server.states().values():
        time.sleep(1)


def timed(act: Callable[[], float], repeats: int) -> list[float]:
    """Seconds of each repetition after one that warms up."""
    act()
    return [act() for _ in range(repeats)]


def first_paint(page: Page, url: str) -> float:
    """From the request to the last image of the first page."""
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_function(DRAWN, timeout=60_000)
    page.get_by_text("expected").first.wait_for(timeout=60_000)
    page.wait_for_function(DRAWN, timeout=60_000)
    return time.perf_counter() - start


def zoom(page: Page) -> float:
    """From a turn of the wheel over the first row to its new images."""
    x, y, width, height = Tab(page).frame(0)
    page.evaluate(REMEMBER)
    page.mouse.move(x + width / 2, y + height / 2)
    start = time.perf_counter()
    page.mouse.wheel(0, -120)
    return _painted(page, 1, start)


def select(page: Page) -> float:
    """From the end of a box drawn in the first row to the images of all three rows."""
    tab = Tab(page)
    x, y, width, height = tab.frame(0)
    page.evaluate(REMEMBER)
    shift = next(_SHIFTS)
    page.mouse.move(x + (0.3 + shift) * width, y + 0.3 * height)
    page.mouse.down()
    page.mouse.move(x + (0.6 + shift) * width, y + 0.7 * height, steps=4)
    start = time.perf_counter()
    page.mouse.up()
    return _painted(page, 3, start)


def frames_per_second(page: Page, seconds: float = 4.0) -> float:
    """How often the planes are drawn in a second while the first slider is dragged to and fro."""
    handle = page.locator(".noUi-handle").first.bounding_box()
    assert handle is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("window.frames_drawn = 0")
    start = time.perf_counter()
    for step in itertools.count():
        page.mouse.move(x + 30 * math.sin(step / 10), y)
        page.wait_for_timeout(30)
        if (lasted := time.perf_counter() - start) > seconds:
            break
    frames = page.evaluate("window.frames_drawn")
    page.mouse.move(x, y)
    page.mouse.up()
    page.wait_for_timeout(2000)  # the fine picture comes when the mouse rests
    return frames / lasted


_SHIFTS = itertools.count(0.0, 0.01)
"""The same box once more would change nothing."""


def _painted(page: Page, rows: int, start: float) -> float:
    """Seconds since ``start`` when so many rows have new images and a frame has been drawn."""
    page.wait_for_function(NEW, arg=rows, timeout=30_000)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    return time.perf_counter() - start


def retrain(page: Page) -> float:
    """From the click on the button to the maps of the new run."""
    before = page.evaluate(RUN)
    start = time.perf_counter()
    page.get_by_role("button", name="Retrain on this subset").click()
    page.wait_for_function(
        f"before => {RUN} !== before && document.readyState === 'complete'", arg=before, timeout=600_000
    )
    page.wait_for_function(DRAWN, timeout=60_000)
    page.get_by_text("expected").first.wait_for(timeout=60_000)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
