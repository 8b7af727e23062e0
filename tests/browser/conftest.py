"""A real server and a real browser: pages are opened, clicked and read as a user would."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from dashboard_server import QUIET, ROOT, DashboardServer, find_chromium
from playwright.sync_api import Browser, Page, sync_playwright

REQUIRED = "DEEP_POTENTIAL_REQUIRE_BROWSER"
TINY = (
    "flow.members=2",
    "flow.density.training.steps=40",
    "flow.velocity.training.steps=40",
    "sample.flow_stars=4000",
    "sample.scored_points=2000",
    "potential.members=2",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "browser"):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's executable; without one the tests are skipped, unless they are required."""
    found = find_chromium()
    if found is None and os.environ.get(REQUIRED):
        pytest.fail("Chromium is required here and is not installed")
    if found is None:
        pytest.skip("no Chromium: install it to run the browser tests")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardServer]:
    """A server with the demonstration and one small run of the user's own, called "tiny"."""
    server = DashboardServer(tmp_path_factory.mktemp("dashboard"))
    settings = [part for s in TINY for part in ("--set", s)]
    server.command("fit", "disc-spiral", "--region", "r < 0.4", "--name", "tiny", "--quiet", *settings)
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log, server.log[-4000:]


_SUMS = """() => {
  const rows = [];
  const total = image => image.reduce((sum, value) => sum + (value > 0 ? value : 0), 0);
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type === "ColumnDataSource" && model.data.significance)
      rows.push({data: total(model.data.data_count[0]), flow: total(model.data.flow_count[0])});
  return rows;
}"""
_FRAMES = """() => {
  const frames = [];
  const visit = view => {
    if (view.model && view.model.type === "Figure") {
      const box = view.el.getBoundingClientRect(), frame = view.frame.bbox;
      frames.push({x: box.left + frame.left, y: box.top + frame.top, width: frame.width, height: frame.height});
    }
    for (const child of view.child_views ?? []) visit(child);
  };
  for (const root of Bokeh.index.roots) visit(root);
  return frames;
}"""


@dataclass
class Tab:
    """A page and what its console said."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def open(self, url: str) -> "Tab":
        self.page.goto(url)
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until Bokeh has drawn everything that it was given."""
        self.page.wait_for_function(
            "window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle", timeout=60_000
        )

    def images(self) -> list[dict[str, float]]:
        """For each row of maps, the number of stars in the data and in the flow panel."""
        return self.page.evaluate(_SUMS)

    def images_when_settled(self) -> list[dict[str, float]]:
        """The same when two looks half a second apart agree."""
        last = None
        for _ in range(40):
            now = self.images()
            if now and now == last:
                return now
            last = now
            self.page.wait_for_timeout(500)
        raise TimeoutError("the maps keep changing")

    def wait_for_counts(self, wanted: Callable[[list[dict[str, float]]], bool]) -> None:
        """Wait until the maps hold what is wanted."""
        for _ in range(150):
            counts = self.images()
            if counts and wanted(counts):
                return
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"the maps hold {self.images()}")

    def frame(self, index: int) -> tuple[float, float, float, float]:
        """Left, top, width and height on the screen of the inside of a figure."""
        box = self.page.evaluate(_FRAMES)[index]
        return box["x"], box["y"], box["width"], box["height"]

    def drag(self, index: int, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw with the mouse inside a figure, from and to fractions of its frame."""
        x, y, width, height = self.frame(index)
        self.page.mouse.move(x + start[0] * width, y + start[1] * height)
        self.page.mouse.down()
        self.page.mouse.move(x + end[0] * width, y + end[1] * height, steps=5)
        self.page.mouse.up()

    def wait_for_text(self, text: str, timeout: float = 30) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=1000 * timeout)


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A fresh browser tab; console errors fail the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = Tab(context.new_page())
    tab.page.on("console", lambda m: tab.errors.append(m.text) if m.type == "error" else None)
    tab.page.on("pageerror", lambda e: tab.errors.append(str(e)))
    yield tab
    context.close()
    assert not tab.errors, tab.errors
