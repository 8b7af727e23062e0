"""Quantities are found under every alias, in every unit, and what is not a measurement is missing."""

import numpy as np
import pytest
from astropy.table import Table

from core.catalog.columns import match_columns, measured, plain
from core.catalog.quantities import NO_ID, QUANTITIES
from core.catalog.recipe import Recipe
from core.catalog.tables.table import Table as OpenTable
from core.errors import CatalogError


def open_table(tmp_path, columns, units=None):
    def chunks(names, integers):
        yield {name: columns[name] for name in names}

    return OpenTable(tmp_path / "x.fits", "FITS", tuple(columns), chunks, units=units or {})


def values_of(tmp_path, name, column, values, *, unit="", recipe=None):
    """The quantity ``name`` of a table with one column."""
    table = open_table(tmp_path, {column: values}, {column: unit} if unit else {})
    match = match_columns(table, recipe or Recipe(), [name])[name]
    return measured(next(table.chunks([column], set())), match, table, 100)


@pytest.mark.parametrize("name", QUANTITIES)
def test_aliases_find_their_quantity(name, tmp_path):
    for alias in (name, *QUANTITIES[name].aliases):
        table = open_table(tmp_path, {alias.upper(): np.zeros(1)}, {alias.upper(): QUANTITIES[name].unit})
        assert match_columns(table, Recipe(), [name])[name].column == alias.upper()


def test_no_alias_has_two_meanings():
    words = [word for q in QUANTITIES.values() for word in (q.name, *q.aliases)]
    assert len(words) == len(set(words))
    assert all(word == plain(word) for word in words)


def test_name_before_alias(tmp_path):
    table = open_table(tmp_path, {"ra_j2000": np.zeros(1), "RA": np.zeros(1), "source_id": np.zeros(1)})
    assert match_columns(table, Recipe(), ["ra"])["ra"].column == "RA"


@pytest.mark.parametrize("columns", [("ra", "ra"), ("Ra", "RA")])
def test_two_columns_of_one_name(columns, tmp_path):
    table = OpenTable(tmp_path / "x.csv", "CSV", columns, lambda names, integers: iter([]))
    with pytest.raises(CatalogError, match="2 columns of this name"):
        match_columns(table, Recipe(), ["ra"])


@pytest.mark.parametrize(
    ("name", "unit", "value", "expected"),
    [
        ("ra", "rad", np.pi, 180.0),
        ("ra", "hourangle", 6.0, 90.0),
        ("ra", "degrees", 6.0, 6.0),
        ("dec", "arcmin", 60.0, 1.0),
        ("parallax", "arcsec", 0.5, 500.0),
        ("parallax_error", "uas", 20.0, 0.02),
        ("pmra", "deg/yr", 1e-6, 3.6),
        ("pmra", "MAS/YR", 3.0, 3.0),
        ("pmdec", "mas.yr**-1", 3.0, 3.0),
        ("radial_velocity", "m/s", 1500.0, 1.5),
        ("distance", "pc", 250.0, 0.25),
        ("distance", "lyr", 1000.0, 0.3066),
        ("x", "pc", 1000.0, 1.0),
        ("ra_dec_corr", "%", 50.0, 0.5),
        ("phot_g_mean_mag", "mag", 5.0, 5.0),
    ],
)
def test_units(name, unit, value, expected, tmp_path):
    for recipe, said in ((None, unit), (Recipe(units={name: unit.lower().replace("degrees", "deg")}), "")):
        seen = values_of(tmp_path, name, name, np.array([value]), unit=said, recipe=recipe)
        assert seen[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "unit", "message"),
    [
        ("parallax", "kpc", "its unit is 'kpc'; expected mas"),
        ("ra", "h", "its unit is 'h'; expected deg"),
        ("pmra", "mas", "its unit is 'mas'; expected mas/yr"),
        ("radial_velocity", "furlongs", "its unit is 'furlongs'; expected km/s"),
        ("ruwe", "mas", "its unit is 'mas'; expected a pure number"),
    ],
)
def test_wrong_units_are_named(name, unit, message, tmp_path):
    with pytest.raises(CatalogError) as caught:
        values_of(tmp_path, name, name, np.zeros(1), unit=unit)
    assert f"x.fits: column {name!r}: {message}" in str(caught.value)


def test_distance_needs_a_unit(tmp_path):
    with pytest.raises(CatalogError, match=r"column 'dist'.*does not say its unit"):
        values_of(tmp_path, "distance", "dist", np.zeros(1))


def test_file_and_recipe_must_agree(tmp_path):
    with pytest.raises(CatalogError, match=r"'mas' in the file and 'arcsec' in the recipe"):
        values_of(
            tmp_path,
            "parallax",
            "parallax",
            np.zeros(1),
            unit="mas",
            recipe=Recipe(units={"parallax": "arcsec"}),
        )
    recipe = Recipe(units={"parallax": "arcsec"})
    seen = values_of(tmp_path, "parallax", "plx", np.ones(1), unit="Angle[arcsec]", recipe=recipe)
    assert seen[0] == pytest.approx(1000)


def test_recipe_names_and_leaves_out(tmp_path):
    table = open_table(tmp_path, {"ra": np.zeros(1), "RA_gaia": np.ones(1)})
    assert match_columns(table, Recipe(columns={"ra": "ra_GAIA"}), ["ra"])["ra"].column == "RA_gaia"
    assert match_columns(table, Recipe(columns={"ra": ""}), ["ra"]) == {}
    with pytest.raises(CatalogError, match=r"column 'ra_gaja': .*Did you mean 'RA_gaia'"):
        match_columns(table, Recipe(columns={"ra": "ra_gaja"}), ["ra"])


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf, 1e20, -1e30, 1e38, -99.0, -999.0, -9999.0, np.ma.masked])
@pytest.mark.parametrize("kind", [np.float32, ">f8"])
def test_sentinels_are_missing(missing, kind, tmp_path):
    values = np.ma.array([12.5, 0.0], dtype=kind)
    values[1] = missing
    seen = values_of(tmp_path, "radial_velocity", "rv", values, unit="m/s")
    assert seen.dtype == np.float64
    assert seen[0] == pytest.approx(0.0125)
    assert np.isnan(seen[1])


def test_negative_errors_are_missing(tmp_path):
    seen = values_of(tmp_path, "parallax_error", "e_plx", np.array([-1.0, 0.0, 0.02]))
    np.testing.assert_array_equal(seen, [np.nan, 0.0, 0.02])


@pytest.mark.parametrize(
    ("name", "value"), [("ra", 360.5), ("ra", -0.1), ("dec", 91.0), ("dec", -90.01), ("pmra_pmdec_corr", 1.2)]
)
def test_values_out_of_range_name_their_row(name, value, tmp_path):
    with pytest.raises(CatalogError) as caught:
        values_of(tmp_path, name, name, np.array([0.0, 0.5, value, value]))
    assert f"column {name!r}: row 103: {value:g}" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([2**62 + 1, -5]), [2**62 + 1, -5]),
        (np.array([2**62 + 1], ">i8"), [2**62 + 1]),
        (np.array([2**62 + 1], np.uint64), [2**62 + 1]),
        (np.array([7], np.int16), [7]),
        (np.array([2.0**53, np.nan]), [2**53, NO_ID]),
        (np.ma.masked_array([2**62 + 1, 0], [False, True]), [2**62 + 1, NO_ID]),
    ],
)
def test_identifiers_are_exact(values, expected, tmp_path):
    seen = values_of(tmp_path, "source_id", "gaia_dr2_id", values)
    assert seen.dtype == np.int64
    assert seen.tolist() == expected


@pytest.mark.parametrize(
    "values",
    [np.array([2.0**62]), np.array([2.0**25], np.float32), np.array([1.5]), np.array([2**63 + 1], np.uint64)],
)
def test_identifiers_that_lost_digits_are_refused(values, tmp_path):
    with pytest.raises(CatalogError, match="column 'source_id'"):
        values_of(tmp_path, "source_id", "source_id", values)


def test_table_of_astropy_is_not_ours():
    """The names of a hyphenated column become what an expression can hold."""
    assert [plain(n) for n in Table({"BP-RP": [1], " e_RV ": [1]}).colnames] == ["bp_rp", "e_rv"]
