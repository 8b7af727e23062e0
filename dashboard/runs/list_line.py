"""A line of a list: words in columns, and beside them what can be done; below each other where there is no room."""

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn

from dashboard.widgets import text

_LINE = "display:flex;flex-wrap:wrap;gap:2px 12px;align-items:center;min-height:36px"
_SHARES = {"flex": "1 1 420px", "min-width": "0"}, {"flex": "0 1 320px", "margin-left": "auto"}
"""How words and buttons share the width, the same in all lines."""


class ListLine:
    """``view`` holds the line, and below it what is appended."""

    def __init__(self) -> None:
        self._words = text(margin=0, styles=_SHARES[0])
        self._buttons = pn.FlexBox(margin=0, styles=_SHARES[1], justify_content="flex-end", gap="0px")
        layout: dict[str, Any] = {"align_items": "center", "sizing_mode": "stretch_width", "margin": 0}
        line = pn.FlexBox(self._words, self._buttons, gap="0px 8px", **layout)
        self.view = pn.Column(line, sizing_mode="stretch_width", margin=0)

    def say(self, cells: Sequence[tuple[str, str]]) -> None:
        """Show words in HTML, each with the ``flex`` of its column."""
        words = "".join(f'<div style="flex:{share}">{word}</div>' for share, word in cells)
        self._words.object = f'<div style="{_LINE}">{words}</div>'

    def offer(self, buttons: Sequence[pn.widgets.Button]) -> None:
        """Put these buttons beside the words."""
        self._buttons.objects = list(buttons)


def light_button(label: str, act: Callable[[], object]) -> pn.widgets.Button:
    """A button without a frame."""
    button = pn.widgets.Button(label=label, color="light", margin=0)
    button.on_click(lambda event: act())
    return button
