"""Figures saved from a page: as images, as vectors, as something to print, and the numbers in them."""

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser_tab import Tab
from dashboard_server import DashboardServer

FIRST = "#figures li:first-child"


def opened(tab: Tab, server: DashboardServer, page: str = "quality") -> Tab:
    tab.open(f"{server.url}?page={page}&run={server.directory('demonstration')}&bins=64")
    tab.wait_for_text("expected")
    tab.images_when_settled()
    tab.page.get_by_role("button", name="Figures", exact=True).click()
    return tab


def saved(tab: Tab, kind: str) -> Path:
    with tab.page.expect_download() as download:
        tab.page.locator(FIRST).get_by_text(kind, exact=True).click()
    assert download.value.suggested_filename == f"data-y-kpc-against-x-kpc.{kind.lower()}"
    return Path(download.value.path())


def test_the_numbers_are_those_on_the_screen(tab: Tab, server: DashboardServer) -> None:
    stars = opened(tab, server).images()[0]
    rows = list(csv.DictReader(io.StringIO(saved(tab, "CSV").read_text())))
    assert len(rows) == 64 * 64
    assert sum(float(row["data_count"]) for row in rows) == stars["data"]
    assert sum(float(row["flow_count"]) for row in rows) == pytest.approx(stars["flow"], rel=1e-5)
    assert {"significance"} < set(rows[0])


def test_image_and_vectors(tab: Tab, server: DashboardServer) -> None:
    opened(tab, server)
    assert saved(tab, "PNG").read_bytes().startswith(b"\x89PNG")
    drawn = ElementTree.parse(saved(tab, "SVG")).getroot()
    words = {element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert "data" in words


def test_what_is_printed_is_the_figure_alone(tab: Tab, server: DashboardServer) -> None:
    tab.page.add_init_script("window.print = () => { top.printed = document.documentElement.outerHTML; }")
    opened(tab, server)
    tab.page.locator(FIRST).get_by_text("PDF", exact=True).click()
    tab.page.wait_for_function("window.printed")
    page = tab.page.evaluate("window.printed")
    assert page.count("<svg") == 1
    assert "@page" in page


def test_a_guide_is_offered_once(tab: Tab, server: DashboardServer) -> None:
    tab.open(f"{server.url}?page=train")
    tab.page.get_by_role("button", name="What this page shows").click()
    tab.wait_for_text("Choose stars and a preset")
    tab.page.keyboard.press("Escape")
    tab.open(f"{server.url}?page=train")
    tab.wait_for_text("New run")
    assert tab.page.get_by_role("button", name="What this page shows").count() == 0
    tab.page.get_by_role("button", name="Guide", exact=True).click()
    tab.wait_for_text("Choose stars and a preset")
