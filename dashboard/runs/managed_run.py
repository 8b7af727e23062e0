"""What can be done with a run in a list of many: tag it, put it out of the way, delete it.

Deleting asks once, and is a move to the trash: nothing is lost on this page.
"""

from collections.abc import Callable

import panel as pn

from core.errors import InputError
from core.jobs.deletion import children, delete
from core.jobs.status import GOING, run_status
from core.runs import labels
from core.runs.registry import Run
from dashboard.failures import notify
from dashboard.runs.asked_twice import AskedTwice, Question
from dashboard.services import Services


class ManagedRun(pn.viewable.Viewer):
    """The line below a run; ``changed`` is called after every change, ``deleted`` before that with a run that went."""

    def __init__(
        self,
        services: Services,
        run: Run,
        changed: Callable[[], None],
        deleted: Callable[[Run], None] = lambda run: None,
    ):
        super().__init__()
        self._services, self._run, self._changed, self._deleted = services, run, changed, deleted
        self.tags = pn.widgets.TextInput(
            label="tags",
            value=" ".join(run.tags),
            placeholder="words, with spaces between",
            width=260,
            margin=(0, 8, 0, 0),
        )
        self.archive = pn.widgets.Button(label="List again" if run.archived else "Archive", color="light", margin=0)
        self._deleting = AskedTwice("Delete …", self._question, yes="Move it to the trash")
        self.tags.param.watch(lambda event: self._tagged(event.new), "value")
        self.archive.on_click(self._archived)

    def _tagged(self, words: str) -> None:
        wanted, has = set(words.replace(",", " ").replace("#", " ").split()), set(self._run.tags)
        try:
            wanted = {labels.checked_tag(tag) for tag in wanted}
            labels.change_tags(self._run.path, add=wanted - has, remove=has - wanted)
        except InputError as error:
            notify(error)
        self._changed()

    def _archived(self, event: object) -> None:
        labels.archive(self._run.path, archived=not self._run.archived)
        self._changed()

    def _question(self) -> Question:
        """Whether the run is to go."""
        if run_status(self._run).state in GOING:
            return Question("It is running: cancel it first.", None)
        fitted = children(self._run, self._services.root)
        names = ", ".join(child.manifest.name for child in fitted)
        stay = f" What was fitted to a subset of it stays: {names}." if fitted else ""
        return Question(f"Delete it? It can be restored from the trash.{stay}", self._delete)

    def _delete(self) -> None:
        delete(self._run)
        self._deleted(self._run)
        self._changed()

    def __panel__(self) -> pn.Column:
        parts = self.tags, self.archive, self._deleting.button, self._deleting.asking
        row = pn.FlexBox(*parts, gap="4px", align_items="flex-end", margin=0)
        return pn.Column(row, sizing_mode="stretch_width", margin=(0, 0, 8, 12))
