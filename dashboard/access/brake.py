"""A brake on guessing passwords: after a few wrong ones from an address for a name, each costs twice the wait.

Whoever else logs in, from another address or under another name, waits for nobody.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

Visitor = tuple[str, str]
"""Address and name."""
_FREE = 3
_LONGEST = 60.0
_FORGOTTEN_AFTER = 3600.0
_MOST = 10_000


class Brake:
    """Wrong attempts of visitors; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._wrong: OrderedDict[Visitor, tuple[int, float]] = OrderedDict()

    def wait(self, visitor: Visitor) -> float:
        """Seconds until the next attempt of a visitor is looked at; 0 where it is now."""
        count, last = self._wrong.get(visitor, (0, 0.0))
        pause = min(2.0 ** (count - _FREE), _LONGEST) if count >= _FREE else 0.0
        return max(0.0, last + pause - self._clock())

    def wrong(self, visitor: Visitor) -> None:
        """An attempt was looked at and was wrong."""
        count, last = self._wrong.pop(visitor, (0, 0.0))
        now = self._clock()
        self._wrong[visitor] = (count + 1 if now - last < _FORGOTTEN_AFTER else 1, now)
        while len(self._wrong) > _MOST:
            self._wrong.popitem(last=False)

    def right(self, visitor: Visitor) -> None:
        """The visitor has logged in."""
        self._wrong.pop(visitor, None)
