"""``evaluate``, ``sample``, ``scalars``, ``report``: what is read off a finished run."""

import json
from pathlib import Path

import click

from core.commands.console import json_option, runs_option, say
from core.runs.registry import find_run, runs_root


@click.command()
@click.argument("run")
@click.option("--at", "points", type=click.Path(path_type=Path), required=True, help=".npz with w (n, 6) or x (n, 3).")
@click.option("--out", type=click.Path(path_type=Path), required=True, help=".npz to write.")
@runs_option
def evaluate(run: str, points: Path, out: Path, runs: str | None) -> None:
    """Evaluate ln f, scores, potential, acceleration and density of RUN at points."""
    from core.diagnostics.evaluation import evaluate_run, read_points  # JAX takes a second to import
    from core.runs.artifacts import write_npz

    found = find_run(run, runs_root(runs))
    w, has_velocity = read_points(points)
    how = found.manifest.config.flow.combination
    write_npz(out, evaluate_run(found.flow, found.potential, w, has_velocity=has_velocity, combination=how))
    say(f"{out}: {len(w):,} points")


@click.command()
@click.argument("run")
@click.option("--n", type=click.IntRange(1), required=True, help="Number of stars.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Catalogue to write: .parquet or .fits.")
@runs_option
def sample(run: str, n: int, seed: int, out: Path, runs: str | None) -> None:
    """Draw stars from the fitted distribution function of RUN."""
    import jax  # takes a second to import

    from core.catalog.files import write_catalogue

    found = find_run(run, runs_root(runs))
    w = found.flow.sample(jax.random.key(seed), n)
    columns = dict(zip(("x", "y", "z", "vx", "vy", "vz"), w.T, strict=True))
    metadata = {
        "name": f"{found.manifest.name} drawn",
        "synthetic": True,
        "region": found.flow.region.to_json(),
        "frame": found.manifest.config.potential.frame,
        "provenance": {"run": found.id, "seed": seed},
    }
    write_catalogue(out, columns, metadata)
    say(f"{out}: {n:,} stars")


@click.command()
@click.argument("run")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--latex", "as_latex", is_flag=True, help="Print a LaTeX table.")
@runs_option
def scalars(run: str, as_json: bool, as_csv: bool, as_latex: bool, runs: str | None) -> None:
    """Print the scalars of RUN: best estimate, and median with its 16–84 % interval for each pipeline."""
    from core.diagnostics import scalar_tables
    from core.runs.readings import speed_profile, steadiness

    if as_json + as_csv + as_latex > 1:
        raise click.UsageError("Choose one of --json, --csv and --latex.")
    found = find_run(run, runs_root(runs))
    document = found.scalars
    if as_json:
        say(json.dumps(document))
    elif as_csv:
        say(scalar_tables.csv(document))
    elif as_latex:
        say(scalar_tables.latex(document))
    else:
        say(scalar_tables.plain(document))
        if profile := speed_profile(found):
            say(profile.sentence(document.get("pattern_speed", {}).get("mean_angular_speed")))
        if steady := steadiness(found):
            say(f"stationarity: {steady.sentence}")


@click.command()
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="HTML file to write.")
@runs_option
def report(run: str, out: Path, runs: str | None) -> None:
    """Write RUN as one self-contained page: provenance, trust, scalars, profiles, slices, maps of the stars."""
    from core.export.report import write_report  # JAX takes a second to import

    write_report(find_run(run, runs_root(runs)), out)
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
