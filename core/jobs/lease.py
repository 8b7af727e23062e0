"""A lock with an owner and a heartbeat: one holder at a time, on one machine or on several that share a directory.

On one machine the lock of the system decides; it goes with its holder, however that ends. Some network file systems
keep such locks to each machine, so a holder also leaves a record, which it touches every few seconds: on another
machine a record that is still touched means that the lock is held, whatever the system says.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.runs.artifacts import write_json

BEAT = 5.0
"""Seconds between two signs of life."""
STALE = 30.0
"""Seconds without one after which a holder on another machine is taken to be dead."""
_SETTLE = 2.0
"""Seconds in which another machine, which took over the same stale record, would have written its own."""


class HeldError(Exception):
    """Somebody else holds the lock; the message names the process and its host."""


@dataclass(frozen=True)
class Owner:
    """The record of a holder; ``about`` is whatever it wanted to be known."""

    token: str
    host: str
    machine: str
    pid: int
    about: Mapping[str, Any]
    age: float

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine since it was last started."""
        return self.machine == machine_id()

    @property
    def beats(self) -> bool:
        """Whether it gave a sign of life not long ago."""
        return self.age < STALE

    def __str__(self) -> str:
        heard = "" if self.is_here else f", last heard of {max(self.age, 0):.0f} s ago"
        return f"process {self.pid} on {self.host}{heard}"


def machine_id() -> str:
    """What tells this machine, as it was last started, from all others."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return boot.read_text().strip() if boot.is_file() else socket.gethostname()


def read_owner(record: Path) -> Owner | None:
    """Who holds a lock or was killed while holding it; None where it was given back, or the record is damaged."""
    try:
        with record.open(encoding="utf-8") as file:  # opened, so that a network file system looks anew
            age = time.time() - os.fstat(file.fileno()).st_mtime
            values = json.load(file)
        names = {"token": str, "host": str, "machine": str, "pid": int}
        return Owner(**{name: kind(values[name]) for name, kind in names.items()}, about=values["about"], age=age)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(lock: Path, record: Path) -> bool:
    """Whether somebody holds the lock, here or on another machine."""
    if not lock.exists():
        return False
    try:
        with _system_lock(lock).acquire(timeout=0):
            pass
    except Timeout:
        return True
    except OSError:  # read-only here, another user's, or without locks: signs of life are all there is to go by
        owner = read_owner(record)
        return owner is not None and owner.beats
    return _beats_elsewhere(record)


class Lease:
    """A lock that is held: its ``token`` is in the record as long as nobody has taken over."""

    def __init__(self, record: Path, about: Mapping[str, Any]):
        self._record, self._about = record, dict(about)
        self._stop = threading.Event()
        self.token = ""
        self.renew()

    def renew(self) -> None:
        """Hold it under a new token: whoever works for the old one stops."""
        self.token = secrets.token_hex(8)
        owner = {"token": self.token, "host": socket.gethostname(), "machine": machine_id(), "pid": os.getpid()}
        write_json(self._record, owner | {"about": self._about})

    @property
    def is_ours(self) -> bool:
        """Whether nobody has taken over."""
        owner = read_owner(self._record)
        return owner is not None and owner.token == self.token

    def beat(self) -> None:
        """Touch the record until the lease is given back or lost."""
        while not self._stop.wait(BEAT):
            if self.is_ours:
                with suppress(OSError):  # a network that comes back does no harm
                    os.utime(self._record)

    def end(self) -> None:
        """Give it back."""
        self._stop.set()
        if self.is_ours:
            self._record.unlink(missing_ok=True)


@contextmanager
def held(lock: Path, record: Path, *, patience: float, about: Mapping[str, Any] | None = None) -> Iterator[Lease]:
    """Hold a lock; HeldError where somebody else still has it after ``patience`` seconds.

    Raises OSError where the file system allows no lock or has no room.
    """
    system, until = _system_lock(lock), time.monotonic() + patience
    try:
        system.acquire(timeout=patience)
    except Timeout:
        raise HeldError(str(read_owner(record) or "another process")) from None
    try:
        while _beats_elsewhere(record):
            if time.monotonic() >= until:
                raise HeldError(str(read_owner(record)))
            time.sleep(0.5)
        before = read_owner(record)
        lease = Lease(record, about or {})
        if before is not None and not before.is_here:
            time.sleep(_SETTLE)
            if not lease.is_ours:
                raise HeldError(str(read_owner(record)))
        beating = threading.Thread(target=lease.beat, daemon=True, name="heartbeat")
        beating.start()
        try:
            yield lease
        finally:
            lease.end()
            beating.join()
    finally:
        system.release()


def _system_lock(lock: Path) -> FileLock:
    # Without locks in the file system it would fall back to a file that a killed holder leaves behind for good.
    return FileLock(lock, fallback_to_soft=False)


def _beats_elsewhere(record: Path) -> bool:
    owner = read_owner(record)
    return owner is not None and not owner.is_here and owner.beats
