"""Every kind of file gives the same catalogue; what is no table is refused with file, reason and remedy."""

import gzip
import io
import os
import pickle
import tarfile
import warnings

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table

from core.catalog.files import write_catalogue
from core.catalog.ingest import ingest
from core.catalog.recipe import parse_recipe
from core.catalog.tables import table
from core.catalog.tables.opening import open_table
from core.catalog.tables.table import CHUNK_ROWS, check_memory
from core.errors import CatalogError


def write_table(columns, file, **options):
    table = Table(columns)
    table["ra"].unit = table["dec"].unit = "deg"
    table["parallax"].unit = table["ra_error"].unit = "mas"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of HDF5: attributes that its plain form drops
        table.write(file, **options)


def write_votable(columns, path, form):
    table = from_table(Table(columns))
    table.to_xml(str(path), tabledata_format=form)


WRITERS = {
    "plain.fits": lambda c, p: write_table(c, p, format="fits"),
    "ours.fits": lambda c, p: write_catalogue(p, c, {"name": "x"}),
    "ascii.csv": lambda c, p: write_table(c, p, format="ascii.csv"),
    "semicolon.csv": lambda c, p: write_table(c, p, format="ascii.csv", delimiter=";"),
    "spaces.ecsv": lambda c, p: write_table(c, p, format="ascii.ecsv"),
    "commas.ecsv": lambda c, p: write_table(c, p, format="ascii.ecsv", delimiter=","),
    "tabledata.vot": lambda c, p: write_votable(c, p, "tabledata"),
    "binary.xml": lambda c, p: write_votable(c, p, "binary"),
    "binary2.vot": lambda c, p: write_votable(c, p, "binary2"),
    "astropy.parquet": lambda c, p: write_table(c, p, format="parquet"),
    "ours.parquet": lambda c, p: write_catalogue(p, c, {"name": "x"}),
}


@pytest.mark.parametrize("packed", [False, True], ids=["", "gz"])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_stars(name, packed, gaia, w, tmp_path, store):
    path = tmp_path / name
    WRITERS[name](gaia, path)
    if packed:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path = tmp_path / f"{name}.gz"
    catalogue = ingest(path, store=store)
    assert catalogue.column("source_id").tolist() == gaia["source_id"].tolist()
    np.testing.assert_allclose(catalogue.sample().w, w, rtol=2e-5, atol=2e-5)
    assert {name for name in gaia if not catalogue.has(name)} == set()
    np.testing.assert_array_equal(catalogue.column("ruwe"), gaia["ruwe"])


def test_hdf5(gaia, w, tmp_path, store):
    write_table(gaia, tmp_path / "astropy.h5", format="hdf5", path="gaia/source", serialize_meta=True)
    with h5py.File(tmp_path / "columns.hdf5", "w") as file:
        for name, values in gaia.items():
            file.create_dataset(f"gaia/{name}", data=values)
    for name in ("astropy.h5", "columns.hdf5"):
        catalogue = ingest(tmp_path / name, store=store)
        assert catalogue.column("source_id").tolist() == gaia["source_id"].tolist()
        np.testing.assert_allclose(catalogue.sample().w, w, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("trick", ["link", "external", "loop", "ragged", "empty", "truncated"])
def test_hostile_hdf5(trick, tmp_path, store):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        match trick:
            case "link":
                file["ra"] = h5py.ExternalLink(os.devnull, "/")
            case "external":
                file.create_dataset("ra", (4,), dtype="u1", external=[(str(tmp_path / "secret"), 0, 4)])
            case "loop":
                group = file.create_group("a")
                group["b"] = group
            case "ragged":
                file["ra"], file["dec"] = np.arange(3.0), np.arange(4.0)
            case "truncated":
                file["ra"] = np.arange(4000.0)
    if trick == "truncated":
        path.write_bytes(path.read_bytes()[:9000])
    refused(path, store, "x.h5")


def test_chunks_join_seamlessly(tmp_path):
    n = CHUNK_ROWS + 10
    columns = {"x": np.arange(n, dtype=np.float32), "id": np.arange(n) + 2**60 + 1}
    write_catalogue(tmp_path / "long.fits", columns, {})
    write_catalogue(tmp_path / "long.parquet", columns, {})
    for name in ("long.fits", "long.parquet"):
        with open_table(tmp_path / name) as table:
            chunks = list(table.chunks(["id", "x"], {"id"}))
        assert [len(c["x"]) for c in chunks] == [CHUNK_ROWS, 10]
        for column, values in columns.items():
            np.testing.assert_array_equal(np.concatenate([c[column] for c in chunks]), values)


def test_byte_order_scales_and_nulls_of_fits(tmp_path):
    """Unsigned, scaled, null and boolean columns are what astropy makes of them."""
    made = [
        fits.Column("u16", "I", bzero=2**15, array=np.array([0, 65535], np.uint16)),
        fits.Column("u64", "K", bzero=2**63, array=np.array([1, 2**62 + 1], np.uint64)),
        fits.Column("scaled", "I", array=np.array([2, 4], np.int16)),
        fits.Column("null", "J", null=-1, array=np.array([-1, 7])),
        fits.Column("flag", "L", array=np.array([True, False])),
    ]
    hdu = fits.BinTableHDU.from_columns(made)
    hdu.header["TSCAL3"], hdu.header["TZERO3"] = 0.5, 10.0
    hdu.writeto(tmp_path / "x.fits")
    with open_table(tmp_path / "x.fits") as table:
        (chunk,) = table.chunks(list(table.names), set())
    assert chunk["u16"].tolist() == [0, 65535]
    assert chunk["u64"].tolist() == [1, 2**62 + 1]
    assert chunk["scaled"].tolist() == [11.0, 12.0]
    assert chunk["null"].tolist() == [None, 7]
    assert chunk["flag"].tolist() == [True, False]


def test_ascii_table_of_fits(tmp_path):
    columns = [
        fits.Column("ra", "F12.6", array=np.array([1.5, 2.5])),
        fits.Column("n", "A4", array=["a", "b"]),
    ]
    fits.TableHDU.from_columns(columns).writeto(tmp_path / "x.fits")
    with open_table(tmp_path / "x.fits") as table:
        (chunk,) = table.chunks(["ra"], set())
        assert chunk["ra"].tolist() == [1.5, 2.5]
        with pytest.raises(CatalogError, match=r"column 'n'.*text"):
            list(table.chunks(["n"], set()))


def test_integers_with_gaps_stay_exact(tmp_path):
    ids = MaskedColumn([2**61 + 1, 0], name="source_id", mask=[False, True])
    table = Table([ids, np.array([1.0, 2.0])], names=("source_id", "x"))
    pq.write_table(pa.table({"source_id": pa.array([2**61 + 1, None]), "x": [1.0, 2.0]}), tmp_path / "t.parquet")
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    table.write(tmp_path / "t.csv", format="ascii.csv")
    table.write(tmp_path / "t.vot", format="votable")
    for name in ("t.parquet", "t.ecsv", "t.csv", "t.vot"):
        with open_table(tmp_path / name) as opened:
            (chunk,) = opened.chunks(["source_id", "x"], {"source_id"})
        assert chunk["source_id"].tolist() == [2**61 + 1, None], name
        assert chunk["x"].tolist() == [1.0, 2.0], name


def test_csv_with_comments_marks_and_blanks(tmp_path):
    text = "\ufeff# downloaded yesterday\n#ra, dec ,n\n1.5,inf,x\n,null,y\n"
    (tmp_path / "x.csv").write_text(text, "utf-8")
    with open_table(tmp_path / "x.csv") as table:
        assert table.names == ("ra", "dec", "n")
        (chunk,) = table.chunks(["ra", "dec"], set())
    assert chunk["ra"].tolist() == [1.5, None]
    assert chunk["dec"].tolist() == [np.inf, None]


def test_several_tables_need_a_choice(gaia, tmp_path, store):
    tables = [fits.table_to_hdu(Table(gaia)), fits.table_to_hdu(Table({"a": [1.0], "b": [2.0]}))]
    tables[0].name, tables[1].name = "STARS", "LOG"
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "two.fits")
    refused(tmp_path / "two.fits", store, "0: STARS, 1: LOG", "table = 0")
    for choice in ("0", "'STARS'"):
        assert ingest(tmp_path / "two.fits", parse_recipe(f"table = {choice}"), store=store).n == 40
    with pytest.raises(CatalogError, match="no table 'DATA'"):
        ingest(tmp_path / "two.fits", parse_recipe("table = 'DATA'"), store=store)


def test_several_tables_of_a_votable(gaia, tmp_path, store):
    resource = from_table(Table({"a": [1.0], "b": [2.0]}))
    resource.resources[0].tables.append(from_table(Table(gaia)).resources[0].tables[0])
    resource.to_xml(str(tmp_path / "two.vot"))
    refused(tmp_path / "two.vot", store, "2 tables")
    assert ingest(tmp_path / "two.vot", parse_recipe("table = 1"), store=store).n == 40


def refused(path, store, *fragments):
    """The one message holds every fragment and the file; nothing is stored."""
    with pytest.raises(CatalogError) as caught:
        ingest(path, store=store)
    assert caught.value.exit_code == 2
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert caught.value.remedy
    assert not list(store.root.rglob("*"))
    return str(caught.value)


def fits_bytes(gaia):
    stream = io.BytesIO()
    Table(gaia).write(stream, format="fits")
    return stream.getvalue()


def parquet_bytes(gaia):
    stream = io.BytesIO()
    pq.write_table(pa.table(gaia), stream, write_page_checksum=True, compression="none", use_dictionary=False)
    return stream.getvalue()


def csv_bytes(gaia):
    stream = io.StringIO()
    Table(gaia).write(stream, format="ascii.csv")
    return stream.getvalue().encode()


def votable_bytes(gaia, form="tabledata"):
    stream = io.BytesIO()
    from_table(Table(gaia)).to_xml(stream, tabledata_format=form)
    return stream.getvalue()


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]


def flipped_parquet(gaia):
    data = parquet_bytes(gaia)
    return flipped(data, data.index(gaia["pmra"].tobytes()) + 10)


def flipped_gzip(gaia):
    data = gzip.compress(csv_bytes(gaia))
    return flipped(data, len(data) // 2)


def tar_bytes(gaia):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x.vot"), io.BytesIO(b""))
    return stream.getvalue()


def remote_votable(gaia):
    data = votable_bytes(gaia, "binary2")
    start, end = data.index(b"<STREAM"), data.index(b"</STREAM>")
    return data[:start] + b'<STREAM\n  href="http://localhost/x">' + data[end:]


def fits_without_table(gaia):
    stream = io.BytesIO()
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(stream)
    return stream.getvalue()


def fits_of_many_rows(gaia, rows):
    data = fits_bytes(gaia)
    card = b"NAXIS2  = %20d" % 40
    assert card in data
    return data.replace(card, b"NAXIS2  = %20d" % rows)


FILES = {
    "empty.fits": (lambda g: b"", "the file is empty"),
    "empty.csv": (lambda g: b"", "the file is empty"),
    "page.fits": (lambda g: b"\n<!DOCTYPE html><html><body>404", "a web page"),
    "page.csv": (lambda g: b"<html><head>", "a web page"),
    "other.xml": (lambda g: b"<?xml version='1.0'?><svg/>", "not a VOTable"),
    "text.fits": (lambda g: b"ra,dec\n1,2\n", "this is not FITS"),
    "text.parquet": (lambda g: b"ra,dec\n1,2\n", "this is not parquet"),
    "noise.csv": (lambda g: b"ra,dec\n\0\0\0\n", "line 2 holds a NUL byte"),
    "prose.txt": (lambda g: b"Dear all\nplease find", "names no columns"),
    "latin.csv": (lambda g: b"ra,d\xe9c\n1,2\n", "not UTF-8"),
    "utf16.csv": (lambda g: "ra,dec\n".encode("utf-16"), "UTF-16"),
    "header.csv": (lambda g: csv_bytes(g).splitlines()[0] + b"\n", "no rows"),
    "header.ecsv": (lambda g: ecsv_header(), "no rows"),
    "header.fits": (lambda g: fits_bytes({k: v[:0] for k, v in g.items()}), "no rows"),
    "header.parquet": (lambda g: parquet_bytes({k: v[:0] for k, v in g.items()}), "no rows"),
    "header.vot": (lambda g: votable_bytes({k: v[:0] for k, v in g.items()}), "no rows"),
    "cut.fits": (lambda g: fits_bytes(g)[:9000], "truncated"),
    "cut-header.fits": (lambda g: fits_bytes(g)[:4000], "truncated"),
    "many.fits": (lambda g: fits_of_many_rows(g, 10**9), "1000000000 rows"),
    "most.fits": (lambda g: fits_of_many_rows(g, 10**12), "truncated or damaged"),
    "image.fits": (fits_without_table, "holds no table"),
    "cut.parquet": (lambda g: parquet_bytes(g)[:-100], "truncated"),
    "flipped.parquet": (flipped_parquet, "truncated or damaged"),
    "cut.csv": (lambda g: csv_bytes(g)[:-120], "line 41 has 11 values where the header names 17. The file is cut"),
    "cut.vot": (lambda g: votable_bytes(g)[:-200], "truncated"),
    "cut2.vot": (lambda g: votable_bytes(g, "binary2")[:-200], "truncated"),
    "cut.csv.gz": (lambda g: gzip.compress(csv_bytes(g))[:-200], "truncated"),
    "cut.fits.gz": (lambda g: gzip.compress(fits_bytes(g))[:2000], "truncated"),
    "flipped.csv.gz": (flipped_gzip, "truncated or damaged"),
    "twice.csv.gz": (lambda g: gzip.compress(gzip.compress(csv_bytes(g))), "compressed twice"),
    "tar.vot.gz": (lambda g: gzip.compress(tar_bytes(g)), "tar archive"),
    "remote.vot": (remote_votable, "another file or place"),
    "entities.vot": (lambda g: b'<!DOCTYPE x [<!ENTITY a "b">]>' + votable_bytes(g), "XML entities"),
    "zip.csv": (lambda g: b"PK\x03\x04" + bytes(40), "zip archive"),
    "pickle.csv": (lambda g: pickle.dumps(1), "Python pickle"),
    "array.npy": (lambda g: b"\x93NUMPY" + bytes(40), "numpy array"),
    "ragged.csv": (lambda g: csv_bytes(g) + b"1,2,3\n", "line 42 has 3 values"),
    "decimal-comma.csv": (lambda g: csv_bytes(g).replace(b",", b";").replace(b".", b","), "is not a number"),
}


def ecsv_header():
    stream = io.StringIO()
    Table(
        {
            "ra": [1.0],
            "dec": [2.0],
            "parallax": [1.0],
            "pmra": [1.0],
            "pmdec": [1.0],
            "radial_velocity": [1.0],
        }
    )[:0].write(stream, format="ascii.ecsv")
    return stream.getvalue().encode()


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_table(name, gaia, tmp_path, store):
    make, reason = FILES[name]
    (tmp_path / name).write_bytes(make(gaia))
    message = refused(tmp_path / name, store, name, reason)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("https://gea.esac.esa.int/archive/x.fits", "an address"),
        ("file:///etc/passwd", "an address"),
        (".", "a directory"),
        ("nowhere/x.fits", "no such file"),
        ("with\0nul.fits", "no such file"),
        ("x" * 300, "no such file"),
    ],
)
def test_what_is_no_file(path, reason, store, tmp_path):
    refused(path if ":" in path else tmp_path / path, store, reason)


def test_missing_file_suggests_its_neighbour(tmp_path, store):
    (tmp_path / "gaia_dr3.fits").touch()
    refused(tmp_path / "gaia_dr3.fit", store, "Did you mean 'gaia_dr3.fits'?")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_is_not_waited_for(tmp_path, store):
    os.mkfifo(tmp_path / "pipe.csv")
    refused(tmp_path / "pipe.csv", store, "not a regular file")


def test_gzip_bomb(tmp_path, store, monkeypatch):
    monkeypatch.setattr(table, "HARMLESS", 1 << 16)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"ra,dec\n" + bytes(1 << 24)))
    refused(tmp_path / "bomb.csv.gz", store, "100 times its size")


def test_more_than_the_memory_is_refused(tmp_path):
    check_memory(tmp_path / "small.parquet", 1 << 20)
    with pytest.raises(CatalogError, match=r"big\.parquet.*GB"):
        check_memory(tmp_path / "big.parquet", 1 << 60)
