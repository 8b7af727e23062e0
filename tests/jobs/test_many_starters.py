"""Whoever starts a run, and however many do: one runner has it; killed with all servers, it is taken up by the next."""

import re
import socket
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest
from small_runs import TINY

from core.catalog.resolve import resolve_catalogue
from core.jobs.creation import create_fit, fit_config
from core.jobs.lease import read_owner
from core.jobs.ownership import request_cancel
from core.jobs.status import progress_lines, run_status

FLOWS = "flows-df_seed-00"
AS_A_PAGE_DOES = """
import sys
from core.jobs.launch import launch_detached
from core.runs.registry import open_run
launch_detached(open_run(sys.argv[1]))
"""
LONG = {**TINY, "flow.velocity.training.steps": 60_000, "flow.velocity.training.epochs": 10_000}


@pytest.fixture(scope="module")
def run(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEP_POTENTIAL_DATA", place.environment["DEEP_POTENTIAL_DATA"])
        stars = resolve_catalogue(str(place.catalogue))
        config = fit_config(stars, "quick", overrides=LONG)
        run = create_fit(stars, config, root=place.root / "contested", preset_name="quick", name="contested")
    yield run
    request_cancel(run)
    until(run, lambda: processes(run) == [])


def processes(run, module=None):
    """The processes of this run: its runners and its tasks."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if str(run.path) in words and "-m" in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    tasks = Counter(p.info["cmdline"][-1] for p in found if "core.jobs.task" in p.info["cmdline"])
    assert all(count == 1 for count in tasks.values()), "a task twice at once"
    return [p for p in found if module is None or module in p.info["cmdline"]]


def until(run, condition, seconds=180.0):
    """Wait, looking all the time for a task that is done twice."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        processes(run)
        time.sleep(0.05)


def trains_on(run):
    known = len(progress_lines(run, FLOWS)[0])
    until(run, lambda: len(progress_lines(run, FLOWS)[0]) > known + 2)


def kill(run, *servers):
    """All at once; nothing of the run is left a little later."""
    victims = processes(run)
    assert {"core", "core.jobs.task"} <= {word for p in victims for word in p.info["cmdline"]}
    for victim in (*servers, *victims):
        victim.kill()
    for server in servers:
        server.communicate()
    until(run, lambda: processes(run) == [], 10)
    until(run, lambda: run_status(run).state == "interrupted", 10)


def test_of_two_commands_and_a_page_one_has_the_run(place, run):
    page = [sys.executable, "-c", AS_A_PAGE_DOES, str(run.path)]
    commands = [place.start("run", run.path, "--quiet") for _ in range(2)]
    subprocess.run(page, env=place.environment, check=True)

    log = run.path / "runner.log"

    def losers():
        return [c for c in commands if c.poll() is not None] + ([log] if log.stat().st_size else [])

    until(run, lambda: len(losers()) > 1)
    trains_on(run)
    owner = read_owner(run.path / "owner.json")
    assert len(losers()) == 2
    lost = [(c.returncode, c.communicate()[1]) for c in commands if c in losers()]
    lost += [(3, log.read_text())] if log in losers() else []
    named = f"process {owner.pid} on {re.escape(socket.gethostname())}"
    for code, words in lost:
        assert code == 3
        assert re.fullmatch(f"Error: run 'contested' is already being run by {named}\n", words)
    kill(run, *(c for c in commands if c.poll() is None))


def test_of_two_servers_that_start_one_goes_on_with_it_and_needs_no_visitor(place, run):
    place_of_runs = ("--runs", run.path.parent)
    for servers in (2, 1):
        started = [place.start("serve", "--port", 0, *place_of_runs) for _ in range(servers)]
        trains_on(run)
        until(run, lambda: len(processes(run, "core")) == 1)
        kill(run, *started)
