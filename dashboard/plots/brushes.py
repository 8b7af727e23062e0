"""What is drawn with the mouse: tools that drag a shape, the region that the shape means, and the border of a region.

Bokeh has no tool for an ellipse: one is drawn as the rectangle around it, by a second tool for boxes.
"""

import math
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from bokeh.models import BoxSelectTool, LassoSelectTool, PanTool, Tool

from core.phase_space.region import And, Box, Ellipse, Not, Or, Polygon, Region

BRUSHES = ("box", "ellipse", "lasso", "pan")
"""What a drag does; the last of them draws nothing."""

Line = tuple[list[float], list[float]]
"""x and y of the points of a line."""

# The grey of Bokeh's own icons, which both themes leave as it is.
_SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#a1a6a9" stroke-width="2"
 stroke-dasharray="3 2.4"><ellipse cx="12" cy="12" rx="9" ry="6.5"/></svg>"""
_ICON = f"data:image/svg+xml;base64,{b64encode(_SVG).decode()}"


def new_tools() -> dict[str, Tool]:
    """The tool of every brush, for one figure."""
    return {
        "box": BoxSelectTool(name="box", persistent=False),
        "ellipse": BoxSelectTool(name="ellipse", persistent=False, icon=_ICON, description="Ellipse Select"),
        "lasso": LassoSelectTool(name="lasso", persistent=False, continuous=False),
        "pan": PanTool(name="pan"),
    }


def drawn_region(geometry: Mapping[str, Any], x: str, y: str, *, brush: str) -> Region | None:
    """The region of the coordinates ``x`` and ``y`` that a gesture encloses; None where it encloses nothing."""
    if geometry.get("type") == "rect":
        (x0, x1), (y0, y1) = (sorted(_short(geometry[k]) for k in ends) for ends in (("x0", "x1"), ("y0", "y1")))
        if x0 == x1 or y0 == y1:
            return None
        if brush == "ellipse":
            return Ellipse(x, y, ((x0 + x1) / 2, (y0 + y1) / 2), ((x1 - x0) / 2, (y1 - y0) / 2))
        return Box(((x, x0, x1), (y, y0, y1)))
    if geometry.get("type") == "poly" and len(geometry["x"]) >= 3:
        return Polygon(x, y, tuple((_short(a), _short(b)) for a, b in zip(geometry["x"], geometry["y"], strict=True)))
    return None


def _short(value: float) -> float:
    """A coordinate of the mouse to seven digits: far finer than a pixel, and a lasso's address stays half as long."""
    return float(f"{value:.7g}")


def outline(region: Region, x: str, y: str) -> Line:
    """The borders of all shapes in these two coordinates that ``region`` is made of, with gaps of NaN between them."""
    xs: list[float] = []
    ys: list[float] = []
    for across, up in _borders(region, x, y):
        gap = [math.nan] if xs else []
        xs += gap + across
        ys += gap + up
    return xs, ys


def _borders(region: Region, x: str, y: str) -> Iterator[Line]:
    match region:
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from _borders(part, x, y)
        case Not(part=part):
            yield from _borders(part, x, y)
        case Polygon() | Ellipse() if {region.x, region.y} == {x, y}:
            across, up = region.border() if isinstance(region, Ellipse) else _closed(region)
            yield (across, up) if region.x == x else (up, across)
        case Box():
            limits = {name: (low, high) for name, low, high in region.ranges}
            if x in limits and y in limits:
                (x0, x1), (y0, y1) = limits[x], limits[y]
                yield [x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0]


def _closed(polygon: Polygon) -> Line:
    xs, ys = zip(*polygon.vertices, polygon.vertices[0], strict=True)
    return list(xs), list(ys)
