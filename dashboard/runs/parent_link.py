"""From a run to its comparison with the run that its stars were a subset of."""

from collections.abc import Callable

import panel as pn

from core.runs.registry import Run

WithParent = Callable[[Run], Callable[[], None] | None]
"""What leads from a run to the comparison; None where it has no parent, or the parent is no longer there."""


def alone(run: Run) -> None:
    """A run without a parent: the default of those who offer the comparison."""


class ParentButton:
    """The button, shown where the offered run has a parent."""

    def __init__(self, with_parent: WithParent):
        self._with_parent = with_parent
        self._go: Callable[[], None] | None = None
        self.button = pn.widgets.Button(label="Compare with parent", color="light", margin=0, visible=False)
        self.button.on_click(self._pressed)

    def offer(self, run: Run | None) -> None:
        """Lead to the comparison of this run; None offers nothing."""
        self._go = self._with_parent(run) if run is not None else None
        self.button.visible = self._go is not None

    def _pressed(self, event: object) -> None:
        if self._go is not None:
            self._go()
