"""How a run stands, in words for the terminal."""

import time

from core.diagnostics.scalar_tables import cautions
from core.errors import CorruptArtifactError
from core.jobs.status import RunStatus, duration
from core.pipelines import TITLES
from core.runs.registry import Run
from core.runs.star_files import FLOW_SUMMARY, read_summary


def status_line(status: RunStatus) -> str:
    """A run in one line: state, stars, tasks, time."""
    manifest = status.run.manifest
    timing = f"{duration(status.seconds_taken)}" if status.seconds_taken is not None else ""
    if status.seconds_left is not None:
        timing = f"{duration(status.seconds_left)} left"
    tasks = f"{status.tasks_done}/{len(status.tasks)} tasks"
    return f"{status.run.id}  {status.state:<12} {manifest.stars:>12,} stars  {tasks:<12} {timing:<14} {manifest.name}"


def run_report(status: RunStatus) -> str:
    """A run with its tasks, what became of its flows, and what is to be heeded in its scalars."""
    label = "paused" if status.state == "paused" else "error"
    lines = [status_line(status), *(f"{label}: {line}" for line in status.error.splitlines())]
    for task in status.tasks:
        lines.append(f"  {task.spec.id:<28} {task.state:<12} {100 * task.fraction:3.0f} %  {task.message}".rstrip())
        lines += [f"    {_clock(event.time)}  {event.message}" for event in task.events]
    without = (f"  {words}" for words in left_out(status.run))
    return "\n".join([*lines, *_flow_report(status.run), *without, *_cautions(status.run)])


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _cautions(run: Run) -> list[str]:
    """What may be said of the scalars, once there are any."""
    if not run.has("scalars.json"):
        return []
    try:
        return [f"  {line}" for line in cautions(run.scalars)]
    except CorruptArtifactError as error:
        return [f"  {error}"]


def left_out(run: Run) -> list[str]:
    """What the run goes without, and why: flows, the preview, draws of all pipelines."""
    from core.runs import products  # JAX takes a second to import

    flows = read_summary(run.products / FLOW_SUMMARY).rejected if run.has(FLOW_SUMMARY) else {}
    preview = products.preview_left_out(run.products)
    found = [p for p in TITLES if run.has(f"potential-{p}.safetensors")]
    return [
        *(f"flow {flow} is left out: {reason}" for flow, reason in flows.items()),
        *([f"the preview by the weak form is left out: {preview}"] if preview else []),
        *(
            f"draw {draw} of {pipeline} is left out: {reason}"
            for pipeline in found
            for draw, reason in products.left_out(run.products, pipeline).items()
        ),
    ]


def _flow_report(run: Run) -> list[str]:
    """The gradients of the density of stars beside those of the star counts."""
    if not run.has(FLOW_SUMMARY):
        return []
    summary, lines = read_summary(run.products / FLOW_SUMMARY), []
    for slope in summary.slopes:
        stars = f"stars {slope.stars:+8.3f} ± {slope.stars_error:.3f}"
        flow = f"flow {slope.flow:+8.3f} ± {slope.flow_error:.3f}"
        verdict = "agrees" if slope.agrees else "DIFFERS"
        lines.append(f"  gradient of ln n [1/kpc]  {slope.where:<18} {stars}   {flow}  {verdict}")
    return lines
