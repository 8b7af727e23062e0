"""``pack``, ``unpack``: runs from one machine to another."""

import json
from pathlib import Path

import click

from core.commands.console import json_option, progress_bar, runs_option, say
from core.errors import UnknownRunError
from core.jobs.ownership import refuse_owned
from core.runs.registry import find_own_run, runs_root


@click.command()
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write: .tar.")
@click.option("--with-catalogue", is_flag=True, help="Put its stars in as well, so that it can go on elsewhere.")
@runs_option
def pack(run: str, out: Path, with_catalogue: bool, runs: str | None) -> None:
    """Write RUN as one file for another machine, with a SHA-256 of everything in it. Stop it first if it is running."""
    from core.catalog.resolve import open_catalogue  # astropy takes half a second to import
    from core.runs.packing import write_pack

    found = find_own_run(run, runs_root(runs))
    refuse_owned(found)
    stars = found.manifest.catalogue
    with progress_bar(f"packing {found.manifest.name}") as tick:
        contents = write_pack(found, out, open_catalogue(stars.id) if with_catalogue else None, tick)
    say(f"{out}: {len(contents.files)} files, {contents.size / 1e6:,.1f} MB, with a SHA-256 of each")
    if not with_catalogue:
        say(f"without the catalogue {stars.name} ({stars.id}); --with-catalogue puts it in")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@runs_option
def unpack(file: Path, as_json: bool, runs: str | None) -> None:
    """Make the run of a pack appear here, once every file in it has the SHA-256 that it should have."""
    from core.catalog.resolve import open_catalogue  # as above
    from core.catalog.store import CatalogueStore
    from core.runs.unpacking import unpack as take_out

    with progress_bar(f"unpacking {file.name}") as tick:
        run, contents = take_out(file, runs_root(runs), CatalogueStore.default(), tick)
    stars, here = run.manifest.catalogue, True
    try:
        open_catalogue(stars.id)
    except UnknownRunError:
        here = False
    if as_json:
        say(json.dumps({"id": run.id, "path": str(run.path), "catalogue": stars.id, "catalogue_is_here": here}))
        return
    say(f"run {run.path}: {len(contents.files)} files, all as they were packed")
    if not here:
        say(
            f"its catalogue {stars.name} ({stars.id}) is not here: it cannot go on, and no page shows its stars. "
            "Ingest the same file with the same recipe, or pack it again --with-catalogue."
        )
