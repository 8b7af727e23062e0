"""Vector figures as text: axes with ticks, and what is drawn inside them. Colours come from the style of the page."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np

from core.array_types import PerStar
from core.export.colours import MAPS, Image, coloured, png

Interval = tuple[float, float]


def ticks(span: Interval, count: int = 5) -> list[float]:
    """About ``count`` round values within an interval."""
    low, high = span
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.8)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """The values with as many digits as tell them apart, and a true minus sign."""
    step = min((abs(b - a) for a, b in pairwise(values)), default=abs(values[0]) or 1.0)
    digits = max(0, math.ceil(-math.log10(step) - 1e-9)) if step else 0
    if abs(round(step, digits) - step) > 1e-6 * step:
        digits += 1
    return [f"{v + 0.0:.{digits}f}".replace("-", "\u2212") for v in values]


def padded(low: float, high: float, share: float = 0.06) -> Interval:
    """An interval with some room at both ends."""
    room = share * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


@dataclass
class Axes:
    """A frame with its two ranges; the methods draw into it in order, and :meth:`render` gives the figure.

    ``width`` and ``height`` are those of the whole figure in its own units, about pixels.
    """

    x: Interval
    y: Interval
    x_label: str
    y_label: str
    title: str
    width: float = 300
    height: float = 220
    right: float = 10
    y_ticks: bool = True
    x_names: Sequence[str] = ()
    parts: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Room for the labels of the vertical axis."""
        return 58 if self.y_ticks else 12

    @property
    def top(self) -> float:
        """Room for the title."""
        return 24

    @property
    def bottom(self) -> float:
        """Room for the labels of the horizontal axis."""
        room = 50 if self._aslant else 26
        return room + (16 if self.x_label else 0)

    @property
    def _aslant(self) -> bool:
        """Whether the names would overlap if they stood upright."""
        return len(self.x_names) * 72 > self.width

    def across(self, value: float) -> float:
        """Where a value of x is, from the left."""
        inner = self.width - self.left - self.right
        return self.left + (value - self.x[0]) / (self.x[1] - self.x[0]) * inner

    def down(self, value: float) -> float:
        """Where a value of y is, from the top."""
        inner = self.height - self.top - self.bottom
        return self.top + (self.y[1] - value) / (self.y[1] - self.y[0]) * inner

    def line(self, x: PerStar, y: PerStar, css: str) -> None:
        """A curve, broken where y is not finite."""
        for run in _finite_runs(y):
            points = " ".join(f"{self.across(x[i]):.1f},{self.down(y[i]):.1f}" for i in run)
            self.parts.append(f'<polyline class="{css}" points="{points}"/>')

    def band(self, x: PerStar, low: PerStar, high: PerStar, css: str) -> None:
        """The area between two curves."""
        for run in _finite_runs(low + high):
            there = [f"{self.across(x[i]):.1f},{self.down(high[i]):.1f}" for i in run]
            back = [f"{self.across(x[i]):.1f},{self.down(low[i]):.1f}" for i in reversed(run)]
            self.parts.append(f'<polygon class="{css}" points="{" ".join(there + back)}"/>')

    def strip(self, start: float, end: float, css: str) -> None:
        """A vertical strip over the whole height."""
        left, right = self.across(max(start, self.x[0])), self.across(min(end, self.x[1]))
        top, bottom = self.down(self.y[1]), self.down(self.y[0])
        place = f'x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 0):.1f}" height="{bottom - top:.1f}"'
        self.parts.append(f'<rect class="{css}" {place}/>')

    def segment(self, start: tuple[float, float], end: tuple[float, float], css: str) -> None:
        """A straight line between two points."""
        ends = (self.across(start[0]), self.down(start[1]), self.across(end[0]), self.down(end[1]))
        named = " ".join(f'{n}="{v:.1f}"' for n, v in zip(("x1", "y1", "x2", "y2"), ends, strict=True))
        self.parts.append(f'<line class="{css}" {named}/>')

    def point(self, x: float, y: float, css: str, words: str = "") -> None:
        """A dot; ``words`` are shown when the mouse is over it."""
        tip = f"<title>{html.escape(words)}</title>" if words else ""
        place = f'cx="{self.across(x):.1f}" cy="{self.down(y):.1f}"'
        self.parts.append(f'<circle class="{css}" {place} r="2.5">{tip}</circle>')

    def image(self, values: Image, limits: Interval, *, diverging: bool, opacity: Image | None = None) -> None:
        """A map that fills the frame, its first row lowest: one picture for each theme, of which the page shows one."""
        left, top = self.across(self.x[0]), self.down(self.y[1])
        size = self.across(self.x[1]) - left, self.down(self.y[0]) - top
        place = f'x="{left:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
        for theme, maps in MAPS.items():
            pixels = coloured(values, limits, maps.diverging if diverging else maps.sequential)
            if opacity is not None:
                pixels[..., 3] = pixels[..., 3] * opacity
            self.parts.append(f'<image class="{theme}" {place} preserveAspectRatio="none" href="{png(pixels)}"/>')

    def colour_bar(self, limits: Interval, labels: Sequence[tuple[float, str]], *, diverging: bool) -> None:
        """A slim bar right of the frame; ``labels`` are values within ``limits`` and what is written beside them."""
        left, top, bottom = self.width - self.right + 8, self.down(self.y[1]), self.down(self.y[0])
        ramp = np.linspace(*limits, 128)[:, None]
        for theme, maps in MAPS.items():
            pixels = coloured(ramp, limits, maps.diverging if diverging else maps.sequential)
            place = f'x="{left:.1f}" y="{top:.1f}" width="7" height="{bottom - top:.1f}"'
            self.parts.append(f'<image class="{theme}" {place} preserveAspectRatio="none" href="{png(pixels)}"/>')
        for value, words in labels:
            y = bottom - (value - limits[0]) / ((limits[1] - limits[0]) or 1) * (bottom - top)
            self.parts.append(label(left + 11, y + 3.5, words))

    def render(self) -> str:
        """The figure as an ``svg`` element."""
        frame = "".join([*self._horizontal(), *self._vertical()])
        title = label(self.left, 14, self.title, css="title")
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{html.escape(self.title)}">'
            f"{frame}{''.join(self.parts)}{title}</svg>"
        )

    def _horizontal(self) -> Iterator[str]:
        bottom = self.down(self.y[0])
        across = f'x1="{self.left:.1f}" x2="{self.width - self.right:.1f}"'
        yield f'<line class="axis" {across} y1="{bottom:.1f}" y2="{bottom:.1f}"/>'
        values = list(range(len(self.x_names))) if self.x_names else ticks(self.x, round(self.width / 75))
        for value, words in zip(values, self.x_names or tick_labels(values), strict=True):
            x = self.across(value)
            turned = f' transform="rotate(-35 {x + 4:.1f} {bottom + 13:.1f})"'
            if self._aslant:
                yield label(x + 4, bottom + 13, words, anchor="end", more=turned)
            else:
                yield label(x, bottom + 15, words, anchor="middle")
        if self.x_label:
            yield label(
                (self.left + self.width - self.right) / 2, bottom + self.bottom - 9, self.x_label, anchor="middle"
            )

    def _vertical(self) -> Iterator[str]:
        if not self.y_ticks:
            return
        left, right = self.left, self.width - self.right
        values = ticks(self.y, 5)
        for value, words in zip(values, tick_labels(values), strict=True):
            y = self.down(value)
            yield f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield label(left - 6, y + 3.5, words, anchor="end")
        middle = (self.top + self.height - self.bottom) / 2
        turn = f' transform="rotate(-90 11 {middle:.1f})"' if self.y_label else ""
        yield label(11, middle, self.y_label, anchor="middle", more=turn)


def label(x: float, y: float, words: str, *, anchor: str = "start", css: str = "", more: str = "") -> str:
    """Words at a place."""
    style = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}{more}>{html.escape(words)}</text>'


def _finite_runs(values: PerStar) -> Iterator[list[int]]:
    """Indices of consecutive finite values, two or more."""
    for finite, group in groupby(range(len(values)), key=lambda i: bool(np.isfinite(values[i]))):
        run = list(group)
        if finite and len(run) > 1:
            yield run
