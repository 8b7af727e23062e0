"""``fit``, ``run``, ``status``, ``cancel``: runs and their progress."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from core.baryons.choice import with_content
from core.commands.console import json_option, quiet_option, runs_option, say, watched
from core.commands.places import given_place, place_options
from core.commands.run_words import left_out, run_report, status_line
from core.config import PRESETS, Config
from core.errors import ConfigError, InputError, RegionError
from core.jobs.graph import estimated_seconds
from core.jobs.launch import launch_detached
from core.jobs.machine import this_machine
from core.jobs.ownership import request_cancel
from core.jobs.status import duration, run_status
from core.phase_space import region as regions
from core.phase_space.region import Expression, Region
from core.runs.registry import Run, find_run, list_runs, runs_root
from core.settings import from_toml, parse_assignment


@click.command()
@click.argument("catalogue")
@click.option("--preset", type=click.Choice(list(PRESETS)), default="quick", show_default=True, help="Size of the fit.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A single setting, as in flow.members=8."
)
@click.option(
    "--region",
    "region_text",
    metavar="EXPR|FILE.json|FILE.fits",
    help="Fit only these stars, as in 'abs(z) < 0.3'; FITS: a HEALPix map of the largest distance.",
)
@click.option(
    "--mode",
    type=click.Choice(["joint", "conditional"]),
    help="joint fits f(x, v); conditional p(v|x), for stars selected by place in an unknown way.",
)
@click.option(
    "--frame",
    type=click.Choice(["rotating", "inertial"]),
    help="Frame of stationarity; default: the catalogue's.",
)
@runs_option
@click.option("--name", help="Name of the run.")
@place_options
@click.option("--detach", is_flag=True, help="Return at once; the run goes on in the background.")
@quiet_option
@json_option
def fit(
    catalogue: str,
    preset: str,
    config: Path | None,
    assignments: tuple[str, ...],
    region_text: str | None,
    mode: str | None,
    frame: str | None,
    runs: str | None,
    name: str | None,
    scheduler: str | None,
    slurm: str | None,
    detach: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fit flows and potentials to CATALOGUE: an id, a name, or a file."""
    from core.catalog.resampling import lacking_errors
    from core.catalog.resolve import resolve_catalogue  # astropy takes half a second to import
    from core.jobs.creation import create_fit, fit_config

    place = given_place(scheduler, slurm)
    stars = resolve_catalogue(catalogue)
    settings = fit_config(
        stars,
        preset,
        toml=_toml(config) if config else None,
        overrides=with_content(dict(map(parse_assignment, assignments))),
        frame=frame,
        mode=mode,
    )
    region = _region(region_text) if region_text else None
    run = create_fit(
        stars, settings, root=runs_root(runs), preset_name=preset, region=region, name=name, command=sys.argv
    )
    if not quiet and not as_json:
        tasks = run.manifest.tasks
        say(f"run {run.path}: {run.manifest.stars:,} stars, {len(tasks)} tasks{'' if place else _about(run)}")
        if settings.pipelines.noise_members and (column := lacking_errors(stars.units)):
            say(f"without the pipeline observational_noise: the catalogue has no column {column}")
    _execute(run, detach=detach, quiet=quiet or as_json, place=place)
    if as_json:
        say(json.dumps(run_status(run).to_json()))


@click.command()
@click.argument("run")
@place_options
@runs_option
@click.option("--detach", is_flag=True, help="Return at once; the run goes on in the background.")
@click.option("--asked", type=float, hidden=True, help="Unix time at which this was asked for.")
@click.option("--automatic", type=int, default=0, hidden=True, help="How often it went on by itself in vain.")
@quiet_option
def run(
    run: str,
    scheduler: str | None,
    slurm: str | None,
    runs: str | None,
    detach: bool,
    asked: float | None,
    automatic: int,
    quiet: bool,
) -> None:
    """Start RUN, or go on where it stopped."""
    place = given_place(scheduler, slurm)
    found = find_run(run, runs_root(runs))
    _execute(found, detach=detach, quiet=quiet, asked=asked, automatic=automatic, place=place)


@click.command()
@click.argument("run", required=False)
@runs_option
@json_option
def status(run: str | None, runs: str | None, as_json: bool) -> None:
    """Say where all runs stand, or one with its tasks; archived ones only where they are named."""
    root = runs_root(runs)
    if run is not None:
        one = run_status(find_run(run, root))
        say(json.dumps(one.to_json() | {"left_out": left_out(one.run)}) if as_json else run_report(one))
        return
    found = [run_status(r) for r in list_runs(root) if not r.archived]
    if as_json:
        say(json.dumps([s.to_json() for s in found]))
        return
    for s in found:
        say(status_line(s))


@click.command()
@click.argument("run")
@runs_option
def cancel(run: str, runs: str | None) -> None:
    """Stop RUN; `deep-potential run` goes on with it later."""
    found = find_run(run, runs_root(runs))
    request_cancel(found)
    say(f"run {found.manifest.name}: asked to stop")


def _execute(
    run: Run,
    *,
    detach: bool,
    quiet: bool,
    place: Mapping[str, str],
    asked: float | None = None,
    automatic: int = 0,
) -> None:
    if detach:
        launch_detached(run, [word for name, value in place.items() for word in (f"--{name}", value)])
        if not quiet:
            say(f"started in the background; follow it with: deep-potential status {run.path}")
        return
    asked = time.time() if asked is None else asked
    from core.jobs.runner import run_graph  # Dask takes a second to import

    with watched(run, quiet):
        run_graph(run, scheduler=place.get("scheduler"), slurm=place.get("slurm"), asked=asked, automatic=automatic)
    if not quiet:
        say(status_line(run_status(run)))


def _about(run: Run) -> str:
    machine = this_machine()
    return f", about {duration(estimated_seconds(run.manifest.tasks, run.manifest.config, machine))} on {machine}"


def _region(text: str) -> Region:
    if text.endswith((".fits", ".fits.gz")):
        from core.catalog.healpix_map import read_distance_mask  # astropy takes half a second to import

        return read_distance_mask(text)
    if not text.endswith(".json"):
        return Expression(text)
    try:
        return regions.from_json(json.loads(_text(Path(text))))
    except ValueError as error:
        raise RegionError(f"not JSON: {error}", file=text) from error
    except RegionError as error:
        raise RegionError(error.reason, file=text, remedy=error.remedy) from error


def _toml(path: Path) -> str:
    """The text of a configuration file, once it is known to be one."""
    text = _text(path)
    try:
        from_toml(Config(), text)
    except ConfigError as error:
        raise ConfigError(error.reason, file=path, remedy=error.remedy) from error
    return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the file cannot be read", file=path, remedy="Check its name and that it is text.") from error
