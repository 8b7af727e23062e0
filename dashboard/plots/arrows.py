"""Arrows over a plane: the force in it, as long as it is strong."""

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from core.diagnostics.slices import Arrows
from dashboard.plots.palette import Palette

_REACH = 0.85
"""Length of the longest arrow over the distance between arrows."""
_HEAD = 5
"""Size of an arrow's head in pixels."""


class ArrowLayer:
    """Shafts and heads in one figure; empty until shown."""

    def __init__(self, fig: figure):
        self._source = ColumnDataSource({name: [] for name in ("x0", "y0", "x1", "y1", "angle")})
        self._shafts = fig.segment("x0", "y0", "x1", "y1", source=self._source, line_width=1.2)
        self._heads = fig.scatter("x1", "y1", angle="angle", marker="triangle", size=_HEAD, source=self._source)

    def show(self, arrows: Arrows | None, longest: float) -> None:
        """Draw arrows, one of length ``longest`` [(km/s)²/kpc] nearly to the next; None for none."""
        if arrows is None or not longest > 0:
            self._source.data = {name: [] for name in self._source.data}
            return
        scale = _REACH * arrows.spacing / longest
        self._source.data = {
            "x0": arrows.a,
            "y0": arrows.b,
            "x1": arrows.a + scale * arrows.da,
            "y1": arrows.b + scale * arrows.db,
            "angle": np.arctan2(arrows.db, arrows.da) - np.pi / 2,  # a triangle points up
        }

    def restyle(self, palette: Palette) -> None:
        """The colours of a theme."""
        self._shafts.glyph.line_color = self._heads.glyph.line_color = self._heads.glyph.fill_color = palette.ink
