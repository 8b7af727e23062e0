"""A button that asks once more, in its place, before it does what is not easily taken back."""

import html
from collections.abc import Callable
from dataclasses import dataclass

import panel as pn


@dataclass(frozen=True)
class Question:
    """What is asked, and what is done about exactly that; without ``act`` the words say why it cannot be done."""

    words: str
    act: Callable[[], None] | None


class AskedTwice:
    """``button`` opens ``asking`` and closes it; what is confirmed is what ``ask`` gave when it was opened.

    The button stays where it is, and with it the focus: the answers come next.
    """

    def __init__(self, label: str, ask: Callable[[], Question], *, yes: str, no: str = "Keep it", color: str = "light"):
        self._ask = ask
        self._act: Callable[[], None] | None = None
        self.button = pn.widgets.Button(label=label, color=color, margin=0)
        self._words = pn.pane.HTML(margin=(6, 0))
        self._yes = pn.widgets.Button(label=yes, color="danger", margin=0)
        no_button = pn.widgets.Button(label=no, color="light", margin=0)
        answers = self._words, self._yes, no_button
        self.asking = pn.FlexBox(*answers, gap="0px 8px", align_items="center", margin=(0, 0, 8, 0), visible=False)
        self.button.on_click(lambda event: self.close() if self.asking.visible else self._open())
        no_button.on_click(lambda event: self.close())
        self._yes.on_click(lambda event: self._confirmed())

    def close(self) -> None:
        """Ask no longer."""
        self.asking.visible = False

    def _open(self) -> None:
        question = self._ask()
        self._words.object = f'<div role="status">{html.escape(question.words)}</div>'
        self._act, self._yes.visible = question.act, question.act is not None
        self.asking.visible = True

    def _confirmed(self) -> None:
        self.close()
        if self._act is not None:
            self._act()
