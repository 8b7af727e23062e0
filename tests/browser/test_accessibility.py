"""An audit of every page by axe, in both themes, and what it cannot see: names of the figures."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_tab import PAGES, Tab
from dashboard_server import DashboardServer

SERIOUS = ("serious", "critical")
SAID = """() => {
  const said = [];
  const visit = view => {
    if (view.model?.type === "Figure" && view.el.getClientRects().length) said.push(view.el.getAttribute("aria-label"));
    for (const child of view.child_views ?? []) visit(child);
  };
  for (const root of Bokeh.index.roots) visit(root);
  return said;
}"""
MOST = """() => {
  const source = [...Bokeh.documents[0]._all_models.values()].find(model => model.data?.significance);
  return Math.max(...source.data.data_count[0]).toPrecision(4);
}"""


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


def test_figures_say_what_they_hold(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=quality&run={server.directory('demonstration')}&bins=64")
    tab.wait_for_text("expected")
    tab.images_when_settled()
    most = tab.page.evaluate(MOST)
    tab.page.wait_for_function(f"({SAID})().every(words => words?.includes(' values of '))")
    said = tab.page.evaluate(SAID)
    assert len(said) == 9
    assert said[0] == f"data · y  [kpc] against x  [kpc]; 4096 values of data_count from 0.000 to {most}"
