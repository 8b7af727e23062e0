"""A lock that also holds across machines whose file system keeps locks to each of them."""

import errno
import json
import os
import threading
import time

import pytest

from core.jobs import lease
from core.jobs.lease import STALE, HeldError, held, is_held, read_owner


@pytest.fixture
def files(tmp_path):
    return tmp_path / "lock", tmp_path / "owner.json"


def elsewhere(record, age):
    """The record of a holder on another machine, last touched ``age`` seconds ago; no lock of it is seen here."""
    owner = {"token": "t", "host": "node7", "machine": "another", "pid": 77, "about": {}}
    record.write_text(json.dumps(owner))
    os.utime(record, (time.time() - age, time.time() - age))


def test_a_holder_on_another_machine_is_respected_while_it_gives_signs_of_life(files):
    lock, record = files
    lock.touch()
    elsewhere(record, 2)
    assert is_held(lock, record)
    with pytest.raises(HeldError, match=r"process 77 on node7, last heard of \d+ s ago"), held(*files, patience=0):
        pass
    assert read_owner(record).token == "t"


def test_one_that_is_silent_is_taken_over_from(files, monkeypatch):
    monkeypatch.setattr(lease, "_SETTLE", 0.05)
    lock, record = files
    lock.touch()
    elsewhere(record, STALE + 1)
    assert not is_held(lock, record)
    with held(*files, patience=0) as mine:
        assert mine.is_ours
        elsewhere(record, 0)  # another machine has taken over at the same time
        assert not mine.is_ours
    assert read_owner(record).token == "t"  # what is not ours is left alone


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EROFS])
def test_where_no_lock_can_be_asked_for_signs_of_life_tell(number, files, monkeypatch):
    """A file system without locks, or read-only here: whoever reads the state of a run gets an answer."""

    def refuses(*arguments, **named):
        raise OSError(number, os.strerror(number))

    lock, record = files
    lock.touch()
    monkeypatch.setattr("filelock.BaseFileLock.acquire", refuses)
    assert not is_held(lock, record)
    for age, held_there in ((2, True), (STALE + 1, False)):
        elsewhere(record, age)
        assert is_held(lock, record) == held_there
    with pytest.raises(OSError, match=os.strerror(number)), held(*files, patience=0):
        pass


def test_a_holder_goes_on_giving_signs_of_life(files, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.02)
    _, record = files
    with held(*files, patience=0, about={"fraction": 0.5}) as mine:
        os.utime(record, (0, 0))
        until = time.monotonic() + 10
        while not read_owner(record).beats:
            assert time.monotonic() < until
            time.sleep(0.02)
        before = mine.token
        mine.renew()
        assert mine.is_ours
        assert mine.token != before
        assert read_owner(record).about == {"fraction": 0.5}
    assert read_owner(record) is None
    assert not is_held(*files)


def test_of_many_at_once_one_has_it(files):
    """Ten clicks: each opens the lock for itself, as another process would."""
    start, end, won, lost = threading.Barrier(10), threading.Event(), [], []

    def click():
        start.wait()
        try:
            with held(*files, patience=0.2):
                won.append(1)
                end.wait()
        except HeldError as error:
            lost.append(str(error))
            if len(lost) == 9:
                end.set()

    clicks = [threading.Thread(target=click) for _ in range(10)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert (len(won), len(lost)) == (1, 9)
    assert any(f"process {os.getpid()} on" in words for words in lost)
