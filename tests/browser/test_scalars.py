"""The scalars page in a browser: an edit averages anew, the address keeps it, a reset brings the run's own back;
the pair that is drawn is kept too."""

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


def test_two_at_a_time_are_chosen_and_a_link_restores_them(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=scalars&run={server.directory('demonstration')}")
    tab.wait_for_text("Pearson r", timeout=60)
    tab.page.get_by_label("up", exact=True).select_option(label="Ωp")
    tab.page.wait_for_function("location.search.includes('pair_y=pattern_speed')")
    tab.open(tab.page.url)
    tab.wait_for_text("Pearson r", timeout=60)
    # Bokeh keeps models in the browser that have been replaced: those on the page are what the roots refer to.
    on_page = "Bokeh.documents[0].roots().flatMap(root => [...root.references()])"
    drawn = f"{on_page}.filter(m => m.type === 'Figure')"
    across, up = "Kz  [(km/s)²/kpc]", "Ωp  [km/s/kpc]"
    tab.page.wait_for_function(
        f"{drawn}.some(m => m.below[0].axis_label === '{across}' && m.left[0].axis_label === '{up}')"
    )
    tab.page.get_by_role("button", name="Light / dark").click()
    tab.page.wait_for_function(f"{drawn}.every(m => m.background_fill_color === '#171b22')")
