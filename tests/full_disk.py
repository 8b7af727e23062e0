"""A disk that has no room from some call on: one seam under whatever Python writes below a directory.

Calls that need room are counted: a name that is made or moved, bytes that are written, a flush to the disk. From the
one that is chosen on all of them fail, until there is room again; what is removed is removed, as on a real one.
"""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FilledBy = Callable[[str, Path], bool]
_OPEN = builtins.open
_OS = {name: getattr(os, name) for name in ("open", "close", "write", "fsync", "mkdir", "replace", "rename")}


class FullDisk:
    """The disk below ``root``; it is full as long as ``is_full`` says so."""

    def __init__(self, root: Path):
        self.root, self.calls, self.is_full, self.number = root.absolute(), 0, False, errno.ENOSPC
        self._filled_by: FilledBy = lambda what, path: False
        self._open_below: dict[int, Path] = {}

    @contextmanager
    def filled(self, by: FilledBy, number: int = errno.ENOSPC) -> Iterator[None]:
        """Look at every call of this process; full from that one on for which ``by(name, path)`` is true."""
        self._filled_by, self.number, self.calls = by, number, 0
        with pytest.MonkeyPatch.context() as patch:
            for module in (builtins, io):
                patch.setattr(module, "open", self._open_file)
            for name in _OS:
                patch.setattr(os, name, getattr(self, f"_{name}"))
            try:
                yield
            finally:
                self.is_full = False

    def spend(self, what: str, path: Any) -> None:
        """A call that needs room: an OSError where there is none."""
        if path is None or not (path := Path(os.path.abspath(path))).is_relative_to(self.root):
            return
        self.is_full = self.is_full or self._filled_by(what, path)
        self.calls += 1
        if self.is_full:
            raise OSError(self.number, os.strerror(self.number), *([] if what == "write" else [str(path)]))

    def _open(self, path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_CREAT and not os.path.exists(path):
            self.spend("open", path)
        descriptor: int = _OS["open"](path, flags, *rest, **named)
        self._open_below[descriptor] = Path(path)
        return descriptor

    def _close(self, descriptor: int) -> None:
        self._open_below.pop(descriptor, None)
        _OS["close"](descriptor)

    def _write(self, descriptor: int, content: Any) -> int:
        self.spend("write", self._open_below.get(descriptor))
        return _OS["write"](descriptor, content)

    def _fsync(self, descriptor: int) -> None:
        path = self._open_below.get(descriptor)
        if path is not None and not path.is_dir():  # a name has had its room when it was made
            self.spend("fsync", path)
        _OS["fsync"](descriptor)

    def _mkdir(self, path: Any, *rest: Any, **named: Any) -> None:
        if not os.path.exists(path):
            self.spend("mkdir", path)
        _OS["mkdir"](path, *rest, **named)

    def _replace(self, old: Any, new: Any, **named: Any) -> None:
        self.spend("replace", new)
        _OS["replace"](old, new, **named)

    _rename = _replace

    def _open_file(self, file: Any, mode: str = "r", buffering: int = -1, *words: Any, **named: Any) -> Any:
        path = self._open_below.get(file) if isinstance(file, int) else Path(file).absolute()
        if path is None or not set(mode) & set("wax+") or not path.is_relative_to(self.root):
            return _OPEN(file, mode, buffering, *words, **named)
        if not os.path.exists(path):
            self.spend("open", path)
        raw = _Raw(self, path, file, mode)
        if buffering == 0:
            return raw
        # NumPy writes past Python to a BufferedWriter, not to one that can be read as well.
        buffer = io.BufferedRandom(raw) if raw.readable() else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, *words, **named)


class _Raw(io.FileIO):
    """A file whose bytes need room."""

    def __init__(self, disk: FullDisk, path: Path, file: Any, mode: str):
        plain = mode.replace("b", "").replace("t", "")
        super().__init__(file, plain if isinstance(file, int) or "+" in plain else f"{plain}+")
        self._disk, self._path = disk, path
        disk._open_below[self.fileno()] = path

    def write(self, content: Any) -> int:
        self._disk.spend("write", self._path)
        return super().write(content)

    def close(self) -> None:
        if not self.closed:
            self._disk._open_below.pop(self.fileno(), None)
        super().close()
