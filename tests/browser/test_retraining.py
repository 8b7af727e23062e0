"""Retraining from the pages: from a click to new maps; cancel; a run that outlives its tab and its server."""

from pathlib import Path

import numpy as np
from browser_tab import Tab
from dashboard_server import DashboardServer
from playwright.sync_api import Browser
from small_runs import waiting_run

from core.runs.trash import throw_away, trashed


def _draw_box(tab: Tab, server: DashboardServer, run: str) -> None:
    tab.open(f"{server.url}?run={server.directory(run)}")
    tab.wait_for_text("expected")
    tab.drag(0, (0.25, 0.25), (0.75, 0.75))
    tab.page.wait_for_function("location.search.includes('subset')")


def test_retraining_on_a_box_brings_new_maps(tab: Tab, server: DashboardServer) -> None:
    _draw_box(tab, server, "tiny")
    parent = server.directory("tiny")
    tab.page.get_by_role("button", name="Retrain on this subset").click()
    tab.wait_for_text("of 7 tasks")
    tab.page.wait_for_function("parent => !location.search.includes(parent)", arg=parent, timeout=180_000)
    assert tab.images_when_settled()[0]["data"] > 0
    # The maps come first; the page comes once more when the potentials and scalars are there too.
    for _ in range(120):
        if "running" not in server.states().values():
            break
        tab.page.wait_for_timeout(1000)
    assert set(server.states().values()) == {"done"}
    tab.page.wait_for_timeout(2000)
    tab.settle()
    assert tab.images_when_settled()[0]["data"] > 0
    tab.wait_for_text("Ωp")


def test_a_run_survives_its_tab_and_its_server_and_can_be_cancelled(
    tab: Tab, server: DashboardServer, browser: Browser
) -> None:
    tab.open(f"{server.url}?page=train&run={server.directory('tiny')}")
    tab.wait_for_text("New run")
    tab.page.get_by_placeholder("the catalogue's").fill("survivor")
    tab.page.get_by_placeholder("the catalogue's").press("Enter")
    tab.page.get_by_role("button", name="Start", exact=True).click()
    tab.wait_for_text("running", timeout=60)
    server.stop()
    tab.wait_for_text("The server does not answer")
    tab.page.close()
    tab.errors.clear()  # that it could not connect
    server.start()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    again = Tab(context.new_page())
    again.open(f"{server.url}?page=train")
    again.wait_for_text("survivor")
    again.wait_for_text("left", timeout=60)
    again.page.get_by_role("button", name="Cancel").first.click()
    again.wait_for_text("cancelled", timeout=30)
    assert server.states()["survivor"] == "cancelled"
    assert not again.errors
    context.close()


def test_a_catalogue_comes_from_the_visitors_disk(tab: Tab, server: DashboardServer, tmp_path: Path) -> None:
    tab.open(f"{server.url}?page=train")
    tab.wait_for_text("Add a catalogue")
    rows = np.random.default_rng(5).normal(size=(900, 6)) * [0.2, 0.2, 0.1, 40, 30, 20]
    (tmp_path / "cut.csv").write_text("x,y,z,vx,vy,vz\n1,2\n")
    np.savetxt(tmp_path / "mine.csv", rows, delimiter=",", header="x,y,z,vx,vy,vz", comments="")
    chooser = tab.page.get_by_label("Add a catalogue")
    chooser.set_input_files(tmp_path / "cut.csv")
    tab.wait_for_text("cut.csv: line 2 has 2 values", timeout=60)
    tab.errors.clear()  # the browser says that it was refused
    chooser.set_input_files(tmp_path / "mine.csv")
    tab.wait_for_text("mine is stored.", timeout=60)
    tab.wait_for_text("all six coordinates present")
    tab.wait_for_text("900 stars")


def test_the_trash_is_emptied_by_the_keyboard_alone(tab: Tab, server: DashboardServer) -> None:
    runs = server.place / "runs"
    throw_away(waiting_run(runs, "unwanted").path)
    tab.open(f"{server.url}?page=train&listed=trash")
    tab.page.get_by_role("button", name="Empty the trash: 1 run").focus()
    tab.page.keyboard.press("Enter")
    tab.wait_for_text("Remove 1 run for good?")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    tab.wait_for_text("Nothing in the trash.")
    assert trashed(runs) == []
