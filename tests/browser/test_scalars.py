"""The scalars page in a browser: an edit averages anew, the address keeps it, a reset brings the run's own back."""

from browser_tab import Tab
from dashboard_server import DashboardServer


def test_an_edit_averages_anew_and_a_link_restores_it(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=scalars&run={server.directory('demonstration')}")
    tab.wait_for_text("These are the run's own numbers", timeout=60)
    box = tab.page.get_by_label("add a volume")
    box.fill("thin: abs(Z) < 0.1 & r < 0.5")
    box.press("Enter")
    tab.wait_for_text("Averaged anew", timeout=90)
    tab.page.wait_for_function("location.search.includes('averaging=')")
    tab.page.wait_for_function("[...document.querySelectorAll('input')].every(i => !i.value.startsWith('thin'))")
    tab.open(tab.page.url)
    tab.wait_for_text("Averaged anew", timeout=90)
    tab.wait_for_text("⟨ρ⟩ thin")
    tab.page.get_by_role("button", name="Reset to the run's own").click()
    tab.wait_for_text("These are the run's own numbers", timeout=60)
