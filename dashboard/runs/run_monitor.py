"""A run as it goes: state, remaining time, tasks, loss curves, and buttons to stop it, go on with it or look at it.

The page owns nothing: it reads the run's directory every half second. A closed tab or a restarted server changes
nothing for the run.
"""

import html
import time
from collections.abc import Callable
from typing import Any

import panel as pn

from core.errors import DeepPotentialError
from core.jobs.launch import launch_detached
from core.jobs.ownership import request_cancel
from core.jobs.status import GOING, RunStatus, duration, progress_lines, run_status
from core.jobs.task_groups import TaskGroup, task_groups
from core.runs import products, readings
from core.runs.registry import Run
from dashboard.plots.curves import LossFigure
from dashboard.plots.diagrams import task_diagram, task_summary
from dashboard.runs.parent_link import ParentButton, WithParent, alone
from dashboard.runs.task_details import TaskDetails
from dashboard.runs.task_graph import TaskGraph
from dashboard.session import Session
from dashboard.widgets import card, one_update, text, with_document

_PERIOD = 500
_STARTING = 15.0
_CURVES = {
    "velocity": ("held-out loss of p(v | x)", "−ln p"),
    "matching": ("held-out loss of flow matching", "|g − straight line|²"),
    "likelihood": ("held-out loss of f(x, v)", "−ln f"),
}
"""Title and axis of the curve of each phase of a training."""
_TONES = {"done": "good", "failed": "caution", "cancelled": "caution", "interrupted": "caution", "paused": "caution"}


def is_done(status: RunStatus) -> bool:
    """Whether the run has ended well."""
    return status.state == "done"


def has_maps(status: RunStatus) -> bool:
    """Whether the sample of the best flow is drawn: the maps can be shown while potentials are still being fitted."""
    drawn = (t for t in status.tasks if t.spec.kind == "sample" and t.spec.parameters["pipeline"] == products.MAIN)
    return all(task.state == "done" for task in drawn)


class RunMonitor(pn.viewable.Viewer):
    """Follows one run; ``arrived`` is called once, when it is seen to become ``ready``."""

    def __init__(
        self,
        session: Session,
        arrived: Callable[[Run], None],
        *,
        curves: bool,
        ready: Callable[[RunStatus], bool] = is_done,
        with_parent: WithParent = alone,
    ):
        super().__init__()
        self.session, self._arrived, self._curves, self._ready = session, arrived, curves, ready
        self.run: Run | None = None
        self._offsets: dict[str, int] = {}
        self._lines: dict[tuple[str, str], list[tuple[int, float]]] = {}
        self._head = text(margin=0)
        self.graph = TaskGraph(sizing_mode="stretch_width", margin=0)
        self._summary = text()
        self.details = TaskDetails(session)
        self._left_out: dict[tuple[str, str], dict[str, str]] = {}
        self.graph.param.watch(lambda event: with_document(self.refresh), "chosen")
        self._cancel = pn.widgets.Button(label="Cancel", margin=(0, 0, 0, 8), visible=False)
        self._resume = pn.widgets.Button(label="Go on", margin=(0, 0, 0, 8), visible=False)
        self._open = pn.widgets.Button(label="Open", color="primary", margin=(0, 0, 0, 8), visible=False)
        self._parent = ParentButton(with_parent)
        self._cancel.on_click(self._cancelled)
        self._resume.on_click(self._resumed)
        self._open.on_click(self._opened)
        self.figures = {phase: LossFigure(*words) for phase, words in _CURVES.items()}
        for fig in self.figures.values():
            fig.restyle(session.palette)
        session.param.watch(lambda event: with_document(self._restyle), "theme")
        buttons = (self._cancel, self._resume, self._open, self._parent.button)
        row = pn.Row(self._head, *buttons, sizing_mode="stretch_width", margin=0)
        panes = [pn.pane.Bokeh(f.figure, sizing_mode="stretch_width", margin=0) for f in self.figures.values()]
        styles = {"flex": "1 1 300px", "min-width": "0"}
        self._charts = {
            phase: pn.Column(pane, margin=0, styles=styles) for phase, pane in zip(self.figures, panes, strict=True)
        }
        charts = [pn.FlexBox(*self._charts.values(), gap="0px", margin=(8, 0, 0, 0))] if curves else []
        scroll = {"overflow-x": "auto", "padding": "3px"}  # room for the ring of the button that has the focus
        graph = pn.Column(self.graph, sizing_mode="stretch_width", margin=(8, 0, 0, 0), styles=scroll)
        self._card = card(row, graph, self._summary, self.details, *charts, visible=False)
        self._poll: Any = None

    def follow(self, run: Run) -> None:
        """Show this run from now on."""
        self.run, self._offsets, self._lines = run, {}, {}
        self._since = time.monotonic()
        self._was_ready = self._ready(run_status(run))
        self._card.visible = True
        for phase, chart in self._charts.items():
            chart.visible = phase in run.manifest.config.flow.phases
        with_document(self.refresh)
        if self._poll is None:
            self._poll = pn.state.add_periodic_callback(self.refresh, period=_PERIOD)

    def forget(self) -> None:
        """Show no run."""
        self.run, self._card.visible = None, False
        self._stop()

    def _stop(self) -> None:
        if self._poll is not None:
            self._poll.stop()
            self._poll = None

    def refresh(self) -> None:
        """Read the run's directory and show how it stands."""
        if self.run is None:
            return
        if not self.run.path.is_dir():  # it was deleted, here or elsewhere
            self.forget()
            return
        status = run_status(self.run)
        with one_update():
            self._head.object = _head(status)
            self._draw_graph(status)
            self._cancel.visible = status.state in GOING
            self._resume.visible = status.state in ("cancelled", "interrupted", "failed")
            self._parent.offer(self.run if status.state == "done" else None)
            self._open.visible = status.state == "done" and self.session.run != self.run.path.name
            if self._curves:
                self._draw_curves()
        # A run that goes on after a stop still says how it stopped until its runner has started.
        settled = status.state == "done" or time.monotonic() - self._since > _STARTING
        if status.state in ("done", "failed", "cancelled") and settled:
            self._stop()
        if not self._was_ready and self._ready(status):
            self._was_ready = True
            self._arrived(self.run)

    def _draw_graph(self, status: RunStatus) -> None:
        groups = task_groups(status.tasks)
        left_out = {group.key: self._missing(status.run, group) for group in groups}
        counts = {key: len(reasons) for key, reasons in left_out.items()}
        self.graph.diagram = task_diagram(groups, counts)
        self._summary.object = f'<p class="muted">{html.escape(task_summary(groups, counts))}</p>'
        chosen = next((group for group in groups if group.key == self.graph.chosen), None)
        self.details.show(status.run, chosen, left_out[chosen.key] if chosen else {})

    def _missing(self, run: Run, group: TaskGroup) -> dict[str, str]:
        """What a group could not make and why: read once, when it is done."""
        if group.state != "done":
            return {}
        key = run.id, group.key
        if key not in self._left_out:
            try:
                self._left_out[key] = readings.left_out(run, group.kind, group.pipeline)
            except DeepPotentialError as error:
                self._left_out[key] = {"what it made": str(error)}
        return self._left_out[key]

    def _draw_curves(self) -> None:
        assert self.run is not None
        for task in self.run.manifest.tasks_of("flows"):
            lines, self._offsets[task.id] = progress_lines(self.run, task.id, self._offsets.get(task.id, 0))
            for line in lines:
                if "phase" in line:
                    key = line["phase"], f"{task.parameters['pipeline']} {line['member']}"
                    self._lines.setdefault(key, []).append((line["step"], line["held_out"]))
        for phase, fig in self.figures.items():
            curves = {name: tuple(zip(*points, strict=True)) for (p, name), points in self._lines.items() if p == phase}
            fig.show(curves)  # type: ignore[arg-type]

    def _cancelled(self, event: object) -> None:
        if self.run is not None:
            request_cancel(self.run)

    def _resumed(self, event: object) -> None:
        if self.run is not None:
            launch_detached(self.run)
            self.follow(self.run)

    def _opened(self, event: object) -> None:
        if self.run is not None:
            self._arrived(self.run)

    def _restyle(self) -> None:
        for fig in self.figures.values():
            fig.restyle(self.session.palette)

    def __panel__(self) -> pn.Column:
        return self._card


class MonitorPlace(pn.viewable.Viewer):
    """Where the monitor that ``make`` makes comes when there is a run to follow; most pages never follow any."""

    def __init__(self, make: Callable[[], RunMonitor]):
        super().__init__()
        self._make = make
        self._monitor: RunMonitor | None = None
        self._place = pn.Column(sizing_mode="stretch_width", margin=0)

    def follow(self, run: Run) -> None:
        """Show this run from now on."""
        if self._monitor is None:
            self._monitor = self._make()
            self._place.append(self._monitor)
        self._monitor.follow(run)

    def __panel__(self) -> pn.Column:
        return self._place


def _head(status: RunStatus) -> str:
    tone = _TONES.get(status.state, "")
    name = html.escape(status.run.manifest.name)
    parts = [f"{status.tasks_done} of {len(status.tasks)} tasks"]
    if status.seconds_left is not None:
        parts.insert(0, f"about {duration(status.seconds_left)} left")
    elif status.seconds_taken is not None and status.state != "waiting":
        parts.insert(0, f"{duration(status.seconds_taken)}")
    told = status.error if status.state in ("failed", "paused") else ""
    error = f'<p class="alert" role="alert">{html.escape(told)}</p>' if told else ""
    done = f"width:{100 * status.fraction:.1f}%"
    bar = f'<div class="bar"><div style="{done}"></div></div>'
    return (
        f'<div role="status"><strong>{name}</strong> <span class="tag {tone}">{status.state}</span> '
        f'<span class="muted">{" · ".join(parts)}</span>{bar}</div>{error}'
    )
