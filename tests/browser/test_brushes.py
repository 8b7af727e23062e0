"""What a drag means is chosen on the page: ellipses, and boxes that are combined; marginals and linked rows."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
from browser_tab import Tab
from dashboard_server import DashboardServer

from core.catalog.store import CatalogueStore
from core.phase_space.region import COMBINATIONS, Box, Ellipse, Region, from_json
from core.phase_space.solar_position import SolarPosition
from core.runs.registry import EMBEDDED_RUNS, open_run
from dashboard.session import decoded

# Bokeh keeps models in the browser that have been replaced: those on the page are what the roots refer to.
_ON_PAGE = "Bokeh.documents[0].roots().flatMap(root => [...root.references()])"


def _region(tab: Tab, after: Region | None = None) -> Region:
    """The subset in the address, once it is another than the one before: the address may lag behind the maps."""
    for _ in range(300):
        found = parse_qs(urlsplit(tab.page.url).query).get("subset")
        region = from_json(decoded(found[0])) if found else None
        if region is not None and region != after:
            return region
        tab.page.wait_for_timeout(100)
    raise TimeoutError(f"the address still says {tab.page.url}")


def _inside(server: DashboardServer, region: Region) -> int:
    run = open_run(EMBEDDED_RUNS / server.directory("demonstration"))
    catalogue = CatalogueStore(server.place / "data").open(run.manifest.catalogue.id)
    return int(region.contains_points(catalogue.sample().w, SolarPosition()).sum())


def _open(tab: Tab, server: DashboardServer, query: str = "") -> None:
    tab.open(f"{server.url}?run={server.directory('demonstration')}{query}")
    tab.wait_for_text("expected")
    # Figures may still move while the rest of the page is laid out, and the mouse would miss them.
    tab.images_when_settled()
    tab.settle()


def _wait_for_stars(tab: Tab, expected: int) -> None:
    """The first row holds all stars of the ball; the others leave the outermost per mille of the velocities out."""
    tab.wait_for_counts(
        lambda counts: counts[0]["data"] == expected and all(0.99 * expected <= c["data"] <= expected for c in counts)
    )


def _wait_for_brush(tab: Tab, brush: str) -> None:
    """Until the address has it and a drag in any row would be one: the toolbars hear of it after the address."""
    tab.page.wait_for_function(f"location.search.includes('brush={brush}')")
    title = f"[title='{brush.capitalize()} Select']"
    buttons, active = tab.page.locator(title), tab.page.locator(f".bk-active{title}")
    for _ in range(100):
        if active.count() == buttons.count() > 0:
            return
        tab.page.wait_for_timeout(100)
    raise TimeoutError(f"{active.count()} of {buttons.count()} toolbars have {brush}")


def test_an_ellipse_selects_in_every_panel_and_can_be_turned(tab: Tab, server: DashboardServer) -> None:
    _open(tab, server)
    tab.page.get_by_role("button", name="ellipse").click()
    _wait_for_brush(tab, "ellipse")
    tab.drag(0, (0.3, 0.3), (0.7, 0.5))
    drawn = _region(tab)
    assert isinstance(drawn, Ellipse)
    expected = _inside(server, drawn)
    _wait_for_stars(tab, expected)
    assert tab.page.get_by_text(f"x–y: {expected:,} stars".replace(",", "\u202f")).count() == 1
    tab.page.get_by_role("button", name="Turn ellipse left").first.press("Enter")
    tab.wait_for_counts(lambda counts: counts[0]["data"] != expected)
    turned = _region(tab, after=drawn)
    _wait_for_stars(tab, _inside(server, turned))
    tab.open(tab.page.url)
    tab.wait_for_text("expected")
    _wait_for_stars(tab, _inside(server, turned))
    # The icons of a row's toolbar and the choice above the rows are one.
    tab.page.locator("[title='Lasso Select']").nth(1).click()
    _wait_for_brush(tab, "lasso")
    tab.drag(0, (0.2, 0.2), (0.8, 0.6))
    tab.page.wait_for_function("location.search.includes('polygon')")


def test_subsets_are_combined_by_the_mouse_and_by_the_form(tab: Tab, server: DashboardServer) -> None:
    _open(tab, server)
    tab.drag(0, (0.3, 0.3), (0.6, 0.7))
    first = _region(tab)
    _wait_for_stars(tab, _inside(server, first))
    tab.page.get_by_role("button", name="and not").first.click()
    tab.page.wait_for_function("location.search.includes('combine')")
    tab.drag(0, (0.5, 0.3), (0.8, 0.7))
    tab.wait_for_counts(lambda counts: 0 < counts[0]["data"] < _inside(server, first))
    both = _region(tab, after=first)
    _wait_for_stars(tab, _inside(server, both))
    assert both == COMBINATIONS["and not"](first, ~both.parts[1])
    assert isinstance(first, Box)
    tab.page.get_by_text("combine subsets").click()
    tab.page.get_by_role("button", name="Not this").click()
    tab.wait_for_text("not (")
    _wait_for_stars(tab, _inside(server, ~both))
    assert _region(tab, after=both) == ~both
    tab.open(tab.page.url)
    tab.wait_for_text("not (")
    _wait_for_stars(tab, _inside(server, ~both))


def test_marginals_come_and_go_and_a_link_brings_them_back(tab: Tab, server: DashboardServer) -> None:
    _open(tab, server)
    sources = f"{_ON_PAGE}.filter(m => m.type === 'ColumnDataSource' && m.data.pull)"
    assert tab.page.evaluate(f"{sources}.length") == 0
    tab.page.get_by_role("checkbox").first.check()
    tab.page.wait_for_function(f"{sources}.length === 6 && {sources}.every(m => m.data.data.length === 128)")
    sums = tab.page.evaluate(f"{sources}.map(m => [...m.data.data].reduce((a, b) => a + b, 0))")
    whole = [values["data"] for values in tab.images()]
    assert np.allclose(sorted(set(sums)), sorted(set(whole)))
    tab.page.wait_for_function("location.search.includes('marginals=')")
    tab.open(tab.page.url)
    tab.wait_for_text("expected")
    tab.page.wait_for_function(f"{sources}.length === 6")
    tab.page.get_by_role("checkbox").first.uncheck()
    tab.page.wait_for_function(f"{sources}.length === 0")


def test_rows_that_share_a_coordinate_zoom_together(tab: Tab, server: DashboardServer) -> None:
    _open(tab, server, "&projections=x~y,x~z,vx~vy")
    before = tab.images_when_settled()
    x, y, width, height = tab.frame(0)
    tab.page.mouse.move(x + width / 2, y + height / 2)
    for _ in range(4):
        tab.page.mouse.wheel(0, -240)
    tab.wait_for_counts(lambda counts: all(0 < counts[i]["data"] < 0.95 * before[i]["data"] for i in (0, 1)))
    after = tab.images_when_settled()
    assert after[1]["data"] > after[0]["data"]  # z is not zoomed
    assert after[2] == before[2]
    again = Tab(tab.page)
    again.open(tab.page.url)
    again.wait_for_text("expected")
    restored = again.images_when_settled()
    assert np.allclose([v["data"] for v in restored], [v["data"] for v in after], rtol=1e-3)
