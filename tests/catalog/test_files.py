"""Files we write carry what they are, whatever the words."""

import json

import hypothesis.strategies as st
import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from hypothesis import HealthCheck, given, settings

from core.catalog.files import read_metadata, write_catalogue
from core.catalog.ingest import ingest
from core.catalog.metadata import decode_metadata, encode_metadata
from core.catalog.quantities import CARTESIAN
from core.errors import CatalogError
from core.phase_space.region import Shell

KINDS = ["parquet", "fits"]
METADATA = {
    "name": "plummer",
    "synthetic": True,
    "region": Shell(0.5).to_json(),
    "frame": "inertial",
    "truth": {
        "pattern_speed": None,
        "scalars": {"density": np.float64(0.1)},
        "text": "it's 5' & more — Φ" * 20,
    },
    "provenance": {"seed": 3},
}


@pytest.fixture
def columns(w):
    return {name: w[:, i].astype(np.float32) for i, name in enumerate(CARTESIAN)} | {"group": np.arange(len(w))}


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind, columns, w, tmp_path, store):
    path = tmp_path / f"mock.{kind}"
    write_catalogue(path, columns, METADATA)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert read_metadata(path) == json.loads(encode_metadata(METADATA))
    catalogue = ingest(path, store=store)
    inside = np.linalg.norm(columns_of(columns), axis=1) <= 0.5
    assert 0 < inside.sum() < len(w)
    assert [(s.label, s.survivors) for s in catalogue.cut_flow.steps] == [
        ("read", 40),
        ("all six coordinates present", 40),
        ("r < 0.5 kpc", inside.sum()),
    ]
    assert (catalogue.name, catalogue.synthetic, catalogue.frame) == ("plummer", True, "inertial")
    assert catalogue.region == Shell(0.5)
    assert catalogue.truth == json.loads(encode_metadata(METADATA))["truth"]
    np.testing.assert_array_equal(catalogue.sample().group, columns["group"][inside])
    assert catalogue.record["source"]["provenance"] == {"seed": 3}


def columns_of(columns):
    return np.stack([columns[k] for k in "xyz"], 1)


def test_both_kinds_give_one_catalogue(columns, tmp_path, store):
    for kind in KINDS:
        write_catalogue(tmp_path / f"mock.{kind}", columns, METADATA)
    assert len({ingest(tmp_path / f"mock.{kind}", store=store).id for kind in KINDS}) == 1


def test_others_can_read_them(columns, tmp_path):
    for kind in KINDS:
        write_catalogue(tmp_path / f"mock.{kind}", columns, METADATA)
    table = Table.read(tmp_path / "mock.fits", format="fits")
    assert str(table["vx"].unit) == "km / s"
    np.testing.assert_array_equal(table["x"], columns["x"])
    np.testing.assert_array_equal(pq.read_table(tmp_path / "mock.parquet")["x"].to_numpy(), columns["x"])


def test_floats_compress_by_their_bytes(columns, tmp_path):
    write_catalogue(tmp_path / "mock.parquet", columns, METADATA)
    column = pq.ParquetFile(tmp_path / "mock.parquet").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert "BYTE_STREAM_SPLIT" in column.encodings


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(), json_values))
def test_any_words_survive_a_fits_header(tmp_path, truth):
    path = tmp_path / "x.fits"
    write_catalogue(path, {"x": np.zeros(1)}, {"truth": truth})
    assert read_metadata(path)["truth"] == truth


def test_files_of_others_have_no_metadata(columns, tmp_path):
    Table(columns).write(tmp_path / "x.fits", format="fits")
    assert read_metadata(tmp_path / "x.fits") is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"frame": "turning"}',
        '{"name": 3}',
        '{"synthetic": 1}',
        '{"truth": 3}',
        '{"region": {"kind": "x"}}',
        '{"region": 3}',
    ],
)
def test_malformed_metadata(text, tmp_path):
    with pytest.raises(CatalogError, match=r"x\.fits: the metadata 'deep_potential' is malformed"):
        decode_metadata(text, tmp_path / "x.fits")


def test_suffix_and_failure(columns, tmp_path):
    with pytest.raises(CatalogError, match=r"parquet or \.fits"):
        write_catalogue(tmp_path / "x.csv", columns, {})
    with pytest.raises(CatalogError, match="cannot be written"):
        write_catalogue(tmp_path / "nowhere" / "x.fits", columns, {})
    assert list(tmp_path.iterdir()) == []
