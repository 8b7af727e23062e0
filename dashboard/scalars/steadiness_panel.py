"""Whether f is stationary, in a sentence and on two planes; below the slices of the potential that rests on it."""

import html

import panel as pn

from core.diagnostics.steadiness import Steadiness
from core.errors import DeepPotentialError
from core.runs import readings
from core.runs.registry import Run
from dashboard.failures import alert
from dashboard.plots.steadiness import steadiness_figures
from dashboard.session import Session
from dashboard.widgets import caption, card, text, with_document

_CELL = {"flex": "1 1 260px", "min-width": "0", "max-width": "420px"}


class SteadinessPanel(pn.viewable.Viewer):
    """The panel; empty for a run that does not know: without halves, without n(x), or of an older program."""

    def __init__(self, session: Session, run: Run):
        super().__init__()
        self.session = session
        self._cells = pn.FlexBox(gap="12px", margin=0, sizing_mode="stretch_width")
        try:
            self.found = readings.steadiness(run)
        except DeepPotentialError as error:
            self.found = None
            self._card = card(caption("Stationarity"), alert(error))
            return
        self._card = card(caption("Stationarity"), text(words(self.found)) if self.found else None, self._cells)
        self._card.visible = self.found is not None
        session.param.watch(lambda event: with_document(self._draw), "theme")
        self._draw()

    def way_here(self, words: str) -> pn.widgets.Button:
        """A button that brings the panel into view; from the keyboard too."""
        button = pn.widgets.Button(label=words, color="light", margin=(2, 0))
        button.js_on_click(
            args={"card": self._card},
            code="Bokeh.index.find_one(card).el.scrollIntoView({behavior: 'smooth', block: 'start'});",
        )
        return button

    def _draw(self) -> None:
        if self.found is None:
            return
        self._cells[:] = [
            pn.Column(pn.pane.Bokeh(fig, sizing_mode="scale_width", margin=0), margin=0, styles=_CELL)
            for fig in steadiness_figures(self.found, self.session.palette)
        ]

    def __panel__(self) -> pn.Column:
        return self._card


def words(found: Steadiness) -> str:
    """The verdict and what the colours mean, as HTML."""
    tone = "good" if found.is_steady else "caution"
    note = (
        "Colours: unexplained share in per cent, which flows on both halves of the stars see alike. "
        f"The noise of the flows, {100 * found.noise:.1f} % in all, is not in it."
    )
    return f'<p><span class="{tone}">{html.escape(found.sentence)}.</span></p><p class="muted">{html.escape(note)}</p>'
