"""``evaluate``, ``sample``, ``scalars``, ``report``: what is read off a finished run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.baryons.choice import with_content
from core.commands.console import json_option, runs_option, say
from core.runs.registry import Run, find_run, runs_root
from core.settings import parse_assignment

if TYPE_CHECKING:  # JAX takes a second to import
    from core.diagnostics.averaging import Averaging


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
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Average anew with another setting, as in scalars.outer=0.6 or scalars.baryons=mckee2015 (or FILE.toml).",
)
@click.option(
    "--volume",
    "volumes",
    multiple=True,
    metavar="[NAME:]EXPR",
    help="Average over a volume of your own as well, as in 'thin: abs(Z) < 0.1 & r < 0.5'.",
)
@runs_option
def scalars(
    run: str,
    as_json: bool,
    as_csv: bool,
    as_latex: bool,
    assignments: tuple[str, ...],
    volumes: tuple[str, ...],
    runs: str | None,
) -> None:
    """Print the scalars of RUN: best estimate, and median with its 16–84 % interval for each pipeline.

    With --set or --volume they are averaged anew from its potentials; the run itself stays as it is.
    """
    from core.diagnostics import scalar_tables
    from core.diagnostics.averaging import from_options
    from core.runs.readings import speed_profile, steadiness

    if as_json + as_csv + as_latex > 1:
        raise click.UsageError("Choose one of --json, --csv and --latex.")
    found = find_run(run, runs_root(runs))
    averaging = from_options(with_content(dict(map(parse_assignment, assignments))), volumes)
    document = found.scalars if averaging.is_of_run else _averaged_anew(found, averaging)
    if as_json:
        say(json.dumps(document))
    elif as_csv:
        say(scalar_tables.csv(document))
    elif as_latex:
        say(scalar_tables.latex(document))
    else:
        say(scalar_tables.plain(document))
        if not averaging.is_of_run:
            say(f"averaged anew, the run itself is unchanged: {'; '.join(averaging.words())}")
        if profile := speed_profile(found):
            say(profile.sentence(document.get("pattern_speed", {}).get("mean_angular_speed")))
        if steady := steadiness(found):
            say(f"stationarity: {steady.sentence}")


def _averaged_anew(run: Run, averaging: "Averaging") -> dict[str, Any]:
    from core.catalog.resolve import open_catalogue  # astropy takes half a second to import
    from core.runs.readings import scalars  # JAX takes a second to import

    reference = run.manifest.catalogue
    # Only a mock's stars know the truth.
    return scalars(run, open_catalogue(reference.id) if reference.synthetic else None, averaging)


@click.command()
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="HTML file to write.")
@runs_option
def report(run: str, out: Path, runs: str | None) -> None:
    """Write RUN as one self-contained page: provenance, trust, scalars, profiles, slices, maps of the stars."""
    from core.export.report import write_report  # JAX takes a second to import

    write_report(find_run(run, runs_root(runs)), out)
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
