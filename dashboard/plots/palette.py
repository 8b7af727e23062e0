"""Colours of the figures and of the page, light and dark.

Sequential maps are perceptually uniform and run away from the panel's background; diverging maps are centred on it, so
that "no difference" disappears in either theme.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.palettes import Magma256

from core.diagnostics.reliability import CARE, RELIABLE
from core.pipelines import colour_of


@dataclass(frozen=True)
class Palette:
    """The colours of one theme."""

    name: str
    page: str
    panel: str
    ink: str
    muted: str
    line: str
    action: str
    good: str
    caution: str
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]
    series: tuple[str, ...]

    def of_class(self, reliability: int) -> str:
        """The colour of a class of :mod:`core.diagnostics.reliability`: the surer, the stronger, and grey for none."""
        mixed = {RELIABLE: (self.action, 4), CARE: (self.action, 2)}
        colour, quarters = mixed.get(reliability, (self.muted, 1))
        return blend([self.panel, colour], 5)[quarters]

    def of(self, pipeline: str) -> str:
        """The colour of an uncertainty pipeline, the same in every figure."""
        return self.series[colour_of(pipeline) % len(self.series)]


def blend(anchors: Sequence[str], count: int = 255) -> tuple[str, ...]:
    """``count`` colours that pass through the anchors at equal steps."""
    channels = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], float)
    at = np.linspace(0, len(anchors) - 1, count)
    mixed = np.stack([np.interp(at, np.arange(len(anchors)), c) for c in channels.T], 1)
    return tuple("#" + "".join(f"{round(v):02x}" for v in row) for row in mixed)


LIGHT = Palette(
    name="light",
    page="#f6f7f9",
    panel="#ffffff",
    ink="#1d2330",
    muted="#676e80",
    line="#e4e7ec",
    action="#1f6a9c",
    good="#3a7a58",
    caution="#a55b1c",
    sequential=tuple(Magma256[::-1]),
    diverging=blend(["#0b3c5d", "#2f7fb3", "#a9cfe4", "#ffffff", "#f3bd96", "#cc5a3c", "#6d1a3a"]),
    series=("#1f6a9c", "#a55b1c", "#3a7a58", "#7a4fa3", "#a33b55", "#5b6b1f", "#56606f", "#8a6d00"),
)

DARK = Palette(
    name="dark",
    page="#0f1217",
    panel="#171b22",
    ink="#e6e9ef",
    muted="#8d96a8",
    line="#262c36",
    action="#5aa9d6",
    good="#7cc49b",
    caution="#e0a070",
    sequential=blend([Magma256[i] for i in range(20, 256, 16)]),
    diverging=blend(["#a8dcf7", "#5aa9d6", "#23506e", "#171b22", "#6e4322", "#e0a070", "#ffe3c4"]),
    series=("#5aa9d6", "#e0a070", "#7cc49b", "#b99ae0", "#e58aa0", "#c3cf7a", "#a7b0be", "#d9b84a"),
)

PALETTES = {p.name: p for p in (LIGHT, DARK)}
