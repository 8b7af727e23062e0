"""The memory of closed pages goes back to the system.

What a page held lies between what the server goes on holding. glibc keeps such gaps for itself: after some dozens of
visitors they are a tenth of what the server takes, and their number goes up and down.
"""

import asyncio
import ctypes
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

_PAUSE = 8.0
"""Seconds after which Panel has collected the garbage of a closed page."""


class FreedMemory:
    """Gives back, at most once in ``pause`` seconds and in a thread, what is free after pages were closed.

    ``trim`` does it, and is glibc's; None where the system has none.
    """

    def __init__(self, executor: Executor, trim: Callable[[], object] | None, pause: float = _PAUSE):
        self._executor, self._trim, self._pause = executor, trim, pause
        self._waits = self._once_more = False

    def page_closed(self, context: object) -> None:
        """A handler of Bokeh's, called on the event loop."""
        if self._waits:
            self._once_more = True  # the garbage of this one may come later
        elif self._trim is not None:
            self._wait(self._trim)

    def _wait(self, trim: Callable[[], object]) -> None:
        self._waits = True
        asyncio.get_running_loop().call_later(self._pause, self._give_back, trim)

    def _give_back(self, trim: Callable[[], object]) -> None:
        self._executor.submit(trim)
        again, self._waits, self._once_more = self._once_more, False, False
        if again:
            self._wait(trim)


def system_trim() -> Callable[[], object] | None:
    """What gives free memory back, where the system's library knows how."""
    try:
        return partial(ctypes.CDLL(None).malloc_trim, 0)
    except (AttributeError, TypeError, OSError):  # another library than glibc; Windows
        return None
