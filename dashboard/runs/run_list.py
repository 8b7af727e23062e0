"""All runs, to be found again: searched by words, the archived apart, the deleted where they can be restored."""

import html
from collections.abc import Callable, Sequence

import panel as pn

from core.jobs.launch import launch_detached
from core.jobs.ownership import request_cancel
from core.jobs.search import matching
from core.jobs.status import GOING, RunStatus, duration, run_status
from core.runs.registry import Run
from core.runs.trash import Thrown, trashed
from dashboard.runs.list_line import ListLine, light_button
from dashboard.runs.managed_run import ManagedRun
from dashboard.runs.parent_link import WithParent
from dashboard.runs.trash_list import EmptyTrash, TrashRow
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import caption, card, empty, grouped, text, unseen

_PERIOD = 3000


class RunList(pn.viewable.Viewer):
    """The list; ``open_run`` and ``follow`` are called with a run, ``deleted`` with one that went to the trash."""

    def __init__(
        self,
        session: Session,
        services: Services,
        *,
        open_run: Callable[[Run], None],
        follow: Callable[[Run], None],
        with_parent: WithParent,
        deleted: Callable[[Run], None],
    ):
        super().__init__()
        self.session, self.services = session, services
        self.open, self.follow, self.with_parent, self.deleted = open_run, follow, with_parent, deleted
        self._rows: dict[_Key, _Row] = {}
        # Its value goes one way: what came back while somebody types would swallow letters.
        self._search = pn.widgets.TextInput(
            value=session.search,
            placeholder="search name, tag, state …",
            width=220,
            margin=0,
            **unseen("search the runs"),
        )
        self._search.param.watch(lambda event: session.param.update(search=event.new), "value_input")
        self._listed = pn.widgets.Select.from_param(session.param.listed, width=110, margin=0, **unseen("which runs"))
        self._table = pn.Column(sizing_mode="stretch_width", margin=0)
        self._none = text(margin=(6, 0))
        for_all = {"gap": "8px", "align_items": "center", "justify_content": "space-between", "margin": 0}
        head = pn.FlexBox(caption("Runs"), pn.FlexBox(self._search, self._listed, gap="8px", margin=0), **for_all)
        self._emptying = EmptyTrash(self.refresh)
        self._card = card(head, self._none, self._emptying.view, self._table)
        self._empty = empty("No runs yet", "Choose a catalogue on the left and press Start.")
        session.param.watch(lambda event: self.refresh(), ["search", "listed"])
        self.refresh()
        pn.state.add_periodic_callback(self.refresh, period=_PERIOD)

    def refresh(self) -> None:
        """Show how the runs stand; what has not changed stays as it is, and keeps the focus."""
        runs, thrown = self.services.runs(), trashed(self.services.root)
        self._rows = self._of_trash(thrown) if self.session.listed == "trash" else self._of_runs(runs)
        views = [row.view for row in self._rows.values()]
        if views != self._table.objects:
            self._table.objects = views
        in_trash = [row for row in self._rows.values() if isinstance(row, TrashRow)]
        self._emptying.offer(in_trash, all_of_it=len(in_trash) == len(thrown))
        self._none.object = "" if views else f'<span class="muted">{html.escape(self._lacking())}</span>'
        self._card.visible, self._empty.visible = bool(runs or thrown), not (runs or thrown)

    def _of_runs(self, runs: Sequence[Run]) -> "dict[_Key, _Row]":
        archived = self.session.listed == "archived"
        listed = [run_status(run) for run in runs if run.archived == archived]
        rows: dict[_Key, _Row] = {}
        for status in matching(listed, self.session.search):
            key = "run", status.run.path.name
            known = self._rows.get(key)
            row = known if isinstance(known, _RunRow) else _RunRow(self, status.run)
            row.show(status)
            rows[key] = row
        return rows

    def _of_trash(self, thrown: Sequence[Thrown]) -> "dict[_Key, _Row]":
        words = self.session.search.casefold().split()
        found = [each for each in thrown if all(word in "\n".join(each.names).casefold() for word in words)]
        keys = [("trash", each.path.name) for each in found]
        pairs = zip(keys, found, strict=True)
        return {key: self._rows.get(key) or TrashRow(each, self.refresh) for key, each in pairs}

    def _lacking(self) -> str:
        words = {"current": "No run", "archived": "No archived run", "trash": "Nothing in the trash"}
        return words[self.session.listed] + (" matches the search." if self.session.search.strip() else ".")

    def __panel__(self) -> pn.Column:
        return pn.Column(self._empty, self._card, sizing_mode="stretch_width", margin=0)


class _RunRow:
    """A line of the list, with what can be done about the run."""

    def __init__(self, runs: RunList, run: Run):
        self._list, self._run = runs, run
        self._line = ListLine()
        self._shown: tuple[str, ...] = ()
        self._managed: ManagedRun | None = None
        self.view = self._line.view

    def show(self, status: RunStatus) -> None:
        """The run as it stands now."""
        self._line.say(_cells(status))
        actions = self._actions(status)
        if tuple(actions) != self._shown:
            self._shown = tuple(actions)
            self._line.offer([light_button(label, act) for label, act in actions.items()])

    def _actions(self, status: RunStatus) -> dict[str, Callable[[], object]]:
        runs, run, state = self._list, self._run, status.state
        actions: dict[str, Callable[[], object]] = {}
        if run.has("flow_sample.parquet"):
            actions["Open"] = lambda: runs.open(run)
        if state == "done" and (compare := runs.with_parent(run)) is not None:
            actions["Compare with parent"] = compare
        if state in GOING:
            actions |= {"Follow": lambda: runs.follow(run), "Cancel": lambda: request_cancel(run)}
        if not run.embedded:
            if state in ("cancelled", "interrupted", "failed", "waiting"):
                actions |= {"Look at": lambda: runs.follow(run), "Go on": self._go_on}
            actions["Manage"] = self._manage
        return actions

    def _go_on(self) -> None:
        launch_detached(self._run)
        self._list.follow(self._run)

    def _manage(self) -> None:
        """Open the line below, or close it."""
        if self._managed is None:
            runs = self._list
            self._managed = ManagedRun(runs.services, self._run, runs.refresh, runs.deleted)
            self.view.append(self._managed)
        else:
            self.view.pop(1)
            self._managed = None


def _cells(status: RunStatus) -> tuple[tuple[str, str], ...]:
    manifest = status.run.manifest
    tone = {"done": "good", "running": ""}.get(status.state, "caution")
    took = duration(status.seconds_taken) if status.seconds_taken and status.state not in GOING else "–"
    when = "comes with the program" if status.run.embedded else manifest.created[:16].replace("T", " ")
    tags = "".join(
        f' <span class="tag" style="color:var(--muted)">{html.escape(tag)}</span>' for tag in status.run.tags
    )
    return (
        ("2 1 130px", f"<strong>{html.escape(manifest.name)}</strong>{tags}"),
        ("0 1 80px", f'<span class="{tone}">{status.state}</span>'),
        ("0 1 100px", f"{grouped(manifest.stars)} stars"),
        ("0 1 100px", f"{status.tasks_done} of {len(status.tasks)} tasks"),
        ("0 1 165px", f'<span class="muted">{when}</span>'),
        ("0 1 80px", took),
    )


_Key = tuple[str, str]
_Row = _RunRow | TrashRow
