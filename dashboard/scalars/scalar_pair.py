"""Two scalars at a time: which of them, their draws against each other, and how these go together in words."""

import html
from collections.abc import Sequence
from dataclasses import replace

import panel as pn

from core.diagnostics import scalar_tables
from core.diagnostics.budget import correlations
from core.diagnostics.scalar_draws import ScalarDraws
from core.pipelines import BARYONS
from dashboard.session import Session
from dashboard.widgets import caption, card, empty, swatch, text, with_document

_FIRST_CHOICE = ("vertical_force", "density_slab")
"""Across and up, as long as nothing else is chosen: how the two bear on each other is what is asked first."""


class ScalarPair(pn.viewable.Viewer):
    """The card; what it shows is given to :meth:`show`, what is chosen lives in the session."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        self._scalars: dict[str, ScalarDraws] = {}
        self._shown = ("", "")
        fill = {"sizing_mode": "stretch_width", "margin": (2, 0), "styles": {"flex": "1 1 200px"}}
        self._x, self._y = (pn.widgets.Select(label=label, **fill) for label in ("across", "up"))
        self._x.param.watch(lambda event: self._choose(event.new, self._shown[1]), "value")
        self._y.param.watch(lambda event: self._choose(self._shown[0], event.new), "value")
        self._picture = pn.pane.HoloViews(backend="bokeh", linked_axes=False, sizing_mode="stretch_width", margin=0)
        self._words = text()
        self._content = pn.Column(sizing_mode="stretch_width", margin=0)
        session.param.watch(lambda *events: with_document(self._draw), ["pair_x", "pair_y", "theme", "overlay_truth"])

    def show(self, scalars: Sequence[ScalarDraws]) -> None:
        """Offer these scalars, as far as they have draws of potentials, and draw the chosen two."""
        self._scalars = {s.name: s for s in scalars if any(len(d) and p != BARYONS for p, d in s.pipelines.items())}
        self._draw()

    def _choose(self, x: str, y: str) -> None:
        """Two that a visitor has picked; what the page itself puts into its selects is no choice."""
        if (x, y) != self._shown:
            self.session.param.update(pair_x=x, pair_y=y)

    def _draw(self) -> None:
        from dashboard.plots.pairs import (  # HoloViews takes memory that no other page needs
            pair_figure,
            shared_pipelines,
        )

        pair = chosen_pair(list(self._scalars), self.session.pair_x, self.session.pair_y)
        if pair is None:
            self._content[:] = [empty("Nothing to compare", _TOO_FEW)]
            return
        self._shown = pair
        for select, own, other in ((self._x, *pair), (self._y, *reversed(pair))):
            offered = {s.label: name for name, s in self._scalars.items() if name != other}
            select.param.update(options=offered, value=own)
        x, y = (self._scalars[name] for name in pair)
        palette, truth = self.session.palette, self.session.overlay_truth
        self._picture.object = pair_figure(x, y, palette, truth=truth)
        keys = [swatch(palette.of(p), words) for p, words in shared_pipelines(x, y).items()]
        keys.append(_mark("+ best fit and its errors"))
        keys += [_mark("○ truth of the mock")] if truth and x.truth is not None and y.truth is not None else []
        self._words.object = f"<p>{html.escape(relation(x, y))}</p><p>{' &ensp; '.join(keys)}</p>"
        selects = pn.FlexBox(self._x, self._y, gap="0 12px", margin=0, sizing_mode="stretch_width")
        if self._picture not in self._content:
            self._content[:] = [selects, self._picture, self._words]

    def __panel__(self) -> pn.Column:
        return card(caption("Two at a time"), self._content)


def _mark(words: str) -> str:
    return f'<span style="white-space:nowrap">{words}</span>'


_TOO_FEW = (
    "Fewer than two quantities of this run have draws of potentials. A run with more pipelines or members has them."
)


def chosen_pair(names: Sequence[str], x: str, y: str) -> tuple[str, str] | None:
    """The two that are asked for, as far as they are there and differ; None where there are no two."""
    wanted = dict.fromkeys(name for name in (x, y, *_FIRST_CHOICE, *names) if name in names)
    first, second = [*wanted, None, None][:2]
    return (first, second) if first is not None and second is not None else None


def relation(x: ScalarDraws, y: ScalarDraws) -> str:
    """Pearson's r over the potentials of the pipelines that measure an uncertainty, in a sentence or two."""
    own = [replace(s, pipelines={p: d for p, d in s.pipelines.items() if p != BARYONS}) for s in (x, y)]
    r = correlations(own)[x.name][y.name]
    if r is None:
        return "These draws say nothing of a correlation: they are too few, or one of the two does not vary."
    size = next(words for limit, words in _SIZES if abs(r) >= limit)
    sentence = f"Pearson r = {scalar_tables.signed(f'{r:z.2f}')} over what measures an uncertainty: {size}."
    if abs(r) < _SIZES[-2][0]:
        return sentence
    return f"{sentence} Where {x.label} is larger, {y.label} is {'larger too' if r > 0 else 'smaller'}."


_SIZES = (
    (0.7, "the errors go together closely"),
    (0.3, "the errors go together in part"),
    (0.0, "the errors hardly go together"),
)
