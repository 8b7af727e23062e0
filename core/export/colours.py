"""Colours of a printed or saved page, light and dark: the tokens of the dashboard, and maps from values to colours."""

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

SERIES = {
    "light": ("#1f6a9c", "#a55b1c", "#3a7a58", "#7a4fa3", "#a33b55", "#5b6b1f", "#56606f", "#8a6d00"),
    "dark": ("#5aa9d6", "#e0a070", "#7cc49b", "#b99ae0", "#e58aa0", "#c3cf7a", "#a7b0be", "#d9b84a"),
}
"""Colours of curves by theme, in order."""

Image = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class ColourMaps:
    """The maps of one theme as anchors at equal steps: one from the panel's colour on, one centred on it."""

    sequential: Sequence[str]
    diverging: Sequence[str]


MAPS: Mapping[str, ColourMaps] = {
    "light": ColourMaps(
        ("#fcfdbf", "#feca8d", "#fd9668", "#f1605d", "#cd4071", "#9e2f7f", "#721f81", "#440f76", "#180f3d", "#000004"),
        ("#0b3c5d", "#2f7fb3", "#a9cfe4", "#ffffff", "#f3bd96", "#cc5a3c", "#6d1a3a"),
    ),
    "dark": ColourMaps(
        ("#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf"),
        ("#a8dcf7", "#5aa9d6", "#23506e", "#171b22", "#6e4322", "#e0a070", "#ffe3c4"),
    ),
}
"""Maps by theme."""


def coloured(values: Image, limits: tuple[float, float], anchors: Sequence[str]) -> UInt8[np.ndarray, "rows columns 4"]:
    """Red, green, blue and opacity of every value; what is not finite is transparent."""
    low, high = limits
    share = np.clip((np.nan_to_num(values, posinf=high, neginf=low) - low) / ((high - low) or 1.0), 0, 1)
    channels = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], float)
    at = np.linspace(0, 1, len(anchors))
    mixed = [np.interp(share, at, channel) for channel in channels.T]
    return np.stack([*np.round(mixed), 255.0 * np.isfinite(values)], -1).astype(np.uint8)


def png(pixels: UInt8[np.ndarray, "rows columns 4"]) -> str:
    """An image as the address of a PNG that holds it; the first row of ``pixels`` is the lowest of the picture."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels[::-1])
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
