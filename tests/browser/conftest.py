"""A real server and a real browser: pages are opened, clicked and read as a user would."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from browser_tab import Tab
from dashboard_server import QUIET, ROOT, DashboardServer, find_chromium
from playwright.sync_api import Browser, sync_playwright

REQUIRED = "DEEP_POTENTIAL_REQUIRE_BROWSER"
TINY = (
    "flow.members=2",
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
    server = DashboardServer(tmp_path_factory.mktemp("dashboard"), ("--plugins", "dashboard.routes"))
    settings = [part for s in TINY for part in ("--set", s)]
    server.command("fit", "disc-spiral", "--region", "r < 0.4", "--name", "tiny", "--quiet", *settings)
    server.start()
    yield server
    server.stop()
    assert not server.failures, server.failures


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A fresh browser tab; console errors fail the test, and so does asking for anything of another machine."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = Tab(context.new_page())
    tab.page.on("console", lambda m: tab.errors.append(m.text) if m.type == "error" else None)
    tab.page.on("request", lambda r: tab.errors.append(f"asked for {r.url}") if _is_outside(r.url) else None)
    tab.page.on("pageerror", lambda e: tab.errors.append(str(e)))
    yield tab
    context.close()
    assert not tab.errors, tab.errors


def _is_outside(url: str) -> bool:
    """Whether an address is neither the server's nor made in the page itself."""
    return urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname != "127.0.0.1"
