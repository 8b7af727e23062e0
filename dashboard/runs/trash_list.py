"""The trash: what was deleted is brought back, or removed for good after one more question."""

import html
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import panel as pn

from core.runs.trash import Thrown, remove, restore
from dashboard.runs.asked_twice import AskedTwice, Question
from dashboard.runs.list_line import ListLine, light_button

_FOR_GOOD = "Remove for good"


class TrashRow:
    """A deleted run; ``changed`` is called when it has left the trash."""

    def __init__(self, thrown: Thrown, changed: Callable[[], None]):
        self.thrown, self.size, self._changed = thrown, thrown.size, changed
        when = datetime.fromtimestamp(thrown.deleted, UTC).strftime("%Y-%m-%d %H:%M")
        name = html.escape(thrown.names[-1])
        removing = AskedTwice("Remove …", self._question, yes=_FOR_GOOD)
        line = ListLine()
        line.say(
            (
                ("2 1 160px", f"<strong>{name}</strong>"),
                ("0 1 210px", f'<span class="muted">deleted {when}</span>'),
                ("0 1 110px", _room(self.size)),
            )
        )
        restoring = [light_button("Restore", self._restore)] if thrown.manifest is not None else []
        line.offer([*restoring, removing.button])
        line.view.append(removing.asking)
        self.view = line.view

    def _restore(self) -> None:
        restore(self.thrown)
        self._changed()

    def _question(self) -> Question:
        words = f"Remove {self.thrown.names[-1]} for good? It cannot be brought back."
        return Question(words, lambda: remove_all([self], self._changed))


class EmptyTrash:
    """The button that removes all the runs that are listed; ``view`` is hidden where there are none."""

    def __init__(self, changed: Callable[[], None]):
        self._rows: Sequence[TrashRow] = ()
        self._changed = changed
        self._removing = AskedTwice("", self._question, yes=_FOR_GOOD, no="Keep them", color="default")
        parts = self._removing.button, self._removing.asking
        self.view = pn.FlexBox(*parts, align_items="center", gap="4px 12px", margin=(4, 0), visible=False)

    def offer(self, rows: Sequence[TrashRow], *, all_of_it: bool) -> None:
        """These are listed now, and are ``all_of_it`` or what a search left."""
        if {row.thrown.path for row in rows} != {row.thrown.path for row in self._rows}:
            self._removing.close()  # the question was about others
        self._rows, self.view.visible = rows, bool(rows)
        words = "Empty the trash" if all_of_it else "Remove what was found"
        self._removing.button.label = f"{words}: {_count(rows)}, {_room(_size(rows))} …"

    def _question(self) -> Question:
        rows = self._rows
        words = f"Remove {_count(rows)} for good? {_room(_size(rows))} become free, and nothing can be brought back."
        return Question(words, lambda: remove_all(rows, self._changed))


def remove_all(rows: Sequence[TrashRow], changed: Callable[[], None]) -> None:
    """Remove runs for good; what the system refuses is raised once the list shows what is left."""
    try:
        for row in rows:
            remove(row.thrown)
    finally:
        changed()


def _count(rows: Sequence[TrashRow]) -> str:
    return "1 run" if len(rows) == 1 else f"{len(rows)} runs"


def _size(rows: Sequence[TrashRow]) -> int:
    return sum(row.size for row in rows)


def _room(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
