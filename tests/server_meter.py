"""What a server process takes: CPU of all its threads, memory, and how late its event loop is.

As ``panel serve --setup`` this file makes the event loop write down its lateness, where DEEP_POTENTIAL_LOOP_LAG names a
file. The loop is asked every 20 ms, which costs half a per cent of a core.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

LAG_VARIABLE = "DEEP_POTENTIAL_LOOP_LAG"
PERIOD = 0.02


@dataclass(frozen=True)
class ServerMeter:
    """Reads a process from outside; ``lags`` is the file that its event loop writes."""

    process: psutil.Process
    lags: Path

    @property
    def cpu(self) -> float:
        """Seconds of all threads since the start; Linux counts them in nanoseconds, others in hundredths."""
        with suppress(OSError):
            threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
            return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        return self.process.memory_info().rss / 1e6

    def rest(self, longest: float = 20.0) -> None:
        """Wait until the server has nothing to do."""
        end, before = time.monotonic() + longest, self.cpu
        while time.monotonic() < end:
            time.sleep(0.3)
            now = self.cpu
            if now - before < 0.015:
                return
            before = now

    def lags_since(self, start: float) -> list[float]:
        """Milliseconds by which the event loop was late, from the time ``start`` on."""
        pairs = (line.split() for line in self.lags.read_text().splitlines()[:-1])
        return [float(late) for when, late in pairs if float(when) >= start]


def record_lags(file: Path) -> None:
    """Make the event loop of this process write down how late it is."""
    from tornado.ioloop import IOLoop

    loop, log = IOLoop.current(), file.open("a", buffering=1)

    def tick(due: float) -> None:
        now = loop.time()
        log.write(f"{time.time():.3f} {1000 * (now - due):.2f}\n")
        loop.call_at(now + PERIOD, tick, now + PERIOD)

    loop.add_callback(tick, loop.time())


if LAG_VARIABLE in os.environ and __name__ != "server_meter":
    record_lags(Path(os.environ[LAG_VARIABLE]))
