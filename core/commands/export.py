"""``export``: a fitted potential as a file that other codes load."""

import json
from pathlib import Path
from typing import Any

import click

from core.commands.console import json_option, runs_option, say
from core.runs.registry import find_run, runs_root

FORMATS = ("grid", "galpy", "gala", "agama")


@click.command()
@click.argument("run")
@click.option("--to", "target", type=click.Choice(FORMATS), required=True, help="Who is to read it.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write: .fits, .h5 or .hdf5.")
@click.option(
    "--spacing",
    type=click.FloatRange(0, min_open=True),
    metavar="KPC",
    help="Distance of the nodes in the plane; default: a twentieth of the radius of the volume.",
)
@json_option
@runs_option
def export(run: str, target: str, out: Path, spacing: float | None, as_json: bool, runs: str | None) -> None:
    """Write the potential of RUN for other codes, with its measured interpolation error.

    A grid holds the best estimate, its spreads and a mask of what to trust; the others a potential for orbits.
    """
    from core.export.files import check_target, write_tables  # JAX takes a second to import
    from core.export.tables import MAKERS

    check_target(out)
    tables = MAKERS[target](find_run(run, runs_root(runs)), spacing)
    write_tables(out, tables)
    if as_json:
        say(json.dumps({"file": str(out), "nodes": list(tables.inside.shape), **tables.metadata}))
        return
    say(f"{out}: {' × '.join(map(str, tables.inside.shape))} nodes, {tables.metadata['combination']}")
    say(f"interpolation: {_words(tables.metadata['interpolation_error'])} of the acceleration in the trusted volume")
    if "difference_from_best" in tables.metadata:
        say(f"from the best estimate, the median: {_words(tables.metadata['difference_from_best'])}")
        say(f"Load it with: from core.export.{target} import load; load({str(out)!r})")


def _words(error: dict[str, Any]) -> str:
    if error["median"] is None:
        return "error not measured"
    return f"error {error['median']:.1e} (median), {error['percentile_99']:.1e} (99 %)"
