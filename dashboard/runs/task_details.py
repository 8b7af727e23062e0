"""A group of tasks looked at closely: how each stands, its attempts, what was left out, its losses and its log."""

import html
import time
from collections.abc import Mapping
from typing import Any

import panel as pn

from core.jobs.status import GOING, TaskStatus, attempts, duration, log_tail, progress_lines
from core.jobs.task_groups import TaskGroup, task_title
from core.runs.registry import Run
from dashboard.plots.curves import LossFigure, loss_curves
from dashboard.session import Session
from dashboard.widgets import facts, one_update, text, with_document

_EVENTS = 5
"""How many of the last are shown."""
_LOG_STYLE = "max-height:220px;overflow:auto;margin:4px 0 0;padding:8px 10px;border-radius:6px;background:var(--soft)"


class TaskDetails(pn.viewable.Viewer):
    """The panel below the graph; hidden while no group is chosen."""

    def __init__(self, session: Session):
        super().__init__()
        self._session = session
        self._run: Run | None = None
        self._group: TaskGroup | None = None
        self._title, self._facts, self._log = text(margin=0), text(), text()
        self._choice = pn.widgets.Select(label="task", width=240, margin=(4, 0), visible=False)
        self._choice.param.watch(lambda event: with_document(self._chosen), "value")
        self.figure = LossFigure("held-out loss", "loss")
        self._lines: list[dict[str, Any]] = []
        self._left_out: Mapping[str, str] = {}
        self._offset, self._shown = 0, ""
        self._chart = pn.Column(margin=0, styles={"flex": "1 1 300px"})
        words = pn.Column(self._facts, margin=0, styles={"flex": "1 1 300px"})
        self._body = pn.Column(
            self._title,
            self._choice,
            pn.FlexBox(words, self._chart, gap="12px", margin=0, sizing_mode="stretch_width"),
            self._log,
            margin=(12, 0, 0, 0),
            sizing_mode="stretch_width",
            visible=False,
        )
        self._restyle()
        session.param.watch(lambda event: with_document(self._restyle), "theme")

    def show(self, run: Run, group: TaskGroup | None, left_out: Mapping[str, str]) -> None:
        """The group as it stands now; None hides the panel."""
        another = group is None or self._group is None or group.key != self._group.key or run != self._run
        self._run, self._group, self._left_out = run, group, left_out
        with one_update():
            self._body.visible = group is not None
            if group is None:
                return
            if another:
                titles = {task_title(task): task.spec.id for task in group.tasks}
                # Where something went wrong, that is what one wants to see.
                failed = [task.spec.id for task in group.tasks if task.state == "failed"]
                self._choice.param.update(
                    options=titles, value=(failed or list(titles.values()))[0], visible=len(titles) > 1
                )
            self._refresh()

    @property
    def _task(self) -> TaskStatus | None:
        tasks = self._group.tasks if self._group else ()
        return next((task for task in tasks if task.spec.id == self._choice.value), None)

    def _chosen(self) -> None:
        with one_update():
            self._refresh()

    def _refresh(self) -> None:
        task = self._task
        if task is None or self._run is None or self._group is None:
            return
        if task.spec.id != self._shown:
            self._shown, self._lines, self._offset = task.spec.id, [], 0
        lines, self._offset = progress_lines(self._run, task.spec.id, self._offset)
        self._lines += lines
        curves = loss_curves(self._lines)
        self._chart.visible = bool(curves)
        self.figure.show(curves)
        if curves and not self._chart.objects:
            # Not before: a page whose run is not looked at closely does without the figure.
            self._chart[:] = [pn.pane.Bokeh(self.figure.figure, sizing_mode="stretch_width", margin=0)]
        self._title.object = f"<strong>{html.escape(self._group.title)}</strong>"
        self._facts.object = facts(self._values(task)) + "".join(
            f'<p class="caution">{html.escape(f"{what} is left out: {why}")}</p>'
            for what, why in self._left_out.items()
        )
        self._log.object = _log(log_tail(self._run, task.spec.id))

    def _values(self, task: TaskStatus) -> dict[str, str]:
        assert self._run is not None
        values = {"state": html.escape(task.state)}
        if task.state in GOING:
            values["done"] = f"{100 * task.fraction:.0f} %"
        if task.seconds_left is not None:
            values["left"] = duration(task.seconds_left)
        if task.seconds:
            values["took so far" if task.state in GOING else "took"] = duration(task.seconds)
        begun = attempts(self._run, task.spec.id)
        if begun:
            values["attempts"] = f"{len(begun)}, the last at {_clock(begun[-1])}"
        if task.message:
            values["why" if task.state == "blocked" else "error"] = (
                f'<span class="caution">{html.escape(task.message)}</span>'
            )
        if task.events:
            told = (f"{_clock(event.time)} {html.escape(event.message)}" for event in task.events[-_EVENTS:])
            values["events"] = "<br>".join(told)
        return values

    def _restyle(self) -> None:
        self.figure.restyle(self._session.palette)

    def __panel__(self) -> pn.Column:
        return self._body


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _log(tail: str | None) -> str:
    if tail is None or not tail.strip():
        reason = "No log was kept." if tail is None else "Its log is empty."
        return f'<p class="muted">{reason}</p>'
    words = "the end of its log"
    return (
        f'<p class="muted" style="margin:0">{words}</p>'
        f'<pre tabindex="0" aria-label="{words}" style="{_LOG_STYLE}">{html.escape(tail)}</pre>'
    )
