"""Every page opens on the demonstration and on a run of the user's, says what it shows, without console errors."""

import re

import pytest
from browser_tab import PAGES, Tab
from dashboard_server import DashboardServer


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("run", ["demonstration", "tiny"])
def test_page_opens(tab: Tab, server: DashboardServer, page: str, run: str) -> None:
    tab.open(f"{server.url}?page={page}&run={server.directory(run)}")
    tab.wait_for_text(PAGES[page])
    tab.settle()
    assert tab.page.locator(".alert").count() == 0
    if page != "train":
        assert tab.page.get_by_text("synthetic").count() >= 1


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_wider_than_a_narrow_screen(tab: Tab, server: DashboardServer, page: str) -> None:
    tab.page.set_viewport_size({"width": 420, "height": 800})
    tab.open(f"{server.url}?page={page}")
    tab.wait_for_text(PAGES[page])
    tab.settle()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 420


def test_first_visitor_sees_a_full_page(tab: Tab, server: DashboardServer) -> None:
    tab.open(server.url)
    tab.wait_for_text("expected")
    assert len(tab.images()) >= 3
    assert all(values["data"] > 0 for values in tab.images())


def test_unknown_run_is_said_in_place(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=potential&run=no-such-run")
    tab.wait_for_text("there is no run 'no-such-run'")
    tab.page.get_by_role("link", name="Train").click()
    tab.wait_for_text("New run")


def test_links_carry_the_view(tab: Tab, server: DashboardServer) -> None:
    run = server.directory("tiny")
    tab.open(f"{server.url}?page=quality&run={run}&bins=64")
    tab.page.get_by_role("link", name="Potential").click()
    tab.wait_for_text("Under the crosshair")
    assert f"run={run}" in tab.page.url
    assert "bins=64" in tab.page.url


def test_theme_changes_page_and_figures_without_a_reload(tab: Tab, server: DashboardServer) -> None:
    tab.open(server.url)
    tab.wait_for_text("expected")
    tab.page.evaluate("window.sameDocument = true")
    tab.page.get_by_role("button", name="Light / dark").click()
    tab.page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    tab.page.wait_for_function(
        "[...Bokeh.documents[0]._all_models.values()].filter(m => m.type === 'Figure')"
        ".every(m => m.background_fill_color === '#171b22')"
    )
    tab.page.wait_for_function("location.search.includes('theme=dark')")
    assert tab.page.evaluate("window.sameDocument")


def test_potential_follows_the_crosshair(tab: Tab, server: DashboardServer) -> None:
    run = server.directory("demonstration")
    tab.open(f"{server.url}?page=potential&run={run}&at_x=0.25&quantity=potential")
    tab.wait_for_text("0.25, 0.00, 0.00")
    x, y, width, height = tab.frame(0)
    tab.page.mouse.click(x + 0.75 * width, y + 0.5 * height)
    tab.page.wait_for_function("location.search.includes('at_x=0.5')", timeout=20_000)
    tab.wait_for_text("0.50, ")
    assert re.search(r"at_y=-?0(\.0\d*)?(&|$)|(?!.*at_y)", tab.page.url)


def test_a_click_in_a_turned_plane_moves_the_crosshair_along_it(tab: Tab, server: DashboardServer) -> None:
    run = server.directory("demonstration")
    tab.open(f"{server.url}?page=potential&run={run}&turn=90&along=x&arrows=true&quantity=acceleration_R")
    tab.wait_for_text("aR along x′ through")
    tab.wait_for_text("Arrows: the force in the plane")
    x, y, width, height = tab.frame(2)
    tab.page.mouse.click(x + 0.75 * width, y + 0.5 * height)
    tab.page.wait_for_function("location.search.includes('at_y=0.5')", timeout=20_000)
    tab.wait_for_text("0.00, 0.50, ")


def test_reliability_is_a_view_and_greys_out_the_others(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=potential&run={server.directory('demonstration')}&show=reliability")
    tab.wait_for_text("Limits for reliable / with care")
    tab.wait_for_text("use with care")
    tab.wait_for_text("is not the error of Ωp")
    tab.page.get_by_role("checkbox").nth(2).check()
    tab.page.wait_for_function("location.search.includes('grey=')")
    tab.settle()


def test_profiles_stand_below_the_slices(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=potential&run={server.directory('demonstration')}")
    tab.wait_for_text("Φ seed")
    tab.wait_for_text("DF seed")
    tab.settle()
    labels = ("vc  [km/s]", "Kz  [(km/s)²/kpc]", "Σ  [Msun/pc²]", "ρ  [Msun/pc³]")
    drawn = tab.page.evaluate(
        "[...Bokeh.documents[0]._all_models.values()].filter(m => m.type === 'LinearAxis').map(m => m.axis_label)"
    )
    assert all(label in drawn for label in labels)
    assert tab.page.get_by_text("Holmberg").count() == 0  # published values are of real stars
