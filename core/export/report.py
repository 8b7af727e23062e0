"""A run as one page of HTML that needs nothing else: to read, to print, to send along with a paper."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from core.catalog.catalogue import Catalogue
from core.catalog.cuts import grouped
from core.catalog.resolve import open_catalogue
from core.diagnostics.pattern_speed_profile import NOTE, SpeedMarks
from core.diagnostics.scalar_draws import ScalarDraws, from_json
from core.diagnostics.scalar_tables import ERROR_IN_WORDS, signed, significant
from core.errors import UnknownRunError, refused
from core.export import figures, provenance
from core.export.colours import SERIES
from core.jobs.graph import STAGES
from core.jobs.status import RunStatus, TaskStatus, duration, run_status
from core.phase_space.sample import PhaseSpaceSample
from core.pipelines import BARYONS, colour_of, shown_pipelines
from core.runs import products, readings
from core.runs.artifacts import write_bytes
from core.runs.registry import Run
from core.runs.star_files import FLOW_SAMPLE, FLOW_SUMMARY, FlowSummary, read_stars, read_summary

PLANES = ("z", "x", "y")
SLICED = ("density", "potential")

CITED = (
    ("Method", "Green & Ting 2020", "arXiv:2011.04673"),
    ("Method", "Green, Ting & Kamdar 2023", "arXiv:2205.02244"),
    ("Pattern speed, rotating frame", "Kalda, Green & Ghosh 2023", "arXiv:2310.00040"),
    ("Gaia, uncertainty pipelines", "Kalda & Green 2025", "arXiv:2507.03742"),
    ("Conditional fits", "Kalda & Green 2025", "arXiv:2512.02115"),
    ("Distance of the Galactic centre", "GRAVITY Collaboration 2021", ""),
    ("Height of the Sun", "Bennett & Bovy 2019", ""),
    ("Baryons in the midplane", "McKee, Parravano & Hollenbach 2015", ""),
)
"""What for, whom, where."""


def write_report(run: Run, path: Path) -> None:
    """Write the report of a finished run.

    Raises UnknownRunError where it is not finished, InputError where ``path`` cannot be written.
    """
    content = report_html(run).encode()
    with refused("cannot be written", path, "Check the directory."):
        write_bytes(path, content)


def report_html(run: Run) -> str:
    """The report of a finished run as one HTML document, well-formed as XML too."""
    status = run_status(run)
    _require_finished(run, status)
    catalogue = open_catalogue(run.manifest.catalogue.id)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(files("core.export").joinpath("report.html").read_text("utf-8"))
    return template.render(**_content(run, status, catalogue))


def _require_finished(run: Run, status: RunStatus) -> None:
    needed = (FLOW_SAMPLE, FLOW_SUMMARY, "potential-potential_seed.safetensors", "scalars.json")
    missing = [name for name in needed if not run.has(name)]
    if status.state == "done" and not missing:
        return
    done = f"{status.tasks_done} of {len(status.tasks)} tasks are done"
    state = f"its state is {status.state}" if status.state != "done" else f"it lacks {', '.join(missing)}"
    raise UnknownRunError(
        f"the run {run.manifest.name!r} is not finished: {state}, {done}",
        remedy=f"Finish it with: deep-potential run {run.id}.",
    )


def _content(run: Run, status: RunStatus, catalogue: Catalogue) -> dict[str, Any]:
    """Everything that the template shows, by the names that it uses."""
    scalars = run.scalars
    draws = [from_json(name, entry) for name, entry in scalars.items()]
    summary = read_summary(run.products / FLOW_SUMMARY)
    sun = run.manifest.config.solar
    stars = catalogue.sample(run.manifest.region, sun)
    flow = PhaseSpaceSample(read_stars(run.products / FLOW_SAMPLE))
    maps = [figures.projection(x, y, stars, flow, sun) for x, y in figures.PROJECTIONS]
    slicer = readings.slicer(run, catalogue)
    profiles = readings.profiles(run, catalogue)
    # The error of the baryons is in the total; a column of its own would hold one number.
    pipelines = shown_pipelines(p for s in draws for p in s.pipelines if p != BARYONS)
    shown_profiles = shown_pipelines(name for p in profiles for name in p.pipelines)
    return {
        "manifest": run.manifest,
        "series": SERIES,
        "strip": _strip(run, summary, scalars),
        "verdicts": provenance.verdicts(
            scalars, summary, maps, str(slicer.trusted), products.preview_left_out(run.products)
        ),
        "speed_profile": _speed_profile(run, scalars),
        "origin": provenance.origin(run, catalogue),
        "changed": provenance.changed_settings(run),
        "stages": _stages(status),
        "taken": duration(status.seconds_taken) if status.seconds_taken is not None else "",
        "maps": [figures.projection_figures(m) for m in maps],
        "held_out": summary.held_out,
        "slopes": [_slope_row(summary, i) for i in range(len(summary.slopes))],
        "pipelines": pipelines,
        "error_in_words": ERROR_IN_WORDS,
        "scalars": [_scalar_row(s, list(pipelines)) for s in draws],
        "distributions": [figures.distribution(s) for s in draws if s.name != "negative_density_fraction"],
        "profiles": [figures.profile_figure(p) for p in profiles],
        "profile_pipelines": [(colour_of(name), words) for name, words in shown_profiles.items()],
        "published": list(dict.fromkeys(p.source for profile in profiles for p in profile.published)),
        "slices": [figures.slice_figures([slicer.plane(q, n, 0.0) for n in PLANES]) for q in SLICED],
        "cited": CITED,
        "version": provenance.read_provenance(run).get("version", ""),
        "has_truth": any(s.truth is not None for s in draws),
    }


def _speed_profile(run: Run, scalars: Mapping[str, Any]) -> dict[str, Any] | None:
    """L(Ω_p): its figure, what its curves are called, and what they say; None where the run does not know it."""
    profile = readings.speed_profile(run)
    if profile is None or "pattern_speed" not in scalars:
        return None
    marks = SpeedMarks.of(scalars["pattern_speed"])
    return {
        "figure": figures.pattern_speed_figure(profile, marks),
        "curves": list(zip((css[1:] for css in figures.curve_classes()), profile.curves, strict=False)),
        "words": profile.sentence(marks.stars),
        "note": NOTE,
        "stars": marks.stars is not None,
        "null": bool(marks.null),
    }


def _strip(run: Run, summary: FlowSummary, scalars: Mapping[str, Any]) -> dict[str, str]:
    """The few numbers that introduce the run."""
    kind = "ln p(v|x)" if run.manifest.config.flow.mode == "conditional" else "ln f"
    numbers = {
        "stars": grouped(run.manifest.stars),
        "flows": f"{len(summary.held_out)} × {run.manifest.config.flow.family}",
        f"held-out {kind}": signed(f"{np.mean(summary.held_out):.3f}"),
    }
    for name, entry in scalars.items():
        if name in ("pattern_speed", "density_midplane", "circular_velocity"):
            errors = [(p["high"] - p["low"]) / 2 for p in entry["pipelines"].values()]
            numbers[f"{entry['label']} [{entry['unit']}]"] = significant(entry["best"], max(errors, default=0.0))
    return numbers


def _stages(status: RunStatus) -> list[dict[str, Any]]:
    """The stages of the run in order, each with its tasks: what for, how many, how long."""
    found = []
    for kind, title in STAGES:
        tasks = [_task(t) for t in status.tasks if t.spec.kind == kind]
        found.append({"title": title, "tasks": tasks})
    return found


def _task(task: TaskStatus) -> dict[str, str]:
    parameters = task.spec.parameters
    members = parameters.get("members")
    count = len(members) if isinstance(members, list) else members
    pipeline = str(parameters.get("pipeline", ""))
    words = shown_pipelines([pipeline])[pipeline] if pipeline else "all pipelines"
    many = f"{count} member{'s' if count != 1 else ''}" if count else ""
    return {"pipeline": words, "count": many, "duration": duration(task.seconds) if task.seconds else ""}


def _slope_row(summary: FlowSummary, index: int) -> dict[str, Any]:
    slope = summary.slopes[index]
    error = float(np.hypot(slope.stars_error, slope.flow_error))
    return {
        "where": slope.where,
        "stars": _with_error(slope.stars, slope.stars_error),
        "flow": _with_error(slope.flow, slope.flow_error),
        "sigmas": signed(f"{(slope.flow - slope.stars) / error:.1f}") if error else "–",
        "agrees": slope.agrees,
    }


def _with_error(value: float, error: float) -> str:
    return f"{signed(significant(value, error))} ± {significant(error, error)}"


def _scalar_row(scalar: ScalarDraws, pipelines: list[str]) -> dict[str, Any]:
    """One line of the table: values as they are, beside the words that are shown."""
    intervals = {name: scalar.interval(name) for name in pipelines if name in scalar.pipelines}
    errors = [(high - low) / 2 for low, _, high in intervals.values()]
    scale = scalar.error or max(errors, default=0.0)
    cells: list[dict[str, Any] | None] = []
    for name in pipelines:
        if name not in intervals:
            cells.append(None)
            continue
        low, median, high = intervals[name]
        error = (high - low) / 2
        up, down = (significant(v, error) for v in (high - median, median - low))
        cells.append(
            {"value": median, "words": signed(significant(median, error)), "up": up, "down": down, "error": error}
        )
    return {
        "name": scalar.name,
        "label": scalar.label,
        "unit": scalar.unit,
        "volume": scalar.volume,
        "best": {"value": scalar.best, "words": signed(significant(scalar.best, scale))},
        "error": None if scalar.error is None else significant(scalar.error, scalar.error),
        "cells": cells,
        "truth": None if scalar.truth is None else signed(significant(scalar.truth, scale)),
    }
