"""The volumes over which scalars are averaged, seen from the pole and from the side, as SVG."""

import html

import numpy as np
from jaxtyping import Bool

from core.diagnostics.volumes import Outlines
from dashboard.plots.palette import Palette

_SIZE = 100
"""Half of a sketch, in its own units."""


def colour_of_own(index: int, palette: Palette) -> str:
    """The colour of the volume of one's own with that number, in the sketches and in their legend."""
    return palette.series[(1 + index) % len(palette.series)]


def volume_sketches(drawn: Outlines, palette: Palette) -> str:
    """Two sketches beside each other: x–y with the arc at R0, x–z with the slab and the Sun's column."""
    scale = _SIZE / drawn.reach
    own = [(colour_of_own(i, palette), shadow) for i, shadow in enumerate(drawn.own)]
    above = [_shell(drawn, palette), *(_cells(s.xy, colour) for colour, s in own), _hole(drawn, palette)]
    side = [_shell(drawn, palette), _slab(drawn, palette), *(_cells(s.xz, colour) for colour, s in own)]
    side.append(_hole(drawn, palette))
    if drawn.plane:
        above.append(_arc(drawn, palette))
        height = drawn.height * scale
        side.append(_line(f"M0 {-height:.1f}V{height:.1f}M-5 {-height:.1f}H5M-5 {height:.1f}H5", palette.ink))
    words = f"{drawn.inner:g} < r < {drawn.outer:g} kpc"
    return (
        '<div style="display:flex;gap:8px;flex-wrap:wrap">'
        f"{_svg(above, 'y', f'from the pole, {words}', palette)}{_svg(side, 'z', f'from the side, {words}', palette)}"
        "</div>"
    )


def legend(drawn: Outlines, palette: Palette) -> str:
    """What is what in the sketches, as HTML."""
    marks = [_mark(palette.action, 0.35, "shell")]
    if drawn.plane:
        marks += [_mark(palette.action, 0.7, "slab"), "<span>— arc at R0, column</span>"]
    marks += [_mark(colour_of_own(i, palette), 0.8, shadow.name) for i, shadow in enumerate(drawn.own)]
    return f'<p class="strip">{"".join(marks)}</p>'


def _mark(colour: str, opacity: float, words: str) -> str:
    box = f"display:inline-block;width:12px;height:8px;border-radius:2px;background:{colour};opacity:{opacity}"
    return (
        f'<span style="white-space:nowrap"><span aria-hidden="true" style="{box}"></span> {html.escape(words)}</span>'
    )


def _svg(parts: list[str], up: str, words: str, palette: Palette) -> str:
    labels = _label(107, 5, "x", palette.muted) + _label(-4, -107, up, palette.muted)
    return (
        f'<svg viewBox="-104 -122 226 226" role="img" aria-label="Averaging volumes {html.escape(words)}" '
        f'style="flex:1 1 140px;max-width:220px;font:15px sans-serif">{"".join(parts)}{labels}</svg>'
    )


def _shell(drawn: Outlines, palette: Palette) -> str:
    radius = drawn.outer / drawn.reach * _SIZE
    return (
        f'<circle r="{_SIZE}" fill="{palette.muted}" fill-opacity="0.12" stroke="{palette.line}"/>'
        f'<circle r="{radius:.1f}" fill="{palette.action}" fill-opacity="0.3" stroke="{palette.line}"/>'
    )


def _slab(drawn: Outlines, palette: Palette) -> str:
    if not drawn.plane:
        return ""
    radius, half = (length / drawn.reach * _SIZE for length in (drawn.outer, min(drawn.slab, drawn.outer)))
    across = (radius**2 - half**2) ** 0.5
    bow = f"A{radius:.1f} {radius:.1f} 0 0 1"
    east, west = f"{across:.1f}", f"{-across:.1f}"
    path = f"M{west} {-half:.1f}H{east}{bow} {east} {half:.1f}H{west}{bow} {west} {-half:.1f}Z"
    return f'<path d="{path}" fill="{palette.action}" fill-opacity="0.4"/>'


def _hole(drawn: Outlines, palette: Palette) -> str:
    """Where there are no data: only its rim is drawn, because a volume of one's own may hold it."""
    radius = drawn.inner / drawn.reach * _SIZE
    return f'<circle r="{radius:.1f}" fill="none" stroke="{palette.ink}" stroke-dasharray="2 2"/>' if radius else ""


def _arc(drawn: Outlines, palette: Palette) -> str:
    """The circle of radius R0 about the Galactic centre, between the hole and the edge of the shell on either side."""
    scale = _SIZE / drawn.reach
    parts = []
    for sign in (1, -1):
        (x1, y1), (x2, y2) = (
            (drawn.R0 * (1 - np.cos(length / drawn.R0)) * scale, sign * drawn.R0 * np.sin(length / drawn.R0) * scale)
            for length in (drawn.inner, drawn.outer)
        )
        sweep = int(sign < 0)
        parts.append(f"M{x1:.1f} {y1:.1f}A{drawn.R0 * scale:.0f} {drawn.R0 * scale:.0f} 0 0 {sweep} {x2:.1f} {y2:.1f}")
    return _line("".join(parts), palette.ink)


def _line(path: str, colour: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _cells(held: Bool[np.ndarray, "cells cells"], colour: str) -> str:
    """The cells that are held, a bar for each run of them in a row; north is up."""
    size = 2 * _SIZE / len(held)
    bars = []
    for row, cells in enumerate(held):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells, [0]])))
        top = _SIZE - (row + 1) * size
        bars += [
            f"M{start * size - _SIZE:.1f} {top:.1f}h{(end - start) * size:.1f}v{size:.1f}h{(start - end) * size:.1f}z"
            for start, end in zip(edges[::2], edges[1::2], strict=True)
        ]
    return f'<path d="{"".join(bars)}" fill="{colour}" fill-opacity="0.6"/>'


def _label(x: float, y: float, words: str, colour: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}">{html.escape(words)}</text>'
