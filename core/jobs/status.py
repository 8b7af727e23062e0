"""What can be told of a run by reading its directory: the same truth for the command line and the pages."""

import dataclasses
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CorruptArtifactError
from core.jobs.events import Event, events
from core.jobs.graph import estimated_seconds
from core.jobs.machine import this_machine
from core.jobs.ownership import CANCEL_FILE, is_owned, recorded_state
from core.jobs.pausing import pause
from core.jobs.task import ATTEMPTS_FILE, ERROR_FILE, LOG_FILE, PROGRESS_FILE
from core.runs.artifacts import read_json
from core.runs.manifest import TaskSpec
from core.runs.registry import Run
from core.runs.seals import DONE_FILE

_BEGUN = 0.05
"""Fraction of a task below which its pace says nothing."""
_TAIL = 16_384
"""Bytes at the end of a log that are looked at."""

STATES = ("waiting", "running", "paused", "done", "failed", "blocked", "cancelled", "interrupted")
GOING = ("running", "paused")
"""States of a run that somebody is running; "blocked" is a state of tasks alone."""


@dataclass(frozen=True)
class TaskStatus:
    """Where a task stands: ``fraction`` is 0 to 1, ``message`` the error of a failed one, ``seconds`` its duration.

    A task is "blocked" where one that it needs has failed, "paused" where it has begun and its run waits for room.
    """

    spec: TaskSpec
    state: str
    fraction: float
    message: str = ""
    seconds: float = 0.0
    events: tuple[Event, ...] = ()

    @property
    def seconds_left(self) -> float | None:
        """Expected seconds to its end at its own pace; None where it does not run or has hardly begun."""
        if self.state != "running" or self.fraction < _BEGUN:
            return None
        return self.seconds * (1 - self.fraction) / self.fraction


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands; ``seconds_left`` is None where nothing is running, it waits, or it cannot be told yet."""

    run: Run
    state: str
    tasks: tuple[TaskStatus, ...]
    fraction: float
    seconds_left: float | None
    seconds_taken: float | None
    error: str = ""

    @property
    def tasks_done(self) -> int:
        return sum(task.state == "done" for task in self.tasks)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``status --json``."""
        manifest = self.run.manifest
        return {
            "id": self.run.id,
            "name": manifest.name,
            "path": str(self.run.path),
            "state": self.state,
            "fraction": round(self.fraction, 4),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "seconds_taken": None if self.seconds_taken is None else round(self.seconds_taken, 1),
            "error": self.error,
            "stars": manifest.stars,
            "catalogue": manifest.catalogue.name,
            "tasks": [
                {
                    "id": t.spec.id,
                    "kind": t.spec.kind,
                    "state": t.state,
                    "fraction": t.fraction,
                    "message": t.message,
                    "events": [dataclasses.asdict(event) for event in t.events],
                }
                for t in self.tasks
            ],
        }


def run_status(run: Run) -> RunStatus:
    """The state of a run: of its lock, its tasks and their progress."""
    record = recorded_state(run)
    alive = record["state"] == "running" and is_owned(run)
    waits_for = pause(run.path) if alive else None
    going = "running" if waits_for is None else "paused"
    done = record["state"] == "done"  # of a run that came with the program nothing else tells it
    tasks = _with_blocked([_task_status(run, spec, going if alive else None, done) for spec in run.manifest.tasks])
    state, error = str(record["state"]), str(record.get("error", ""))
    if state == "running" and not alive:
        # Where there was no room to write down that it was cancelled, the request still says so.
        state = "cancelled" if (run.path / CANCEL_FILE).exists() else "interrupted"
    elif waits_for is not None:
        state, error = going, waits_for
    total = sum(t.spec.weight for t in tasks) or 1.0
    fraction = sum(t.spec.weight * t.fraction for t in tasks) / total
    started, finished = record.get("started"), record.get("finished")
    taken = (finished or time.time()) - started if started else None
    return RunStatus(
        run=run,
        state=state,
        tasks=tasks,
        fraction=fraction,
        seconds_left=_remaining(run, tasks) if state == "running" else None,
        seconds_taken=taken,
        error=error,
    )


def _task_status(run: Run, spec: TaskSpec, going: str | None, done: bool) -> TaskStatus:
    """How a task stands.

    ``going`` is what one that has begun does, None where nobody runs the run; ``done`` says that the run is.
    """
    directory = run.path / "tasks" / spec.id
    lines = _attempt(directory / PROGRESS_FILE)
    seconds = lines[-1]["time"] - lines[0]["time"] if lines else 0.0
    if done or (directory / DONE_FILE).is_file():
        return TaskStatus(spec, "done", 1.0, seconds=seconds, events=tuple(events(directory)))
    happened = tuple(events(directory))
    if (directory / ERROR_FILE).is_file():
        return TaskStatus(spec, "failed", 0.0, str(_error(directory)), seconds, happened)
    if not lines:
        return TaskStatus(spec, "waiting", 0.0)
    stopped = "cancelled" if (run.path / CANCEL_FILE).exists() else "interrupted"
    return TaskStatus(spec, going or stopped, float(lines[-1]["fraction"]), seconds=seconds, events=happened)


def _with_blocked(tasks: Sequence[TaskStatus]) -> tuple[TaskStatus, ...]:
    """Tasks that wait for one that has failed, or for another that waits so, are blocked, and say by which failure."""
    found: dict[str, TaskStatus] = {}
    for task in tasks:
        lacking = [n for n in task.spec.needs if n in found and found[n].state in ("failed", "blocked")]
        if task.state == "waiting" and lacking:
            first = found[lacking[0]]
            words = first.message if first.state == "blocked" else f"needs {first.spec.id}, which failed"
            task = dataclasses.replace(task, state="blocked", message=words)
        found[task.spec.id] = task
    return tuple(found.values())


def _error(directory: Path) -> str:
    try:
        return str(read_json(directory / ERROR_FILE)["message"])
    except (CorruptArtifactError, KeyError, TypeError):
        return f"see {directory / LOG_FILE}"


def _remaining(run: Run, tasks: Sequence[TaskStatus]) -> float:
    """Expected seconds to the end on this machine: the planned schedule of what is left, at the pace seen so far."""
    left = [dataclasses.replace(t.spec, weight=t.spec.weight * (1 - t.fraction)) for t in tasks]
    begun = [t for t in tasks if t.fraction > _BEGUN and t.seconds > 5]
    planned = sum(t.spec.weight * t.fraction for t in begun)
    pace = sum(t.seconds for t in begun) / planned if planned else 1.0
    return pace * estimated_seconds(left, run.manifest.config, this_machine())


def progress_lines(run: Run, task_id: str, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The progress of a task from byte ``offset`` on, and the offset to go on from; a line being written is left."""
    path = run.path / "tasks" / task_id / PROGRESS_FILE
    if not path.is_file():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    return list(_parsed(whole)), offset + len(whole)


def furthest(run: Run, task_id: str) -> float:
    """The largest fraction of a task that any attempt has reported; 0 where there was none."""
    path = run.path / "tasks" / task_id / PROGRESS_FILE
    return max((line["fraction"] for line in _parsed(path.read_bytes())), default=0.0) if path.is_file() else 0.0


def attempts(run: Run, task_id: str) -> list[float]:
    """When each attempt at a task began [Unix time], oldest first; none where it is not recorded."""
    path = run.path / "tasks" / task_id / ATTEMPTS_FILE
    if not path.is_file():
        return []
    times = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError, TypeError, KeyError):  # half a line, left by a crash
            times.append(float(json.loads(line)["time"]))
    return times


def log_tail(run: Run, task_id: str, lines: int = 30) -> str | None:
    """The last lines of a task's log, without the colours of a terminal; None where no log was kept."""
    path = run.path / "tasks" / task_id / LOG_FILE
    if not path.is_file():
        return None
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        content = file.read(_TAIL).decode(errors="replace")
    return "\n".join(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", content).splitlines()[-lines:])


def _parsed(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            values = json.loads(line)
            values["time"], values["fraction"] = float(values["time"]), float(values["fraction"])
        except (ValueError, TypeError, KeyError):
            continue  # half a line, left by a crash
        yield values


def _attempt(path: Path) -> list[dict[str, Any]]:
    """First and last line of the newest attempt: an attempt begins with a report of nothing done."""
    if not path.is_file():
        return []
    lines = list(_parsed(path.read_bytes()))
    starts = [i for i, line in enumerate(lines) if line["fraction"] == 0]
    return [lines[starts[-1] if starts else 0], lines[-1]] if lines else []


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
