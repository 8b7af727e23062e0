"""The disk fills up at any call of any writer: one message, what was there is as it was, with room it is written."""

import errno
import os
import re
import shutil
import subprocess
from contextlib import suppress
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from full_disk import FullDisk
from small_runs import manifest

from core.catalog import incoming
from core.catalog.files import write_catalogue
from core.catalog.incoming import IncomingFile
from core.catalog.ingest import ingest
from core.catalog.store import CatalogueStore
from core.errors import InputError, understood
from core.export import report
from core.export.files import write_tables
from core.export.tables import UNITS, Tables
from core.flow.training import Checkpoint
from core.jobs import launch
from core.jobs.checkpoint import save_checkpoint
from core.jobs.launch import launch_detached
from core.jobs.lease import held
from core.jobs.ownership import record_state, request_cancel
from core.log import write_record
from core.phase_space.region import Shell
from core.runs.artifacts import write_npz
from core.runs.registry import create_run, find_run
from core.runs.star_files import write_stars

CUBE = np.zeros((2, 2, 2))
TABLES = Tables((np.arange(2.0),) * 3, dict.fromkeys(UNITS, CUBE), {}, CUBE > 1, CUBE > 1, {})
STARS = dict(zip(("x", "y", "z", "vx", "vy", "vz"), 0.1 * np.random.default_rng(2).normal(size=(6, 30)), strict=True))


def add(home, name="ball"):
    CatalogueStore(home / "data").add(STARS, name=name, region=Shell(1.0))


def hold(home):
    with held(home / "lock", home / "owner.json", patience=0):
        pass


def send(home, number):
    """A file of other stars each time."""
    body = (home / "stars.csv").read_bytes() + b"0.1,0.1,0.1,1,1,%d\n" % number
    file = IncomingFile("s.csv", len(body), CatalogueStore(home / "data"))
    try:
        file.write(body[:100])
        file.write(body[100:])
        file.read()
    finally:
        file.discard()


def ball(home):
    return find_run("ball", home / "runs")


def checkpoint(home, number):
    state = Checkpoint(jnp.asarray(0), {"w": jnp.ones(3)}, {"step": jnp.asarray(number)})
    save_checkpoint(home, {"member": 0}, state)


WRITERS = {
    "catalogue as FITS": lambda home, number: write_catalogue(home / "c.fits", STARS, {"name": "c"}),
    "catalogue as parquet": lambda home, number: write_catalogue(home / "c.parquet", STARS, {"name": "c"}),
    "another name for stored stars": lambda home, number: add(home, f"ball {number}"),
    "upload": send,
    "run": lambda home, number: create_run(home / "runs", manifest("b", f"20270101-000000-{number:04d}"), ["test"]),
    "launch": lambda home, number: launch_detached(ball(home)),
    "lease": lambda home, number: hold(home),
    "state": lambda home, number: record_state(ball(home), "running"),
    "request to stop": lambda home, number: request_cancel(ball(home)),
    "checkpoint": checkpoint,
    "sample of a flow": lambda home, number: write_stars(home / "s.parquet", np.ones((30, 6))),
    "values at points": lambda home, number: write_npz(home / "out.npz", {"x": CUBE}),
    "export as FITS": lambda home, number: write_tables(home / "phi.fits", TABLES),
    "export as HDF5": lambda home, number: write_tables(home / "phi.h5", TABLES),
    "report": lambda home, number: report.write_report(ball(home), home / "report.html"),
    "log": lambda home, number: write_record(home / "errors.log", None, message="x"),
}


def files(home):
    """All there is, and what it holds; a lock or a log that was made and holds nothing is as good as none."""
    found = (path for path in home.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in found if path.stat().st_size or path.name.startswith(".")}


def restore(home, content):
    """Bring a place back to what :func:`files` found."""
    for path in home.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path, held_there in content.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held_there)


@pytest.fixture
def disk(home, stars, waiting, monkeypatch):
    monkeypatch.setattr(launch, "subprocess", SimpleNamespace(Popen=lambda *_, **__: None, DEVNULL=0, STDOUT=0))
    monkeypatch.setattr(report, "report_html", lambda run: "<html/>")
    monkeypatch.setattr(incoming, "read_guarded", ingest)
    return FullDisk(home)


def failures(disk, write):
    """What ``write(number)`` raises where the disk fills up at each of its calls in turn; at the end it has room.

    First there is nothing to lose, then what it wrote before.
    """
    for number in range(2):
        begin = files(disk.root)
        with disk.filled(lambda *_: False):
            write(number)
        calls = disk.calls
        for call in range(calls):
            restore(disk.root, begin)
            error = (errno.ENOSPC, errno.EDQUOT)[call % 2]
            with disk.filled(lambda *_: disk.calls >= call, error), pytest.raises((OSError, InputError)) as caught:  # noqa: B023
                write(number)
            assert files(disk.root) == begin, call
            yield caught.value
        restore(disk.root, begin)
        write(number)


@pytest.mark.parametrize("case", WRITERS)
def test_a_writer_without_room(case, disk):
    told = [str(understood(error)) for error in failures(disk, lambda number: WRITERS[case](disk.root, number))]
    assert told
    assert all("there is no room on the disk" in words for words in told)
    assert not any(str(disk.root) in words for words in told if case == "upload")


@pytest.fixture
def small_disk(tmp_path_factory):
    """A file system of a megabyte, where one may be mounted."""
    place = tmp_path_factory.mktemp("small")
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.name != "posix" or not mount or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_file_system_that_is_really_full(small_disk, home, stars, waiting, disk):
    for path in (stars, home / "runs"):
        shutil.move(path, small_disk)
    filling, refused = small_disk / "filling", []
    for case, write in WRITERS.items():
        with filling.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        before = files(small_disk)
        try:
            write(small_disk, 0)
        except (OSError, InputError) as error:
            refused.append((case, str(understood(error)), files(small_disk) == before))
        filling.unlink()
        if case != "upload":  # it leaves a gigabyte free
            write(small_disk, 1)
    for case, words, is_as_before in refused:
        assert re.search(r"no room on the disk|too full", words), case
        assert is_as_before, case
    # a name alone takes no room
    assert set(WRITERS) - {case for case, _, _ in refused} <= {"request to stop", "launch"}


COMMANDS = {
    "ingest": lambda number: ("ingest", "stars.csv", "--name", f"ball {number}"),
    "cancel": lambda number: ("cancel", "ball"),  # nothing but the last catch site knows what the system refused
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_without_room_says_so_in_one_line(case, disk, command):
    def act(number):
        answer = command(*COMMANDS[case](number))
        if answer.code:
            raise InputError(f"{answer.code}: {answer.err!r}")

    for error in failures(disk, act):
        assert re.fullmatch(r"2: 'Error: .*there is no room on the disk [^.]*\. \w+ .*", str(error))
        assert str(error).count(r"\n") == 1  # with the remedy
