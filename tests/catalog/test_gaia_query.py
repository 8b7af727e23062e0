"""The query of a recipe, asked of a small archive: ingest makes the same catalogue of the answer as of all stars."""

import re
import sqlite3
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, Table

from core.catalog import gaia_fetch
from core.catalog.adql import number
from core.catalog.astrometry import observables_of
from core.catalog.gaia_columns import DISTANCES, GAIA_SOURCE
from core.catalog.gaia_fetch import fetch
from core.catalog.gaia_query import SOURCES, gaia_query
from core.catalog.ingest import ingest
from core.catalog.presets import PRESETS
from core.catalog.quantities import CORRELATIONS
from core.catalog.recipe import load_recipe, parse_recipe
from core.catalog.selection import plan_selection
from core.catalog.tables.opening import open_table
from core.errors import ConfigError, InputError

OF_THE_SKY = [name for name in PRESETS if name.startswith("gaia")]
FIRST_ID = 3393284752392701313
RECIPES = {
    **{name: PRESETS[name] for name in OF_THE_SKY},
    "distances of others": """
        coordinates = "astrometric"
        columns = { distance = "r_med_geo" }
        units = { distance = "pc" }
        distance = { method = "column" }
        cuts = [{ keep = "distance < 0.7 & abs(parallax * distance - 1) < 0.5" }]
        volume = { radius = 0.6 }
    """,
    "all that can be said": """
        cuts = [
            { keep = "bp_rp**2 - 1.5 < 1e-3 | sqrt(g_rp) < 0.7" },
            { keep = "distance < 0.9 & -5 < hypot(pmra, pmdec) - 2 < 400" },
            { keep = "log10(phot_g_mean_mag) + 0 * log(parallax) >= 0.9" },
        ]
        volume = { expression = "abs(x) < 0.5 & abs(y) < 0.5 & abs(z) < 0.4" }
    """,
    "what cannot be said": """
        cuts = [
            { keep = "~(bp_rp > 1) & ruwe < 1.35" },
            { keep = "phot_variable_flag_of_mine > 1", optional = true },
            { keep = "rv_nb_transits != 3 & minimum(ruwe, 2) < 1.3 & 1 / parallax < 0.8" },
        ]
    """,
}


def sky(count=4000):
    """Columns of a small archive: stars to 2 kpc, with values missing here and there and parallaxes below zero."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(count, 3))
    x *= (2 * rng.random(count) ** (1 / 3) / np.linalg.norm(x, axis=1))[:, None]
    seen = observables_of(np.concatenate([x, 30 * rng.normal(size=(count, 3))], 1))
    distance = seen.pop("distance")
    columns = {"source_id": FIRST_ID + 2 * np.arange(count), **seen}
    columns["random_index"] = np.linspace(0, SOURCES - 1, count).astype(np.int64)
    columns["parallax"] = seen["parallax"] - 0.017 + rng.normal(scale=0.1, size=count)
    for name in ("ra", "dec", "parallax", "pmra", "pmdec", "radial_velocity"):
        columns[f"{name}_error"] = rng.uniform(0.01, 0.2, count)
    columns |= {name: rng.uniform(-0.3, 0.3, count) for name in CORRELATIONS}
    columns |= {"phot_g_mean_mag": rng.uniform(4, 15, count), "bp_rp": rng.uniform(-0.5, 2, count)}
    columns |= {name: rng.uniform(6, 14, count) for name in ("phot_bp_mean_mag", "phot_rp_mean_mag")}
    columns |= {"ruwe": rng.uniform(0.9, 1.6, count), "g_rp": rng.uniform(-0.5, 1, count)}
    columns["rv_nb_transits"] = rng.integers(0, 9, count).astype(float)
    columns["r_med_geo"] = 1000 * distance
    for name in ("radial_velocity", "bp_rp", "ruwe", "pmra", "r_med_geo", "rv_nb_transits", "g_rp"):
        columns[name][rng.random(count) < 0.05] = np.nan
    return columns


@pytest.fixture
def archive():
    """Answers ADQL: SQLite with the tables of the archive and the functions of the language."""
    base = sqlite3.connect(":memory:")
    for name, function, count in (
        ("LOG10", np.log10, 1),
        ("LOG", np.log, 1),
        ("SQRT", np.sqrt, 1),
        ("SIN", np.sin, 1),
        ("COS", np.cos, 1),
    ):
        base.create_function(name, count, lambda x, f=function: None if x is None else float(f(x)))
    columns = sky()
    tables = {"gaiadr3.gaia_source": set(columns) - DISTANCES, "external.gaiaedr3_distance": {"source_id", "r_med_geo"}}
    for table, names in tables.items():
        listed = sorted(names)
        base.execute(f"ATTACH ':memory:' AS {table.split('.')[0]}")
        base.execute(f"CREATE TABLE {table} ({', '.join(listed)})")
        rows = zip(*(columns[name].tolist() for name in listed), strict=True)
        clean = ([None if v != v else v for v in row] for row in rows)
        base.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(listed))})", clean)

    def answer(query):
        found = base.execute(query)
        names, rows = [d[0].upper() for d in found.description], found.fetchall()
        made = {}
        for name, values in zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True):
            kind = np.int64 if name == "SOURCE_ID" else float
            data = np.array([0 if v is None else v for v in values], kind)
            made[name] = MaskedColumn(data, mask=[v is None for v in values])
        return Table(made)

    return answer


def fetched(name, tmp_path, archive, parts=3):
    recipe = parse_recipe(RECIPES[name], name="r")
    out = tmp_path / "stars.parquet"
    count = fetch(gaia_query(recipe), out, parts, archive, lambda fraction: None)
    assert count == pq.read_metadata(out).num_rows
    return recipe, out


@pytest.mark.parametrize("name", RECIPES)
def test_the_answer_makes_the_same_catalogue_as_all_stars(name, tmp_path, archive, store):
    recipe, out = fetched(name, tmp_path, archive)
    whole = tmp_path / "all.parquet"
    pq.write_table(pa.table(sky()), whole)
    mine, full = ingest(out, recipe, store=store), ingest(whole, recipe, store=store)
    assert len(full) > 15
    assert pq.read_metadata(out).num_rows < len(sky()["ra"])
    np.testing.assert_array_equal(mine.column("source_id"), full.column("source_id"))
    np.testing.assert_array_equal(mine.sample().w, full.sample().w)
    assert mine.column("source_id").dtype == np.int64
    assert not any(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", RECIPES)
def test_the_query_names_every_column_that_ingest_asks_for(name, tmp_path):
    recipe = parse_recipe(RECIPES[name], name="r")
    query = gaia_query(recipe)
    selected = re.findall(r"^  [gd]\.(\w+),?$", query.adql(), re.M)
    assert tuple(selected) == query.columns
    assert len(set(selected)) == len(selected)
    assert set(selected) <= GAIA_SOURCE | DISTANCES
    whole = tmp_path / "all.parquet"
    missing = {"phot_variable_flag_of_mine"}
    pq.write_table(pa.table({c: [1.0] for c in GAIA_SOURCE | DISTANCES - missing}), whole)
    with open_table(whole) as table:
        plan = plan_selection(table, recipe)
    asked = {match.column for match in plan.matches.values()} | set(plan.extra.values())
    assert asked <= set(selected)


@pytest.mark.parametrize("name", RECIPES)
def test_the_query_is_balanced_and_its_comments_are_comments(name):
    query = gaia_query(parse_recipe(RECIPES[name], name="a\n); DROP TABLE x"))
    text = query.adql((5, 9))
    comments, rest = [], []
    for line in text.splitlines():
        (comments if line.startswith("--") else rest).append(line)
    body = "\n".join(rest)
    assert body.count("(") == body.count(")")
    assert "--" not in body
    assert "DROP" not in body
    assert body.startswith("SELECT")
    assert body.endswith("g.random_index BETWEEN 5 AND 9")
    assert ("JOIN external" in body) == (name == "distances of others")


def test_what_adql_cannot_say_is_said_to_be_left():
    left = " ".join(gaia_query(parse_recipe(RECIPES["what cannot be said"])).left)
    for words in ("phot_variable_flag_of_mine", "not bp_rp > 1", "rv_nb_transits != 3", "minimum", "1 / parallax"):
        assert words in left
    adql = gaia_query(parse_recipe(RECIPES["what cannot be said"])).adql()
    assert "g.ruwe < 1.35" in adql


def test_what_the_archive_lacks_is_refused():
    with pytest.raises(ConfigError, match="does not have"):
        gaia_query(load_recipe("cartesian"))
    with pytest.raises(ConfigError, match=r"no column 'ruw'.*Did you mean 'ruwe'"):
        gaia_query(parse_recipe('cuts = [{ keep = "ruw < 1.4" }]'))
    with pytest.raises(ConfigError, match="r_med_geo"):
        gaia_query(parse_recipe('distance = { method = "column" }'))


@pytest.mark.parametrize("count", [1, 3, 20, 997])
def test_the_parts_hold_every_star_once(count):
    parts = gaia_query(load_recipe("gaia-dr3-rvs")).parts(count)
    assert len(parts) == count
    assert (parts[0][0], parts[-1][1]) == (0, SOURCES - 1)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(parts))


def test_a_broken_connection_costs_one_part(tmp_path, archive):
    asked = []

    def broken(query):
        asked.append(query)
        if len(asked) == 3:
            raise ConnectionResetError("connection reset")
        return archive(query)

    query, out = gaia_query(load_recipe("gaia-dr3-rvs")), tmp_path / "stars.parquet"
    with pytest.raises(InputError, match=r"no answer to part 3 of 5: connection reset.*kept") as caught:
        fetch(query, out, 5, broken, lambda fraction: None)
    assert caught.value.exit_code == 2
    assert not out.exists()
    fetch(query, out, 5, broken, lambda fraction: None)
    assert len(asked) == 6  # the two parts that were there are not asked for again
    again = tmp_path / "again.parquet"
    fetch(query, again, 5, archive, lambda fraction: None)
    assert pq.read_table(out) == pq.read_table(again)


def test_an_answer_that_may_have_been_cut_is_refused(tmp_path, archive, monkeypatch):
    monkeypatch.setattr(gaia_fetch, "MOST_ROWS", 10)
    with pytest.raises(InputError, match=r"may have been cut.*--parts"):
        fetch(gaia_query(load_recipe("gaia-dr3-rvs")), tmp_path / "s.parquet", 1, archive, lambda fraction: None)


def test_identifiers_that_lost_digits_are_refused(tmp_path, archive):
    def rounded(query):
        table = archive(query)
        table["SOURCE_ID"] = table["SOURCE_ID"].astype(float)
        return table

    with pytest.raises(InputError, match="loses digits"):
        fetch(gaia_query(load_recipe("gaia-dr3-rvs")), tmp_path / "s.parquet", 1, rounded, lambda fraction: None)


def test_numbers_below_zero_begin_no_comment():
    assert [number(v) for v in (-0.3, 0, 5, 1e-30)] == ["(-0.3)", "0.0", "5.0", "1e-30"]


def test_the_columns_are_those_of_the_archive(gaia_file):
    with open_table(gaia_file("gaia_source_dr3_1000.fits")) as table:
        assert {name.lower() for name in table.names} == GAIA_SOURCE
