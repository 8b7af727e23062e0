"""An audit of every page by axe, in both themes, and what it cannot see: names of the figures."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_tab import PAGES, Tab
from dashboard_server import DashboardServer

SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(tab: Tab, server: DashboardServer, page: str, theme: str) -> None:
    tab.open(f"{server.url}?page={page}&theme={theme}&run={server.directory('demonstration')}")
    tab.wait_for_text(PAGES[page])
    tab.settle()
    tab.page.wait_for_timeout(1000)  # names are given a moment after the widgets
    found = Axe().run(tab.page).response["violations"]
    serious = [(v["id"], [node["html"] for node in v["nodes"]]) for v in found if v["impact"] in SERIOUS]
    assert not serious
