"""``mock``, ``ingest``, ``catalogues``: where stars come from."""

import json
from pathlib import Path

import click
import numpy as np

from core.commands.console import json_option, progress_bar, say
from core.settings import parse_assignment


@click.command()
@click.argument("name")
@click.option("--stars", type=click.IntRange(1), default=100_000, show_default=True, help="Number of stars.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draw.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Catalogue to write: .parquet or .fits.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A parameter of the mock.")
@click.option("--errors", is_flag=True, help="Write what Gaia would measure, with its errors, instead of x and v.")
@click.option("--holes", type=click.IntRange(0, 400), default=0, help="Number of dust holes: cones without stars.")
def mock(name: str, stars: int, seed: int, out: Path, assignments: tuple[str, ...], errors: bool, holes: int) -> None:
    """Write a mock catalogue with known truth: plummer, freeman, slab-spiral, shu-disc, disc-spiral or disc-bar."""
    from core.jobs.mock import (
        write_mock,
    )  # JAX takes a second to import: other commands should not wait for it

    overrides = {"observation.holes": holes, **dict(parse_assignment(a) for a in assignments)}
    with progress_bar(f"{name}, {stars:,} stars") as tick:
        truth = write_mock(name, overrides, stars=stars, seed=seed, out=out, errors=errors, progress=tick)
    say(f"{out}: {stars:,} stars, truth in {out}.truth.json")
    if truth.get("stationarity"):
        say(f"early against late half of the recording: {json.dumps(truth['stationarity'])}")


@click.command()
@click.argument("file")
@click.option("--recipe", help="A preset (gaia-dr3-rvs, gaia-dr3-upper-main-sequence, cartesian) or a TOML file.")
@click.option("--name", help="Name of the catalogue; by default the file's own.")
@json_option
def ingest(file: str, recipe: str | None, name: str | None, as_json: bool) -> None:
    """Read a catalogue (FITS, VOTable, ECSV, CSV, parquet, HDF5), apply its recipe and store it."""
    from core.catalog.guarded import read_guarded  # astropy takes half a second to import

    catalogue = read_guarded(file, recipe, name=name)
    if as_json:
        cut_flow = catalogue.cut_flow.to_json()
        say(json.dumps({"id": catalogue.id, "name": catalogue.name, "stars": len(catalogue), "cut_flow": cut_flow}))
        return
    say(catalogue.cut_flow.table())
    say(str(catalogue.cut_flow))
    w = catalogue.sample().w
    low, medians, high = np.percentile(w[:, 3:], [16, 50, 84], axis=0)
    for axis, median, width in zip("UVW", medians, (high - low) / 2, strict=True):
        say(f"{axis} median {median:8.1f}   half of the 16–84 % range {width:6.1f} km/s")
    say(f"catalogue {catalogue.id} ({catalogue.name}), {len(catalogue):,} stars in {catalogue.region}")


@click.command()
@json_option
def catalogues(as_json: bool) -> None:
    """List the stored catalogues, newest first."""
    from core.catalog.store import CatalogueStore  # as above

    found = CatalogueStore.default().list()
    rows = [
        {"id": c.id, "name": c.name, "stars": len(c), "region": str(c.region), "synthetic": c.synthetic} for c in found
    ]
    if as_json:
        say(json.dumps(rows))
    elif not rows:
        say("No catalogue is stored yet. Read one with: deep-potential ingest FILE")
    for row in rows if not as_json else []:
        kind = "synthetic" if row["synthetic"] else ""
        say(f"{row['id']}  {row['stars']:>12,}  {row['name']}  ({row['region']}) {kind}".rstrip())
