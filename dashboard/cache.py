"""A cache of what is dear to make, with a bound on its size: keyed by content, it is never wrong, only cold."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Value = TypeVar("Value")


class BoundedCache:
    """The most recently used values, up to a number of bytes and of values; safe to use from several threads.

    A value that is being made is made once: who asks for it meanwhile waits for it.
    """

    def __init__(self, limit: int, most: int = 10_000):
        self._limit, self._most, self._size = limit, most, 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """The value of ``key``, made where it is not there; ``make`` must not ask for the same key."""
        with self._lock:
            if key in self._values:
                return self._used(key)
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._used(key)
            try:
                value = make()
                self._keep(key, value, size(value))
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def _used(self, key: Hashable) -> Any:
        self._values.move_to_end(key)
        return self._values[key][0]

    def _keep(self, key: Hashable, value: Any, size: int) -> None:
        with self._lock:
            if key in self._values:
                return  # one that began before a failed attempt had ended
            self._values[key] = value, size
            self._size += size
            while (self._size > self._limit or len(self._values) > self._most) and len(self._values) > 1:
                self._size -= self._values.popitem(last=False)[1][1]
