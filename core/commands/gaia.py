"""``adql``, ``fetch``: the stars of a recipe from the Gaia archive."""

from pathlib import Path

import click

from core.commands.console import progress_bar, say
from core.errors import InputError


@click.command()
@click.argument("recipe")
def adql(recipe: str) -> None:
    """Print the query that fetches the columns and stars of RECIPE, a preset or a TOML file, from the Gaia archive.

    Cuts that ADQL cannot express are named in a comment and left to `ingest`, which applies all of the recipe anyway.
    """
    from core.catalog.gaia_query import gaia_query  # astropy takes half a second to import
    from core.catalog.recipe import load_recipe

    say(gaia_query(load_recipe(recipe)).adql().rstrip())


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write: .parquet.")
@click.option(
    "--parts", type=click.IntRange(1, 1000), default=20, show_default=True, help="Number of queries to fetch it with."
)
def fetch(recipe: str, out: Path, parts: int) -> None:
    """Fetch the stars of RECIPE from the Gaia archive, in parts; given again, it goes on where it was broken off.

    Needs the extra `gaia` (pip install '.[gaia]'). Read the file with `deep-potential ingest FILE --recipe RECIPE`.
    """
    from core.catalog.gaia_fetch import fetch as fetch_parts  # as above
    from core.catalog.gaia_fetch import gaia_archive
    from core.catalog.gaia_query import gaia_query
    from core.catalog.recipe import load_recipe

    if out.suffix.lower() != ".parquet":
        raise InputError(
            f"cannot write a file of the kind {out.suffix!r}", file=out, remedy="End its name with .parquet."
        )
    query = gaia_query(load_recipe(recipe))
    with progress_bar(f"{recipe} from the Gaia archive") as tick:
        stars = fetch_parts(query, out, parts, gaia_archive(), tick)
    say(f"{out}: {stars:,} stars; next: deep-potential ingest {out} --recipe {recipe}")
