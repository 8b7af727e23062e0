"""Tasks give way to the pages: for the moment in which somebody waits for a picture, those of this machine stand still.

Priority is not enough. Processes on the two threads of one core, as most machines have them, take half of it each
whatever their priorities. So the pages leave a sign when something is asked of them, and every supervisor looks for it.
"""

import ctypes
import math
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

MOMENT = 0.3
"""Seconds for which a task stands still after a sign: the longest that a picture takes to compute."""
LONGEST = 3.0
"""Seconds in a row that it stands still, and goes on afterwards, where signs never end: a slider is dragged."""
_OFTEN, _SELDOM = 0.01, 0.1
_RECENT = 60.0
"""Seconds since the last sign in which another is likely, so that it is looked for often."""


def ask_way(root: Path) -> None:
    """Ask the tasks of the runs below ``root`` on this machine to stand still for a moment."""
    # Without the sign, which a full disk or a read-only one can hinder, the pages are slower and nothing else.
    with suppress(OSError):
        _sign(root).touch()


def end_with_parent() -> None:
    """Have the system kill this process when its parent has gone: one that stands still cannot notice it itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_PR_SET_PDEATHSIG = 1
"""Its number in the system's header sys/prctl.h."""


class GivingWay:
    """Makes a process and those that it started stand still while the pages over ``root`` ask for it.

    Only under Linux, whose processes can be told to end with their parent.
    """

    def __init__(self, process: subprocess.Popen[bytes], root: Path):
        self._process, self._sign = process, _sign(root)
        self._still_since: float | None = None
        self._not_before = 0.0

    def look(self) -> float:
        """Stand still or go on, as is asked by now; returns the seconds until it is time to look again."""
        if sys.platform != "linux":
            return _SELDOM
        now, age = time.monotonic(), _age(self._sign)
        asked = 0 <= age < MOMENT
        if self._still_since is None:
            if asked and now >= self._not_before:
                self._still_since = now
                self._signal(signal.SIGSTOP)
        elif now - self._still_since > LONGEST:
            self._not_before = now + LONGEST
            self.go_on()
        elif not asked:
            self.go_on()
        return _OFTEN if age < _RECENT else _SELDOM

    def go_on(self) -> None:
        """Stand still no longer."""
        if self._still_since is not None:
            self._still_since = None
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it ended by itself in the meantime
            os.killpg(self._process.pid, number)


def _sign(root: Path) -> Path:
    """The file whose time of change says when something was last asked of the pages on this machine."""
    return root / f".pages-{socket.gethostname()}"


def _age(sign: Path) -> float:
    """Seconds since the last sign; infinite where there has been none."""
    try:
        return time.time() - sign.stat().st_mtime
    except OSError:
        return math.inf
