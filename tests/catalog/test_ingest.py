"""A file becomes a catalogue: which stars stay, how they are counted, and what is refused."""

import hashlib

import numpy as np
import pytest

from core.catalog.cuts import Cut
from core.catalog.files import write_catalogue
from core.catalog.ingest import ingest
from core.catalog.quantities import CARTESIAN
from core.catalog.recipe import Recipe, load_recipe, parse_recipe
from core.errors import CatalogError, ConfigError, InputError
from core.phase_space.region import Everything, Shell


@pytest.fixture
def csv(tmp_path):
    """Writes columns as the CSV file that the tests below read."""

    def write(columns, name="stars.csv"):
        rows = zip(*(columns[c] for c in columns), strict=True)
        lines = [",".join(columns), *(",".join("" if v is None else str(v) for v in row) for row in rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path / name

    return write


def steps(catalogue):
    return {s.label: s.survivors for s in catalogue.cut_flow.steps}


def test_general_recipe_counts_what_is_missing(gaia, csv, store):
    gaia["pmra"][:2] = np.nan
    gaia["radial_velocity"][2:5] = -999
    gaia["radial_velocity"][0] = -99
    gaia["parallax"][5:7] = [-0.5, 0.0]
    catalogue = ingest(csv(gaia), store=store)
    assert steps(catalogue) == {
        "read": 40,
        "astrometry present": 38,
        "radial velocity present": 35,
        "parallax > 0": 33,
    }
    assert catalogue.region == Everything()
    assert catalogue.column("source_id").tolist() == gaia["source_id"][7:].tolist()
    assert (catalogue.name, catalogue.frame, catalogue.synthetic, catalogue.truth) == (
        "stars",
        "rotating",
        False,
        None,
    )


def test_preset_in_order(gaia, csv, store):
    gaia["parallax_error"][:4] = gaia["parallax"][:4] / 8
    gaia["ruwe"][3:9] = 1.5
    catalogue = ingest(csv(gaia), "gaia-dr3-rvs", store=store)
    inside = 1 / (gaia["parallax"][9:] + 0.017) <= 1
    assert list(steps(catalogue).items())[3:] == [
        ("parallax > 0", 40),
        ("parallax/error > 10", 36),
        ("ruwe < 1.4", 31),
        ("r < 1 kpc", inside.sum()),
    ]
    assert catalogue.region == Shell(1.0)
    assert catalogue.record["recipe"] == load_recipe("gaia-dr3-rvs").to_json()


def test_upper_main_sequence(gaia, csv, store):
    """Stars of known type: A0 V, F0 V, the Sun, a red giant, a white dwarf, a hot subdwarf."""
    kinds = {
        "A0V": (0.0, 1.1),
        "F0V": (0.4, 2.6),
        "Sun": (0.82, 4.67),
        "giant": (1.3, 0.7),
        "white dwarf": (0.3, 12.0),
        "subdwarf": (-0.25, 4.2),
    }
    columns = {name: values[: len(kinds)] for name, values in gaia.items()}
    colour, absolute = np.array(list(kinds.values())).T
    columns["bp_rp"] = colour
    columns["phot_g_mean_mag"] = absolute + 10 - 5 * np.log10(columns["parallax"])
    columns["source_id"] = np.arange(len(kinds))
    catalogue = ingest(csv(columns), "gaia-dr3-upper-main-sequence", store=store)
    assert [list(kinds)[i] for i in catalogue.column("source_id")] == ["A0V", "F0V"]


def test_zero_point_moves_the_stars(gaia, csv, store):
    plain = ingest(csv(gaia), store=store)
    shifted = ingest(csv(gaia), parse_recipe("[distance]\nzero_point = -0.5"), store=store)
    np.testing.assert_allclose(shifted.column("parallax"), gaia["parallax"] + 0.5, rtol=1e-6)
    assert (np.linalg.norm(shifted.sample().w[:, :3], axis=1) < np.linalg.norm(plain.sample().w[:, :3], axis=1)).all()


def test_distance_column(gaia, w, csv, store):
    gaia["r_med_geo"] = 1000 / gaia["parallax"]
    gaia["r_med_geo"][0] = -1
    gaia["parallax"][:] = -1.0
    text = """
    distance = {method = "column"}
    columns = {distance = "r_med_geo"}
    units = {distance = "pc"}
    cuts = [{keep = "distance < 0.5"}]
    """
    catalogue = ingest(csv(gaia), parse_recipe(text), store=store)
    near = np.linalg.norm(w[:, :3], axis=1) < 0.5
    near[0] = False
    assert list(steps(catalogue))[3] == "distance > 0"
    np.testing.assert_allclose(catalogue.sample().w, w[near], rtol=2e-5, atol=2e-5)


def test_cartesian_is_detected(w, csv, store):
    columns = {name: w[:, i].copy() for i, name in enumerate(CARTESIAN)} | {
        "group": np.arange(40) % 7,
        "age": w[:, 0],
    }
    columns["vy"][3] = np.inf
    catalogue = ingest(csv(columns), Recipe(cuts=(Cut("a", "age > -99"),)), store=store)
    assert steps(catalogue) == {"read": 40, "all six coordinates present": 39, "a": 39}
    kept = np.arange(40) != 3
    np.testing.assert_array_equal(catalogue.sample().w, w[kept].astype(np.float32))
    assert catalogue.sample().group.tolist() == columns["group"][kept].tolist()


def test_sky_before_cartesian_of_unknown_origin(gaia, w, csv, store):
    """Published tables often hold Galactocentric x, y, z and text in ``group`` beside the sky."""
    extra = {name: w[:, i] + 8 for i, name in enumerate(CARTESIAN)} | {"group": ["Hyades"] * 40}
    catalogue = ingest(csv(gaia | extra), store=store)
    np.testing.assert_allclose(catalogue.sample().w, w, rtol=2e-5, atol=2e-5)
    assert not catalogue.has("group")


def test_volume_narrows_the_volume_of_a_mock(w, tmp_path, store):
    columns = {name: w[:, i] for i, name in enumerate(CARTESIAN)}
    write_catalogue(tmp_path / "m.parquet", columns, {"region": Shell(0.7).to_json()})
    catalogue = ingest(tmp_path / "m.parquet", Recipe(volume=Shell(0.4)), store=store)
    assert catalogue.region == Shell(0.7) & Shell(0.4)
    assert catalogue.n == (np.linalg.norm(w[:, :3], axis=1) <= 0.4).sum()
    same = ingest(tmp_path / "m.parquet", Recipe(volume=Shell(0.7)), store=store)
    assert same.region == Shell(0.7)


def test_every_star_is_inside_the_stored_volume(tmp_path, store):
    """The volume decides on the rounded w that is stored: no star lies outside the support of n(x)."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(5000, 3))
    x = direction / np.linalg.norm(direction, axis=1)[:, None]
    columns = {name: np.concatenate([x, x], 1)[:, i] for i, name in enumerate(CARTESIAN)}
    write_catalogue(tmp_path / "m.parquet", columns, {"region": Shell(1.0).to_json()})
    catalogue = ingest(tmp_path / "m.parquet", store=store)
    assert 0 < catalogue.n < 5000
    assert len(catalogue.sample(Shell(1.0))) == catalogue.n


def test_optional_cut_is_shown_as_skipped(gaia, csv, store):
    del gaia["ruwe"]
    catalogue = ingest(csv(gaia), "gaia-dr3-rvs", store=store)
    assert steps(catalogue)["ruwe < 1.4"] is None
    assert "ruwe < 1.4 skipped (no column ruwe)" in str(catalogue.cut_flow)


def test_cuts_on_columns_of_the_file(gaia, csv, store):
    gaia["Rv-Nb"] = np.arange(40)
    catalogue = ingest(csv(gaia), Recipe(cuts=(Cut("visits", "rv_nb >= 10"),)), store=store)
    assert steps(catalogue)["visits"] == 30
    assert not catalogue.has("rv_nb")


def test_same_file_again_is_the_same_catalogue(gaia, csv, store):
    first = ingest(csv(gaia), "gaia-dr3-rvs", name="one", store=store)
    before = {p: p.stat().st_mtime_ns for p in store.root.rglob("*")}
    assert ingest(csv(gaia), "gaia-dr3-rvs", name="one", store=store) == first
    assert {p: p.stat().st_mtime_ns for p in store.root.rglob("*")} == before
    assert first.record["source"]["sha256"] == hashlib.sha256(csv(gaia).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("file", "name"),
    [("gaia.dr3.csv", "gaia.dr3"), ("a\tb.csv", "a_b"), ("x" * 200 + ".csv", "x" * 100), (" .csv", "stars")],
)
def test_name_of_the_file(file, name, gaia, csv, store):
    assert ingest(csv(gaia, file), store=store).name == name


def test_resampling_a_catalogue(gaia, csv, w, store):
    catalogue = ingest(csv(gaia), "gaia-dr3-rvs", store=store)
    drawn = catalogue.resampled(np.random.default_rng(0))
    assert len(drawn) == catalogue.n
    assert drawn.region == Shell(1.0)
    assert (np.linalg.norm(drawn.w[:, :3], axis=1) <= 1).all()
    near = catalogue.resampled(np.random.default_rng(0), Shell(0.5))
    assert near.region == Shell(1.0) & Shell(0.5)
    assert len(near) == (np.linalg.norm(drawn.w[:, :3], axis=1) <= 0.5).sum()


def without(name):
    def change(columns):
        del columns[name]

    return change


def renamed(name, other):
    def change(columns):
        columns[other] = columns.pop(name)

    return change


def replaced(name, row, value):
    def change(columns):
        columns[name] = [*columns[name][:row], value, *columns[name][row + 1 :]]

    return change


BY_COLUMN = '[distance]\nmethod = "column"'

BAD = {
    "no column": (without("dec"), None, ["column 'dec'", "Name it in a recipe"]),
    "misspelt column": (renamed("pmdec", "pmdecc"), None, ["column 'pmdec'", "Did you mean 'pmdecc'?"]),
    "cartesian without vz": (renamed("ra", "x"), "cartesian", ["column 'y'"]),
    "text for a number": (
        replaced("parallax", 4, "abc"),
        None,
        ["column 'parallax'", "line 6", "'abc' is not a number"],
    ),
    "id with a point": (
        replaced("source_id", 4, "3.4e18"),
        None,
        ["column 'source_id'", "line 6", "whole number"],
    ),
    "ra out of range": (replaced("ra", 2, 400.0), None, ["column 'ra'", "row 3", "400"]),
    "dec out of range": (replaced("dec", 2, -91.0), None, ["column 'dec'", "row 3", "-91"]),
    "no velocity": (
        lambda c: c.update(radial_velocity=[None] * 40),
        None,
        ["column 'radial_velocity'", "none of the 40 rows", "IS NOT NULL"],
    ),
    "no parallax above 0": (lambda c: c.update(parallax=-c["parallax"]), None, ["'parallax > 0'"]),
    "none after a cut": (
        lambda c: c.update(ruwe=c["ruwe"] + 5),
        "gaia-dr3-rvs",
        ["'ruwe < 1.4'", "Relax this cut"],
    ),
    "none in the volume": (
        lambda c: c.update(parallax=c["parallax"] * 1e-3, parallax_error=c["parallax"] * 1e-5),
        "gaia-dr3-rvs",
        ["'r < 1 kpc'"],
    ),
    "cut on a misspelt column": (
        lambda c: None,
        '[[cuts]]\nkeep = "ruwee < 1"',
        ["column 'ruwee'", "Did you mean 'ruwe'?"],
    ),
    "cut on text": (
        lambda c: c.update(kind=["G2V"] * 40),
        '[[cuts]]\nkeep = "kind > 1"',
        ["column 'kind'", "'G2V' is not a number"],
    ),
    "recipe names no column": (
        lambda c: None,
        '[columns]\nra = "raa"',
        ["column 'raa'", "Did you mean 'ra'?"],
    ),
    "distance without unit": (
        lambda c: c.update(distance=1 / c["parallax"]),
        BY_COLUMN,
        ["column 'distance'", "does not say its unit"],
    ),
    "distance of nowhere": (lambda c: None, BY_COLUMN, ["column 'distance'", "no such column"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, gaia, csv, store):
    change, recipe, fragments = BAD[case]
    change(gaia)
    if recipe and "\n" in recipe:
        recipe = parse_recipe(recipe)
    with pytest.raises(CatalogError) as caught:
        ingest(csv(gaia), recipe, store=store)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    for fragment in ["stars.csv", *fragments]:
        assert fragment in str(caught.value).replace("\u202f", " ")
    assert not list(store.root.rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"recipe": "gaia-dr3-rv"}, ConfigError),
        ({"recipe": "nowhere.toml"}, ConfigError),
        ({"name": "../x"}, CatalogError),
        ({"name": ""}, CatalogError),
    ],
)
def test_bad_arguments(arguments, error, gaia, csv, store):
    with pytest.raises(error) as caught:
        ingest(csv(gaia), store=store, **arguments)
    assert isinstance(caught.value, InputError)
    assert not list(store.root.rglob("*"))


def test_memory_error_is_explained(gaia, csv, store, monkeypatch):
    def hungry(*_):
        raise MemoryError

    monkeypatch.setattr("core.catalog.ingest.read_selected", hungry)
    with pytest.raises(CatalogError, match=r"stars\.csv: it does not fit in the memory"):
        ingest(csv(gaia), store=store)
