"""Small pieces that every page is made of: captions, facts, cards, and work of which only the latest counts."""

import asyncio
import html
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import panel as pn

from core.errors import DeepPotentialError
from dashboard.failures import notify
from dashboard.services import Services


def caption(text: str) -> pn.pane.HTML:
    """A small-caps heading of a group of controls."""
    return pn.pane.HTML(f'<h2 class="caps">{html.escape(text)}</h2>', margin=(12, 0, 2, 0), sizing_mode="stretch_width")


def facts(values: Mapping[str, str]) -> str:
    """A list of names and values as HTML; values may hold markup, names may not."""
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{value}</dd>" for name, value in values.items())
    return f'<dl class="facts">{rows}</dl>'


def swatch(colour: str, words: str) -> str:
    """A colour of a figure and what it stands for, as HTML."""
    return (
        '<span style="white-space:nowrap"><span aria-hidden="true" style="display:inline-block;width:18px;height:8px;'
        f'border-radius:2px;background:{colour}"></span> {html.escape(words)}</span>'
    )


def text(content: str = "", **options: Any) -> pn.pane.HTML:
    """A pane of HTML that fills its column."""
    return pn.pane.HTML(content, sizing_mode="stretch_width", **{"margin": (2, 0), **options})


def card(*content: Any, flex: str = "", **options: Any) -> pn.Column:
    """A panel of the page; ``flex`` says how it shares the width of a row."""
    styles = {
        "background": "var(--panel)",
        "border": "1px solid var(--line)",
        "border-radius": "8px",
        "padding": "12px 16px",
        **({"flex": flex} if flex else {}),
    }
    return pn.Column(*content, styles=styles, **{"sizing_mode": "stretch_width", "margin": (0, 0, 12, 0), **options})


def flow(*content: Any, gap: str = "0", **options: Any) -> pn.Row:
    """Parts beside each other, or below each other where the screen is narrow.

    Panel's own FlexBox is a component of HTML, which takes the server and the browser several times as long.
    """
    styles = {"flex-wrap": "wrap", "gap": gap, **options.pop("styles", {})}
    return pn.Row(*content, styles=styles, **{"sizing_mode": "stretch_width", "margin": 0, **options})


def unseen(label: str) -> dict[str, Any]:
    """Options of a widget whose label is read aloud and not seen, because its place says what it is."""
    return {"label": label, "css_classes": ["unseen-label"]}


def empty(title: str, advice: str) -> pn.pane.HTML:
    """What a page shows instead of nothing: what is missing and what to do."""
    return text(f'<div class="empty"><h2>{html.escape(title)}</h2><p>{html.escape(advice)}</p></div>')


def number(value: float, digits: int = 3) -> str:
    """A number as the pages write it: a true minus sign, thin spaces in thousands."""
    if value != value:
        return "–"
    words = f"{value:.{digits}g}"
    if abs(value) >= 1000 or "e+" in words:  # no reader wants 123 to two digits as 1.2e+02
        words = f"{value:,.0f}".replace(",", "\u202f")
    return words.replace("-", "\u2212")


def grouped(count: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


@contextmanager
def one_update() -> Iterator[None]:
    """Collect all changes and send them to the browser together; only where the document's lock is held."""
    document = pn.state.curdoc
    if document is None or document.callbacks.hold_value:
        yield
        return
    document.hold("combine")
    try:
        yield
    finally:
        document.unhold()


def with_document(change: Callable[..., None], *arguments: Any) -> None:
    """Change figures of the page soon, when its lock is held: callbacks of widgets do not always hold it."""
    pn.state.execute(partial(change, *arguments), schedule=True)


class Together:
    """Parts of a page that are shown at once: what is ready first waits for what is still being computed.

    To send one update for all takes less of both sides than one for each. ``shown`` is called after them.
    """

    def __init__(self, shown: Callable[[], None] = lambda: None):
        self._shown = shown
        self._computing: set[object] = set()
        self._ready: list[Callable[[], None]] = []

    def begin(self, part: object) -> None:
        """Something is being computed for ``part``."""
        self._computing.add(part)

    def end(self, part: object, show: Callable[[], None] | None = None) -> None:
        """It is no longer; ``show`` shows the result, None where there is none to be shown."""
        self._computing.discard(part)
        self._ready += [show] if show else []
        if self._ready and not self._computing:
            with_document(self._show)

    def _show(self) -> None:
        ready, self._ready = self._ready, []
        if ready:
            with one_update():
                for show in ready:
                    show()
                self._shown()


class Latest:
    """Work in a thread for one part of a page: a new request replaces one that is waiting, and outdates one under way.

    ``apply`` is called on the event loop with the result, in one held update of the page, with those of other parts
    that are to be shown ``together``. A ``live`` part shows what was under way as well, so that it moves while a slider
    is dragged.
    """

    def __init__(
        self,
        services: Services,
        apply: Callable[[Any], None],
        *,
        live: bool = False,
        together: Together | None = None,
    ):
        self._services, self._apply, self._live = services, apply, live
        self._together = together or Together()
        self._document = pn.state.curdoc
        self._version = self._computed = 0
        self._waiting: tuple[Callable[[], Any], float] | None = None
        self._asked = asyncio.Event()
        self._busy = False

    def request(self, compute: Callable[[], Any], *, pause: float = 0.0) -> None:
        """Compute soon, or after a ``pause`` [s] in which nothing else is asked for.

        What was asked before is no longer wanted.
        """
        self._services.ask_way()
        self._version += 1
        self._waiting = compute, pause
        self._asked.set()
        self._together.begin(self)
        if not self._busy:
            self._busy = True
            pn.state.execute(self._work)

    async def _work(self) -> None:
        try:
            while self._waiting is not None:
                (compute, pause), self._waiting, version = self._waiting, None, self._version
                if pause and await self._is_asked_within(pause):
                    continue
                try:
                    loop = asyncio.get_running_loop()
                    result = await loop.run_in_executor(self._services.executor, compute)
                except DeepPotentialError as error:
                    if version == self._version:
                        notify(error)
                        self._together.end(self)
                    continue
                self._computed = version
                if version == self._wanted:
                    self._together.end(self, partial(self._show, version, result))
        except Exception:
            # Not ours: the page reports it by an id, and goes on with what was asked for meanwhile.
            self._busy = False
            self._together.end(self)
            if self._waiting is not None:
                self.request(self._waiting[0])
            raise
        self._busy = False

    @property
    def _wanted(self) -> int:
        """The request whose result is to be shown."""
        return self._computed if self._live else self._version

    async def _is_asked_within(self, pause: float) -> bool:
        self._asked.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), pause)
        return self._waiting is not None

    def _show(self, version: int, result: Any) -> None:
        if version == self._wanted and not self._is_closed():
            self._apply(result)

    def _is_closed(self) -> bool:
        """Whether the visitor has left meanwhile: the models of a closed page have lost their values."""
        if self._document is None:
            return False
        context = self._document.session_context
        return context is None or bool(getattr(context, "destroyed", False))


def later(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """A call to be made in a thread."""
    return partial(function, *arguments)
