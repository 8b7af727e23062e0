"""What is told of a run as it goes, and that its end is told once."""

import dataclasses
import time

import panel as pn
import pytest
from panel.io.state import state
from small_runs import waiting_run

from core.config import preset
from core.jobs.events import append_line
from core.jobs.ownership import CANCEL_FILE, owned, record_state
from core.jobs.status import run_status
from core.runs.artifacts import write_json
from dashboard.plots.palette import DARK
from dashboard.runs import run_monitor
from dashboard.runs.run_monitor import MonitorPlace, RunMonitor, _head, has_maps
from dashboard.session import Session

FLOWS = "flows-df_seed-00"


@pytest.fixture
def run(services):
    return waiting_run(services.root, "a <b> & c")


class Poll:
    """A periodic callback without a clock."""

    running = 0

    def __init__(self, callback, period):
        self.callback, self.period = callback, period
        Poll.running += 1

    def stop(self):
        Poll.running -= 1


@pytest.fixture(autouse=True)
def poll(monkeypatch):
    monkeypatch.setattr(Poll, "running", 0)
    monkeypatch.setattr(type(state), "add_periodic_callback", lambda self, callback, period: Poll(callback, period))


@pytest.fixture
def told():
    return []


@pytest.fixture
def monitor(told):
    return RunMonitor(Session(), told.append, curves=True)


def report(run, fraction, task=FLOWS, **values):
    append_line(run.path / "tasks" / task / "progress.jsonl", {"time": time.time(), "fraction": fraction, **values})


def finish(run):
    for task in run.manifest.tasks:
        write_json(run.path / "tasks" / task.id / "DONE", {})
    record_state(run, "done", started=100.0, finished=300.0)


def status(run, **changes):
    values = {"state": "running", "fraction": 0.25, "seconds_left": 80.0, "seconds_taken": 20.0} | changes
    return dataclasses.replace(run_status(run), **values)


HEADS = {
    "running": ({}, ['tag ">running', "about 1 min 20 s left · 0 of 7 tasks", "width:25.0%"]),
    "still unknown": ({"seconds_left": None}, ['tag ">running', "20 s · 0 of 7 tasks"]),
    "done": ({"state": "done", "fraction": 1.0, "seconds_left": None}, ['tag good">done', "20 s · 0", "width:100.0%"]),
    "waiting": ({"state": "waiting", "seconds_left": None, "seconds_taken": None}, ['tag ">waiting', '">0 of 7 tasks']),
    "cancelled": ({"state": "cancelled", "seconds_left": None, "error": "hidden"}, ['tag caution">cancelled']),
    "interrupted": ({"state": "interrupted", "seconds_left": None}, ['tag caution">interrupted']),
    "failed": ({"state": "failed", "seconds_left": None, "error": "NaN < 0"}, ['tag caution">failed', "NaN &lt; 0"]),
}


@pytest.mark.parametrize("case", HEADS)
def test_the_head_says_how_a_run_stands(case, run):
    changes, expected = HEADS[case]
    words = _head(status(run, **changes))
    for part in (*expected, "<strong>a &lt;b&gt; &amp; c</strong>"):
        assert part in words
    assert ('role="alert"' in words) == (case == "failed")
    assert "hidden" not in words


def test_the_graph_says_how_far_every_group_is(run, monitor):
    report(run, 0.0)
    report(run, 0.4)
    record_state(run, "running", started=100.0)
    with owned(run):
        monitor.follow(run)
    nodes = {node["key"]: node for node in monitor.graph.diagram["nodes"]}
    assert len(nodes) == len(run.manifest.tasks) == 7
    assert nodes["flows df_seed"] | {"title": "DF seed flows", "state": "running", "done": 40} == nodes["flows df_seed"]
    assert nodes["flows df_seed"]["detail"].startswith("40 %")
    assert [n["state"] for n in nodes.values()].count("waiting") == 6
    assert "Running: DF seed flows (40 %" in monitor._summary.object
    assert "Waiting: " in monitor._summary.object


def words_of(view):
    return " ".join(str(pane.object) for pane in view.__panel__().select(pn.pane.HTML))


def test_a_group_leads_to_attempts_losses_and_log(run, monitor):
    directory = run.path / "tasks" / FLOWS
    monitor.follow(run)
    assert not monitor.details._body.visible
    append_line(directory / "attempts.jsonl", {"time": 1e9, "pid": 1})
    (directory / "log.txt").write_text("begun\n\x1b[31mNaN <here>\x1b[0m\n")
    report(run, 0.1, phase="velocity", member=0, step=100, steps=400, loss=0.0, held_out=3.0)
    write_json(directory / "error.json", {"message": "it <diverged>", "exit_code": 1})
    monitor.graph.chosen = "flows df_seed"
    monitor.refresh()
    words = words_of(monitor.details)
    for part in ("1, the last at 2001-09-09", "NaN &lt;here&gt;", "it &lt;diverged&gt;", "failed"):
        assert part in words
    assert "\x1b" not in words
    assert monitor.details.figure._source.data["ys"] == [[3.0]]
    report(run, 0.2, phase="velocity", member=0, step=200, steps=400, loss=0.0, held_out=2.0)
    monitor.refresh()
    assert monitor.details.figure._source.data["ys"] == [[3.0, 2.0]]
    monitor.graph.chosen = "scalars"
    monitor.refresh()
    assert not monitor.details._chart.visible
    assert "No log was kept" in words_of(monitor.details)
    monitor.graph.chosen = ""
    monitor.refresh()
    assert not monitor.details._body.visible


def test_what_was_left_out_is_counted_and_said(run, monitor):
    write_json(run.path / "tasks" / FLOWS / "DONE", {})
    rejected = {"member": 1, "half": 0, "reason": "its loss is <NaN>"}
    write_json(run.products / "flow-df_seed-001.rejected.json", rejected)
    monitor.follow(run)
    node = next(n for n in monitor.graph.diagram["nodes"] if n["key"] == "flows df_seed")
    assert node["detail"] == "done · 1 left out"
    assert "Left out: 1 of DF seed flows." in monitor._summary.object
    monitor.graph.chosen = "flows df_seed"
    monitor.refresh()
    assert "flow 1 is left out: its loss is &lt;NaN&gt;" in words_of(monitor.details)


def test_a_finished_run_leads_to_its_parent(run):
    asked = []
    for with_parent, shown in ((lambda r: lambda: asked.append(r), True), (lambda r: None, False)):
        monitor = RunMonitor(Session(), print, curves=False, with_parent=with_parent)
        monitor.follow(run)
        assert not monitor._parent.button.visible
        finish(run)
        monitor.refresh()
        assert monitor._parent.button.visible == shown
        monitor._parent.button.clicks += 1
        record_state(run, "waiting")
    assert asked == [run]


def test_maps_come_before_the_potentials(run, told):
    monitor = RunMonitor(Session(), told.append, curves=False, ready=has_maps)
    monitor.follow(run)
    assert told == []
    write_json(run.path / "tasks" / FLOWS / "DONE", {})
    monitor.refresh()
    assert told == []
    write_json(run.path / "tasks" / "sample-df_seed" / "DONE", {})
    monitor.refresh()
    monitor.refresh()
    assert told == [run]


def buttons(monitor):
    shown = {"Cancel": monitor._cancel, "Go on": monitor._resume, "Open": monitor._open}
    return [name for name, button in shown.items() if button.visible]


def test_the_buttons_are_those_that_make_sense(run, monitor):
    assert not monitor._card.visible
    monitor.follow(run)
    assert monitor._card.visible
    assert buttons(monitor) == []
    record_state(run, "running", started=100.0)
    with owned(run):
        monitor.refresh()
        assert buttons(monitor) == ["Cancel"]
        monitor._cancel.clicks += 1
    assert (run.path / CANCEL_FILE).exists()
    monitor.refresh()
    assert buttons(monitor) == ["Go on"]
    finish(run)
    monitor.refresh()
    assert buttons(monitor) == ["Open"]
    monitor.session.run = run.path.name
    monitor.refresh()
    assert buttons(monitor) == []


def test_a_monitor_is_made_for_the_first_run_and_follows_the_next(run, monitor):
    made = []
    place = MonitorPlace(lambda: made.append(monitor) or monitor)
    view = place.__panel__()
    assert not made
    assert not view.objects
    for _ in range(2):
        place.follow(run)
        assert monitor.run == run
        assert len(made) == len(view.objects) == 1


def test_the_end_of_a_run_is_told_once(run, monitor, told):
    monitor.follow(run)
    assert (Poll.running, told) == (1, [])
    monitor.refresh()
    finish(run)
    for _ in range(3):
        monitor.refresh()
    assert (Poll.running, told) == (0, [run])


def test_the_end_of_a_run_that_was_done_before_is_no_news(run, monitor, told):
    finish(run)
    monitor.follow(run)
    monitor.refresh()
    assert (Poll.running, told) == (0, [])
    monitor._open.clicks += 1
    assert told == [run]


def test_a_stopped_run_is_watched_while_it_may_still_start(run, monitor, told, monkeypatch):
    record_state(run, "cancelled", started=100.0, finished=200.0)
    started = []
    monkeypatch.setattr(run_monitor, "launch_detached", started.append)
    monitor.follow(run)
    monitor._resume.clicks += 1
    assert started == [run]
    monitor.refresh()
    assert Poll.running == 1
    monkeypatch.setattr(run_monitor, "_STARTING", 0.0)
    monitor.refresh()
    assert (Poll.running, told) == (0, [])


@pytest.mark.parametrize(
    ("choice", "phases"),
    [
        ({}, {"velocity"}),
        ({"flow.family": "joint"}, {"likelihood"}),
        ({"flow.family": "continuous"}, {"matching", "likelihood"}),
        ({"flow.family": "continuous", "flow.continuous.match": False}, {"likelihood"}),
    ],
)
def test_the_curves_are_those_of_the_family(choice, phases, tmp_path, monitor):
    monitor.follow(waiting_run(tmp_path, config=preset("quick", choice)))
    assert {phase for phase, chart in monitor._charts.items() if chart.visible} == phases


def test_the_curves_are_the_held_out_losses_of_every_member(run, monitor):
    monitor.follow(run)
    lines = [
        ("matching", 0, 100, 2.0),
        ("likelihood", 0, 10, 9.0),
        ("matching", 1, 100, 2.5),
        ("matching", 0, 200, 1.5),
    ]
    for phase, member, step, loss in lines:
        report(run, 0.1, phase=phase, member=member, step=step, steps=400, loss=0.0, held_out=loss)
        monitor.refresh()
    drawn = {phase: monitor.figures[phase]._source.data for phase in ("matching", "likelihood")}
    assert drawn["matching"]["xs"] == [[100, 200], [100]]
    assert drawn["matching"]["ys"] == [[2.0, 1.5], [2.5]]
    assert (drawn["likelihood"]["xs"], drawn["likelihood"]["ys"]) == ([[10]], [[9.0]])
    monitor.session.theme = "dark"
    assert {f.figure.background_fill_color for f in monitor.figures.values()} == {DARK.panel}
    monitor.follow(run)
    assert monitor.figures["matching"]._source.data["ys"] == [[2.0, 1.5], [2.5]]
