"""Stored once, found by id or name, whole or not at all."""

import json
import os
import threading

import numpy as np
import pytest

from core.catalog import store as store_module
from core.catalog.catalogue import SCHEMA
from core.catalog.cuts import CutFlow, CutStep
from core.catalog.quantities import CARTESIAN
from core.catalog.store import CatalogueStore, UnknownCatalogueError, checked_name, data_roots
from core.errors import CatalogError, CorruptArtifactError, InputError, RegionError, UnknownRunError
from core.phase_space.region import Box, Everything, Expression, Shell


@pytest.fixture
def columns(w):
    columns = {name: w[:, i] for i, name in enumerate(CARTESIAN)}
    return columns | {
        "source_id": np.arange(len(w)) + 2**61 + 1,
        "ra": w[:, 0],
        "group": np.arange(len(w)) // 2,
    }


def entries(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*"))


def test_what_goes_in_comes_out(columns, w, store):
    flow = CutFlow((CutStep("read", 50), CutStep("all", 40)))
    stored = store.add(
        columns,
        name="mine",
        region=Shell(1.0),
        frame="inertial",
        synthetic=True,
        truth={"omega": 20.0},
        cut_flow=flow,
        recipe={"name": "r"},
        source={"file": "f"},
    )
    catalogue = store.open("mine")
    assert catalogue == stored == store.open(stored.id)
    assert (len(catalogue), catalogue.frame, catalogue.synthetic) == (40, "inertial", True)
    assert (catalogue.truth, catalogue.cut_flow, catalogue.region) == ({"omega": 20.0}, flow, Shell(1.0))
    types = {name: catalogue.column(name).dtype for name in catalogue.units}
    assert types == {
        **dict.fromkeys(CARTESIAN, np.float32),
        "source_id": np.int64,
        "group": np.int64,
        "ra": np.float64,
    }
    assert catalogue.column("source_id").tolist() == columns["source_id"].tolist()
    assert catalogue.units["vx"] == "km/s"
    sample = catalogue.sample()
    assert sample.w.dtype == np.float32
    np.testing.assert_array_equal(sample.w, w.astype(np.float32))
    np.testing.assert_array_equal(sample.group, columns["group"])
    assert sample.region == Shell(1.0)


def test_columns_are_read_only_maps(columns, store):
    values = store.add(columns, name="a", region=Everything()).column("x")
    assert isinstance(values, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1


def test_unknown_column(columns, store):
    catalogue = store.add(columns, name="a", region=Everything())
    assert not catalogue.has("parallax")
    with pytest.raises(CatalogError, match="Did you mean 'group'"):
        catalogue.column("groups")


def test_identity_is_the_content(columns, store):
    """The id depends on values, volume and frame, not on name, order or type of what is given."""
    first = store.add(columns, name="a", region=Shell(1.0))
    assert len(first.id) == 12
    int(first.id, 16)
    backwards = {k: columns[k].astype(columns[k].dtype.newbyteorder()) for k in reversed(columns)}
    assert store.add(backwards, name="a", region=Shell(1.0)).id == first.id
    others = [
        store.add(columns | {"x": columns["x"] + 1e-3}, name="a", region=Shell(1.0)),
        store.add(columns, name="a", region=Shell(0.9)),
        store.add(columns, name="a", region=Shell(1.0), frame="inertial"),
        store.add({k: v for k, v in columns.items() if k != "ra"}, name="a", region=Shell(1.0)),
    ]
    assert len({first.id, *(c.id for c in others)}) == 5


def test_id_is_stable(columns, store):
    fixed = {name: np.arange(3) + i for i, name in enumerate(CARTESIAN)}
    assert store.add(fixed, name="a", region=Shell(1.0)).id == store_module.content_id(
        {k: v.astype("<f4") for k, v in fixed.items()}, Shell(1.0), "rotating"
    )


def test_same_again_changes_nothing(columns, store):
    store.add(columns, name="a", region=Everything())
    before = {p: p.stat().st_mtime_ns for p in store.root.rglob("*")}
    store.add(columns, name="a", region=Everything())
    assert {p: p.stat().st_mtime_ns for p in store.root.rglob("*")} == before


def test_newest_of_a_name(columns, store):
    first = store.add(columns, name="a", region=Everything())
    second = store.add(columns, name="a", region=Shell(1.0))
    assert store.open("a").id == second.id
    assert [c.id for c in store.list()] == [second.id, first.id]
    store.add(columns, name="a", region=Everything())
    assert store.open("a").id == first.id
    store.add(columns, name="b", region=Everything())
    assert store.open("b").id == first.id
    assert store.open("a").id == second.id
    assert len(store.list()) == 2


def test_unknown_catalogue(columns, store):
    with pytest.raises(UnknownCatalogueError, match="ingest FILE") as caught:
        store.open("gaia")
    assert isinstance(caught.value, UnknownRunError)
    assert caught.value.exit_code == 2
    store.add(columns, name="gaia-dr3", region=Everything())
    with pytest.raises(UnknownCatalogueError, match="Did you mean 'gaia-dr3'"):
        store.open("gaia-dr2")


def test_several_roots(columns, tmp_path):
    demo = CatalogueStore(tmp_path / "demo").add(columns, name="demo", region=Everything())
    both = CatalogueStore(tmp_path / "new", [tmp_path / "demo"])
    assert both.open("demo") == demo
    mine = both.add(columns, name="mine", region=Shell(1.0))
    assert mine.path.is_relative_to(tmp_path / "new")
    assert {c.name for c in both.list()} == {"demo", "mine"}


def test_data_roots(monkeypatch, tmp_path):
    monkeypatch.delenv(store_module.DATA_VARIABLE, raising=False)
    assert [str(r) for r in data_roots()] == ["data"]
    monkeypatch.setenv(store_module.DATA_VARIABLE, os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert data_roots() == (tmp_path / "a", tmp_path / "b")
    assert CatalogueStore.default().root == tmp_path / "a"


@pytest.mark.parametrize("name", ["", "  ", "../x", "a\\b", "nul\0", "new\nline", "x" * 101])
def test_names_that_are_refused(name):
    with pytest.raises(CatalogError, match="cannot name a catalogue"):
        checked_name(name)


@pytest.mark.parametrize(
    "change",
    [
        {"vz": None},
        {"ra": np.zeros(3)},
        dict.fromkeys(CARTESIAN, np.zeros(0)) | {"ra": None, "source_id": None, "group": None},
    ],
)
def test_incomplete_columns(change, columns, store):
    broken = {k: v for k, v in (columns | change).items() if v is not None}
    with pytest.raises(CatalogError, match="all of one length"):
        store.add(broken, name="a", region=Everything())
    assert not store.root.exists()


def test_nothing_half_written_stays(columns, store, monkeypatch):
    real, calls = np.save, []

    def full_disk(stream, array, **options):
        calls.append(array)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        real(stream, array, **options)

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(CatalogError, match="No space left on device"):
        store.add(columns, name="a", region=Everything())
    assert entries(store.root) == ["catalogues"]


def test_leftovers_of_killed_processes_are_swept(columns, store):
    home = store.root / "catalogues"
    for name, age in ((".incoming-old", 2 * 86400), (".incoming-new", 0)):
        (home / name / "columns").mkdir(parents=True)
        stamp = (home / name).stat().st_mtime - age
        os.utime(home / name, (stamp, stamp))
    store.add(columns, name="a", region=Everything())
    assert sorted(p.name for p in home.glob(".*")) == [".incoming-new"]
    assert len(store.list()) == 1


def test_many_writers_of_the_same_stars(columns, store):
    threads = [
        threading.Thread(target=store.add, args=(columns,), kwargs={"name": "a", "region": Everything()})
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.list()) == 1
    assert not list((store.root / "catalogues").glob(".*"))


@pytest.mark.parametrize("damage", ["{", "{}", '{"schema": 1}', "[]"])
def test_damaged_description(damage, columns, store):
    catalogue = store.add(columns, name="a", region=Everything())
    other = store.add(columns, name="b", region=Shell(1.0))
    (catalogue.path / "catalogue.json").write_text(damage)
    with pytest.raises(CorruptArtifactError, match=catalogue.id):
        store.open(catalogue.id)
    assert store.list() == [other]


def test_damaged_column(columns, store):
    catalogue = store.add(columns, name="a", region=Everything())
    file = catalogue.path / "columns" / "x.npy"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(CorruptArtifactError, match=r"x\.npy"):
        catalogue.column("x")
    np.save(file, np.zeros(3, np.float32))
    with pytest.raises(CorruptArtifactError, match="for 40 stars"):
        catalogue.sample()


def test_catalogue_of_a_newer_program(columns, store):
    catalogue = store.add(columns, name="a", region=Everything())
    record = json.loads((catalogue.path / "catalogue.json").read_text()) | {"schema": SCHEMA + 1}
    (catalogue.path / "catalogue.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="newer version"):
        store.open(catalogue.id)
    assert store.list() == []


def test_sample_of_a_region(columns, w, store):
    catalogue = store.add(columns, name="a", region=Shell(1.0))
    region = Expression("z > 0 & vx < 20")
    sample = catalogue.sample(region)
    inside = (w[:, 2] > 0) & (w[:, 3] < 20)
    np.testing.assert_array_equal(sample.w, w[inside].astype(np.float32))
    np.testing.assert_array_equal(sample.group, columns["group"][inside])
    assert sample.region == Shell(1.0) & region


def test_empty_region(columns, store):
    catalogue = store.add(columns, name="a", region=Shell(1.0))
    with pytest.raises(RegionError, match="no star of 'a'"):
        catalogue.sample(Box((("x", 50.0, 60.0),)))
