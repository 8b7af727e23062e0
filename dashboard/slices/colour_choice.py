"""What the colours of the planes span: the same for all, each plane its own, or what the visitor types."""

from collections.abc import Callable, Sequence
from itertools import chain

import panel as pn
import param

from core.diagnostics.slices import FieldSlice
from dashboard.plots.field_limits import Limits, colour_limits
from dashboard.session import Session
from dashboard.widgets import caption, text, unseen

_AUTOMATIC, _EACH, _FIXED = Session.param.colours.objects
_WORDS = {"automatic, all planes alike": _AUTOMATIC, "automatic, each plane its own": _EACH, "fixed": _FIXED}


def limits_of(session: Session, rows: Sequence[Sequence[FieldSlice]], view: str, *, typed: bool = True) -> list[Limits]:
    """The limits of each plane, the same in all rows of planes; those that were ``typed`` only where they may count."""
    if typed and session.colours == _FIXED and session.colour_low < session.colour_high:
        limits = session.colour_low, session.colour_high
    elif session.colours == _EACH:
        return [colour_limits(planes, view) for planes in zip(*rows, strict=True)]
    else:
        limits = colour_limits(list(chain(*rows)), view)
    return [limits] * len(rows[0])


def colour_controls(session: Session, shown: Callable[[], Limits | None]) -> list[pn.viewable.Viewable]:
    """The controls, for the rail; fixed limits begin as those that are ``shown``."""
    fill = {"sizing_mode": "stretch_width", "margin": (4, 0)}
    kind = pn.widgets.Select(options=_WORDS, value=session.colours, **fill, **unseen("limits of the colours"))
    fields = [
        pn.widgets.FloatInput.from_param(
            session.param[name], label=label, step=0.01, width=112, description=None, margin=(2, 8, 2, 0)
        )
        for name, label in (("colour_low", "from"), ("colour_high", "to"))
    ]
    warning = text('<p class="caution">“from” has to be below “to”: automatic until then.</p>')
    typed = pn.Column(pn.Row(*fields, margin=0), warning, margin=0, sizing_mode="stretch_width")

    def choose(event: param.parameterized.Event) -> None:
        limits = shown() if event.new == _FIXED != session.colours else None
        low, high = limits or (session.colour_low, session.colour_high)
        begin = {"colour_low": float(f"{low:.3g}"), "colour_high": float(f"{high:.3g}")}
        session.param.update(colours=event.new, **(begin if limits else {}))

    def follow(*events: object) -> None:
        kind.value = session.colours
        typed.visible = session.colours == _FIXED
        warning.visible = not session.colour_low < session.colour_high

    def elsewhere(*events: object) -> None:
        # Limits are those of one quantity in one view.
        if session.colours == _FIXED:
            session.colours = _AUTOMATIC

    kind.param.watch(choose, "value")
    session.param.watch(follow, ["colours", "colour_low", "colour_high"])
    session.param.watch(elsewhere, ["quantity", "show"])
    follow()
    return [caption("Colours"), kind, typed]
