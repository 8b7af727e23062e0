"""Two runs beside each other in a browser, from a link that says which, and what."""

from browser_tab import Tab
from dashboard_server import ROOT, DashboardServer

_SIGNED = """() => [...Bokeh.documents[0]._all_models.values()]
  .filter(m => m.type === "LinearColorMapper" && m.high > 0 && m.low === -m.high).length"""


def test_a_link_compares_the_two_demonstration_runs(tab: Tab, server: DashboardServer) -> None:
    second, first = sorted(p.name for p in (ROOT / "data" / "demo" / "runs").iterdir())
    tab.open(f"{server.url}?page=compare&runs={first},{second}&quantity=density&at_z=0.1")
    tab.wait_for_text("B − A")
    # Density has no sign, so the maps that have one are the differences.
    tab.page.wait_for_function(f"({_SIGNED})() === 3", timeout=60_000)
    tab.wait_for_text("not constrained in B")
    tab.wait_for_text("B shares no star with A", timeout=60)
    tab.wait_for_text("all errors in quadrature", timeout=60)
    tab.settle()
    assert tab.page.locator(".alert").count() == 0
    assert tab.page.locator("table.numbers").get_by_text("σ").count() >= 8
    chosen = tab.page.locator("select").evaluate_all("all => all.map(s => s.selectedOptions[0].text)")
    assert chosen[:3] == ["disc-spiral", "disc-axisymmetric", "ρ [Msun/pc³]"]
    assert f"runs={first},{second}" in tab.page.url.replace("%2C", ",")


def test_a_group_of_tasks_opens_from_the_keyboard(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=train&run={server.directory('demonstration')}")
    group = tab.page.get_by_role("button", name="DF seed flows")
    group.focus()
    tab.page.keyboard.press("Enter")
    tab.wait_for_text("No log was kept")
    assert group.get_attribute("aria-pressed") == "true"
    tab.page.keyboard.press("Enter")
    tab.page.get_by_text("No log was kept").wait_for(state="hidden")
