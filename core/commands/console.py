"""What the commands print: words on standard output, progress bars on a terminal and plain lines elsewhere."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from core.jobs.status import RunStatus, duration, run_status
from core.runs.registry import Run

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
quiet_option = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
runs_option = click.option(
    "--runs", metavar="DIR", help="Directory of the runs; default: DEEP_POTENTIAL_RUNS, else ./runs."
)


def say(text: str) -> None:
    """Print a line of a command's answer."""
    click.echo(text)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float], None]]:
    """A bar on the terminal, nothing elsewhere; call what it gives with the fraction done."""
    console = Console(file=sys.stderr)
    with _bar(console) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def watched(run: Run, quiet: bool) -> Iterator[None]:
    """Show how a run goes on while the block executes it."""
    if quiet:
        yield
        return
    stop = threading.Event()
    console = Console(file=sys.stderr)
    show = _show_bar if console.is_terminal else _show_lines
    thread = threading.Thread(target=show, args=(run, stop, console), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def _show_bar(run: Run, stop: threading.Event, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(run.manifest.name, total=1.0, left="")
        while not stop.wait(0.5):
            status = run_status(run)
            left = f"{duration(status.seconds_left)} left" if status.seconds_left is not None else ""
            bar.update(task, completed=status.fraction, description=_doing(status), left=left)


def _show_lines(run: Run, stop: threading.Event, console: Console) -> None:
    said = ""
    while not stop.wait(0.5):
        status = run_status(run)
        words = _doing(status)
        if words != said:
            left = f", {duration(status.seconds_left)} left" if status.seconds_left is not None else ""
            click.echo(
                f"{run.manifest.name}: {words} ({status.tasks_done} of {len(status.tasks)} tasks{left})",
                err=True,
            )
            said = words


def _doing(status: RunStatus) -> str:
    if status.state == "paused":
        return f"paused: {status.error}"
    running = sorted({t.spec.kind for t in status.tasks if t.state == "running"})
    return " + ".join(running) or status.state
