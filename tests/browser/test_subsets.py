"""Brushing: a box, a lasso or typed words select the same stars everywhere, and a link brings the selection back."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
from browser_tab import Tab
from dashboard_server import DashboardServer
from playwright.sync_api import Browser

from core.catalog.store import CatalogueStore
from core.phase_space.region import from_json
from core.phase_space.solar_position import SolarPosition
from core.runs.registry import EMBEDDED_RUNS, open_run
from dashboard.session import decoded


def _subset(tab: Tab) -> dict[str, object]:
    return decoded(parse_qs(urlsplit(tab.page.url).query)["subset"][0])


def test_box_filters_every_projection_to_the_right_stars(tab: Tab, server: DashboardServer) -> None:
    run = open_run(EMBEDDED_RUNS / server.directory("demonstration"))
    tab.open(f"{server.url}?run={run.path.name}")
    tab.wait_for_text("expected")
    before = tab.images_when_settled()
    tab.drag(0, (0.3, 0.3), (0.6, 0.7))
    tab.page.wait_for_function("location.search.includes('subset')")
    tab.wait_for_counts(lambda counts: all(c["data"] < b["data"] for c, b in zip(counts, before, strict=True)))
    region = from_json(_subset(tab))
    catalogue = CatalogueStore(server.place / "data").open(run.manifest.catalogue.id)
    expected = int(region.contains_points(catalogue.sample().w, SolarPosition()).sum())
    # The first row holds all stars of the ball; the others leave the outermost per mille of the velocities out.
    counts = [values["data"] for values in tab.images()]
    assert counts[0] == expected
    assert all(0.99 * expected <= c <= expected for c in counts[1:])
    assert tab.page.get_by_text(f"{expected:,}".replace(",", "\u202f")).count() >= 1


def test_expression_selects_and_a_typo_is_explained(tab: Tab, server: DashboardServer) -> None:
    tab.open(server.url)
    tab.wait_for_text("expected")
    field = tab.page.get_by_placeholder("abs(z) < 0.1")
    field.fill("abs(z) < 0.1 & vphj > 200")
    field.press("Enter")
    tab.wait_for_text("Did you mean 'vphi'?")
    field.fill("abs(z) < 0.1 & vphi > 200")
    field.press("Enter")
    tab.page.wait_for_function("location.search.includes('subset')")
    assert _subset(tab) == {"kind": "expression", "text": "abs(z) < 0.1 & vphi > 200"}


def test_zoom_counts_the_stars_in_view(tab: Tab, server: DashboardServer) -> None:
    tab.open(server.url)
    tab.wait_for_text("expected")
    whole = tab.images()[0]["data"]
    x, y, width, height = tab.frame(0)
    tab.page.mouse.move(x + width / 2, y + height / 2)
    for _ in range(4):
        tab.page.mouse.wheel(0, -240)
    tab.wait_for_counts(lambda counts: 0 < counts[0]["data"] < 0.9 * whole)
    tab.page.wait_for_function("location.search.includes('view')")


def test_a_link_restores_the_view_and_sessions_are_apart(tab: Tab, server: DashboardServer, browser: Browser) -> None:
    tab.open(server.url)
    tab.wait_for_text("expected")
    tab.drag(0, (0.3, 0.3), (0.6, 0.7))
    tab.page.wait_for_function("location.search.includes('subset')")
    selected = tab.images_when_settled()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    other = Tab(context.new_page())
    other.open(server.url)
    other.wait_for_text("expected")
    assert other.images_when_settled()[0]["data"] > selected[0]["data"]
    other.open(tab.page.url)
    other.wait_for_text("expected")
    assert np.allclose([v["data"] for v in other.images_when_settled()], [v["data"] for v in selected])
    context.close()


def test_an_empty_subset_is_said_and_the_page_goes_on(tab: Tab, server: DashboardServer) -> None:
    tab.open(server.url)
    tab.wait_for_text("expected")
    field = tab.page.get_by_placeholder("abs(z) < 0.1")
    field.fill("vphi > 10000")
    field.press("Enter")
    tab.wait_for_text("No star of this subset is in view")
    tab.wait_for_text("too few")
    tab.page.get_by_role("button", name="Remove").first.click()
    tab.wait_for_text("expected")
