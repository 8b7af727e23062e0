"""Trainings stand still while the pages are asked for something, and not a moment longer than they must."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from core.jobs import giving_way
from core.jobs.giving_way import LONGEST, MOMENT, GivingWay, ask_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there can a process end with its parent")
FOREVER = "import time\nwhile True: time.sleep(0.01)"


@pytest.fixture
def process():
    process = subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on when it is told to."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

        def time(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(giving_way, "time", clock)
    return clock


def is_still(process):
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline and psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


def ask(root, clock):
    ask_way(root)
    os.utime(giving_way._sign(root), (clock.now, clock.now))


def test_it_stands_still_for_a_moment_after_a_sign(process, clock, tmp_path):
    way = GivingWay(process, tmp_path)
    often = way.look()
    assert not is_still(process)
    ask(tmp_path, clock)
    assert way.look() < often
    assert is_still(process)
    clock.now += 1.01 * MOMENT
    way.look()
    assert not is_still(process)


def test_signs_that_never_end_take_half_of_its_time(process, clock, tmp_path):
    way, still = GivingWay(process, tmp_path), []
    for _ in range(40):
        clock.now += LONGEST / 5
        ask(tmp_path, clock)
        way.look()
        still.append(is_still(process))
    assert 0.4 < sum(still) / len(still) < 0.6


def test_one_that_is_let_go_goes_on(process, clock, tmp_path):
    way = GivingWay(process, tmp_path)
    ask(tmp_path, clock)
    way.look()
    way.go_on()
    assert not is_still(process)


def test_one_that_has_ended_is_no_error(process, clock, tmp_path):
    way = GivingWay(process, tmp_path)
    process.kill()
    process.wait()
    ask(tmp_path, clock)
    way.look()
    way.go_on()


def test_a_directory_without_signs_asks_for_nothing(process, clock, tmp_path):
    ask_way(tmp_path / "gone")  # where nothing can be written, nothing is said either
    GivingWay(process, tmp_path / "gone").look()
    assert not is_still(process)


CHILD = f"""
from core.jobs.giving_way import end_with_parent
end_with_parent()
print("ready", flush=True)
{FOREVER}
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
{FOREVER}
"""


def test_one_that_stands_still_ends_with_its_parent():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        child.suspend()
        parent.kill()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
