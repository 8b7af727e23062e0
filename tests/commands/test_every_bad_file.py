"""The 53 kinds of bad input: one message each with file, place, reason and remedy, exit code 2, nothing left behind.

What is no mistake (big-endian columns, a byte order mark) is read as it is meant; stars that lack a value are counted.
"""

import os
import re
from pathlib import Path

import bad_files as bad
import numpy as np
import pytest
from bad_files import GAIA, N, changed, content, csv, csv_bytes, fits_bytes, hdf5_columns, one, parquet_bytes

REFUSED = {
    "1 empty": ("s.csv", content(bytes), ["the file is empty", "Download"]),
    "2 header only": ("s.csv", csv(bad.first(0)), ["no rows", "Check the query"]),
    "2 header only, FITS": ("s.fits", content(lambda: fits_bytes(bad.first(0))), ["no rows", "Check the query"]),
    "3 web page": ("s.fits", content(lambda: b"<!DOCTYPE html><p>404"), ["a web page", "download it again"]),
    "4 wrong extension": ("s.fits", content(csv_bytes), ["not FITS", "seems to be text", "end with .csv"]),
    "4 wrong extension, parquet": ("s.parquet", content(csv_bytes), ["not parquet", "end with .csv"]),
    "5 unknown format": ("s.dat", content(lambda: bytes(range(256)) * 9), ["not a table", "Readable are FITS"]),
    "6 truncated FITS": ("s.fits", content(lambda: fits_bytes()[:9000]), ["declares 40 rows", "copy it again"]),
    "6 truncated header": ("s.fits", content(lambda: fits_bytes()[:4000]), ["truncated", "copy it again"]),
    "7 truncated gz": ("s.csv.gz", content(lambda: bad.gzip.compress(csv_bytes())[:-99]), ["truncated", "again"]),
    "8 truncated parquet": ("s.parquet", content(lambda: parquet_bytes()[:-99]), ["truncated", "again"]),
    "9 flipped byte, FITS": ("s.fits", bad.flipped_fits, ["checksum", "again"]),
    "9 flipped byte, parquet": ("s.parquet", content(bad.flipped_parquet), ["damaged", "again"]),
    "9 flipped byte, gz": (
        "s.csv.gz",
        content(lambda: bad.flipped(bad.gzip.compress(csv_bytes()), 1000)),
        ["damaged", "again"],
    ),
    "10 FITS without table": ("s.fits", content(bad.image_fits), ["holds no table", "Check"]),
    "11 several tables": ("s.fits", content(bad.several_fits), ["2 tables (0: A, 1: B)", "Choose one in a recipe"]),
    "12 10¹² rows": ("s.fits", content(lambda: bad.fits_of_rows(10**12)), ["1000000000000 rows", "again"]),
    "13 gz bomb": ("s.csv.gz", bad.gzip_bomb, ["100 times its size", "check where it comes from"]),
    "14 parquet bomb": ("s.parquet", bad.parquet_bomb, ["100 times its size", "check where it comes from"]),
    "14 HDF5 bomb": ("s.h5", bad.hdf5_bomb, ["100 times its size", "check where it comes from"]),
    "15 zip": ("s.csv", content(lambda: bad.archive("zip")), ["a zip archive", "Readable are"]),
    "15 tar": ("s.fits", content(lambda: bad.archive("tar")), ["a tar archive", "Unpack it"]),
    "16 HDF5 link": ("s.h5", bad.hdf5(ra=bad.h5py.ExternalLink(os.devnull, "/")), ["/ra is a link", "Copy the data"]),
    "17 HDF5 external storage": ("s.h5", bad.hdf5_elsewhere, ["/ra are in another file", "Copy them"]),
    "17 HDF5 virtual storage": ("s.h5", bad.hdf5_virtual, ["/ra are in another file", "Copy them"]),
    "18 HDF5 without columns": ("s.h5", bad.hdf5(stars=None), ["holds no table", "Check"]),
    "18 HDF5 of unequal lengths": (
        "s.h5",
        hdf5_columns(ra=np.arange(3.0)),
        ["differ in length", "one table per group"],
    ),
    "19 pickle": ("s.csv", content(bad.pickled(4)), ["a Python pickle", "Readable are"]),
    "19 pickle in ASCII": ("s.csv", content(bad.pickled(0)), ["names no columns", "starts with the names"]),
    "19 pickled npy": ("s.npy", bad.object_array, ["a numpy array", "Readable are"]),
    "20 VOTable of entities": ("s.vot", content(bad.votable_of_entities), ["XML entities", "without a DOCTYPE"]),
    "21 VOTable from elsewhere": ("s.vot", content(bad.votable_from_elsewhere), ["another file", "as one file"]),
    "22 several VOTables": ("s.vot", content(bad.several_votables), ["2 tables", "Choose one in a recipe"]),
    "23 ragged CSV": ("s.csv", content(lambda: csv_bytes() + b"1,2\n"), ["line 42 has 2 values", "correct or write"]),
    "24 decimal comma": (
        "s.csv",
        content(lambda: csv_bytes().replace(b",", b";").replace(b".", b",")),
        ["column 'dec'", "line 2", "not a number", "decimal point, not a comma"],
    ),
    "25 NUL bytes": ("s.csv", content(lambda: bad.nul_at(900)), ["line 4", "NUL byte", "again"]),
    "25 NUL bytes further on": ("s.csv", content(lambda: bad.nul_at(7000)), ["column", "line", r"\x00", "Correct it"]),
    "26 UTF-16": ("s.csv", content(lambda: csv_bytes().decode().encode("utf-16")), ["UTF-16", "as UTF-8"]),
    "26 UTF-16 without mark": ("s.csv", content(lambda: csv_bytes().decode().encode("utf-16-le")), ["UTF-16", "UTF-8"]),
    "26 Latin-1": ("s.csv", content(lambda: csv_bytes().replace(b"ruwe", b"r\xfcwe")), ["not UTF-8", "as UTF-8"]),
    "27 repeated column": ("s.csv", content(lambda: csv_bytes().replace(b"ruwe", b"ra")), ["column 'ra'", "Rename"]),
    "27 repeated column, FITS": (
        "s.fits",
        content(lambda: fits_bytes().replace(b"'ruwe    '", b"'ra      '")),
        ["column 'ra'", "2 columns of this name", "Rename"],
    ),
    "27 repeated column, parquet": ("s.parquet", bad.repeated_in_parquet, ["column 'ra'", "Rename"]),
    "28 missing column": ("s.csv", csv(bad.without("pmdec")), ["column 'pmdec'", "no such column", "in a recipe"]),
    "29 text for numbers": (
        "s.csv",
        csv(one("parallax", 4, "abc")),
        ["column 'parallax'", "line 6", "'abc'", "Correct"],
    ),
    "29 text for numbers, FITS": (
        "s.fits",
        content(lambda: fits_bytes(changed(parallax=np.array(["a"] * N)))),
        ["column 'parallax'", "text", "Convert it"],
    ),
    "30 all NaN": ("s.csv", csv(changed(pmra=np.full(N, np.nan))), ["column 'pmra'", "none of the 40 rows", "Check"]),
    "31 all 1e999": ("s.csv", csv(changed(pmra=["1e999"] * N)), ["column 'pmra'", "not finite", "Check"]),
    "32 constant column": (
        "s.csv",
        csv(changed(pmra=np.ones(N))),
        ["column 'pmra'", "all 40 stars", "same value, 1", "Co"],
    ),
    "33 no parallax above 0": (
        "s.csv",
        csv(changed(parallax=-GAIA["parallax"])),
        ["'parallax > 0'", "negative", "check"],
    ),
    "34 wrong unit": (
        "s.ecsv",
        bad.table_in("km/s", "pmra"),
        ["column 'pmra'", "'km / s'", "expected mas/yr", "Correct"],
    ),
    "34 no unit of that name": ("s.ecsv", bad.table_in("foo", "pmra"), ["column 'pmra'", "'foo'", "Correct the unit"]),
    "34 no unit, in radians": (
        "s.csv",
        csv(changed(ra=np.radians(GAIA["ra"]), dec=np.radians(GAIA["dec"]))),
        ["column 'ra'", "degrees", 'ra = "deg"'],
    ),
    "34 distances for parallaxes": (
        "s.csv",
        csv({**bad.without("parallax"), "distance": 1 / GAIA["parallax"]}),
        ["column 'parallax'", "It has distances", "their unit"],
    ),
    "35 angle out of range": ("s.csv", csv(one("ra", 2, 400.0)), ["column 'ra'", "row 3", "400 deg", "Correct"]),
    "35 declination out of range": ("s.csv", csv(one("dec", 2, -91.0)), ["column 'dec'", "row 3", "-91", "Correct"]),
    "36 all sentinels": (
        "s.csv",
        csv(changed(radial_velocity=np.full(N, -999))),
        ["'radial_velocity'", "-999", "IS NOT"],
    ),
    "37 repeated id": ("s.csv", csv(bad.ids_twice()), ["column 'source_id'", "rows 1 and 40", "Remove the copies"]),
    "38 ids as floats": ("s.csv", csv(one("source_id", 1, "3.4e18")), ["column 'source_id'", "line 3", "whole number"]),
    "38 ids as floats, FITS": (
        "s.fits",
        content(lambda: fits_bytes(changed(source_id=GAIA["source_id"].astype(float)))),
        ["column 'source_id'", "row 1", "lost digits", "Write integers"],
    ),
    "39 no row": ("s.parquet", content(lambda: parquet_bytes(bad.first(0))), ["no rows", "Check the query"]),
    "39 one row": ("s.csv", csv(bad.first(1)), ["only one star", "Relax the cuts"]),
    "40 more rows than bytes": ("s.fits", content(lambda: bad.fits_of_rows(10**7)), ["10000000 rows", "again"]),
    "40 too many columns": ("s.csv", content(lambda: b"c," * 600_000 + b"c\n"), ["longer than 1 MB", "Check"]),
    "41 complex column": (
        "s.fits",
        content(lambda: fits_bytes(changed(pmra=GAIA["pmra"] + 1j))),
        ["column 'pmra'", "not one number", "Convert it"],
    ),
    "41 vector column": (
        "s.fits",
        content(lambda: fits_bytes(changed(pmra=np.ones((N, 3))))),
        ["column 'pmra'", "'3D'", "Convert it"],
    ),
    "41 list column": (
        "s.parquet",
        content(lambda: parquet_bytes(changed(pmra=[[1.0]] * N))),
        ["column 'pmra'", "list"],
    ),
    "41 object column": ("s.h5", hdf5_columns(pmra=[b"a"] * N), ["column 'pmra'", "not one number", "Convert it"]),
    "43 outlier": ("s.csv", csv(one("pmra", 3, 1e18)), ["column 'pmra'", "row 4", "1e+18", "Correct"]),
    "44 impossible covariance": (
        "s.csv",
        csv(changed(ra_dec_corr=np.full(N, 2))),
        ["'ra_dec_corr'", "row 1", "-1 to 1"],
    ),
    "45 hostile name": ("a\nb\x1b[31m.csv", content(bytes), [r"a\nb\x1b[31m.csv", "is empty"]),
    "46 circle of links": ("s.csv", bad.link_in_a_circle, ["a link that leads nowhere", "Give the file itself"]),
    "46 directory": ("s.csv", Path.mkdir, ["a directory", "one of the files in it"]),
    "46 pipe": ("s.csv", bad.fifo, ["not a regular file", "a file on disk"]),
}
READ = {
    "4 name of another format": ("s.csv", content(fits_bytes), N),
    "26 byte order mark": ("s.csv", content(lambda: b"\xef\xbb\xbf" + csv_bytes()), N),
    "31 one 1e999": ("s.csv", csv(one("pmra", 3, "1e999")), N - 1),
    "33 one parallax below 0": ("s.csv", csv(one("parallax", 3, -1.0)), N - 1),
    "36 one sentinel": ("s.csv", csv(one("radial_velocity", 3, -999.0)), N - 1),
    "42 big-endian": ("s.h5", hdf5_columns(pmra=GAIA["pmra"].astype(">f8")), N),
    "42 float16": ("s.parquet", content(lambda: parquet_bytes(changed(pmra=GAIA["pmra"].astype("f2")))), N),
    "43 one 1e30": ("s.csv", csv(one("pmra", 3, 1e30)), N - 1),
    "44 singular covariance": ("s.csv", csv(changed(ra_dec_corr=np.ones(N))), N),
    "45 name in another script": ("Плеяды.csv", content(csv_bytes), N),
}
WORDS = {
    "45 name out of the directory": ("s.csv --name ../x", ["'../x' cannot name a catalogue", "without slashes"]),
    "45 name with NUL": ("a\0b.csv", [r"a\x00b.csv", "no such file", "Did you mean"]),
    "45 name of 300 letters": ("x" * 300, ["no such file", "Check the path"]),
    "46 device": ("/dev/zero", ["/dev/zero", "not a regular file"]),
    "46 memory of the process": ("/proc/self/mem", ["/proc/self/mem", "cannot be read"]),
    "50 address": ("https://example.org/s.fits", ["https://example.org/s.fits", "address", "Download the file"]),
    "50 address of a file": ("file:///etc/hostname", ["file:///etc/hostname", "address", "Download the file"]),
}
SETTINGS = {
    "51 unknown key": ("[flow]\nmember = 2", ["'flow.member'", "Did you mean 'flow.members'?"]),
    "51 wrong type": ("[flow]\nmembers = 'two'", ["flow.members", "whole number", "'two'"]),
    "51 negative steps": ("[flow.velocity.training]\nsteps = -5", ["steps = -5", "at least 10"]),
    "51 no seeds": ("[potential]\nmembers = 0", ["potential.members = 0", "at least 1"]),
    "51 schema of the future": ("schema = 99", ["schema 99", "Update this program"]),
}


def everything(home):
    return sorted(str(path) for path in home.rglob("*"))


def check_refused(answer, fragments):
    """One line that says all of it."""
    assert (answer.code, answer.out) == (2, ""), answer
    assert re.fullmatch(r"Error: [^\n]+\n", answer.err), answer.err
    for fragment in fragments:
        assert fragment in answer.err.replace("\u202f", " ")


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file(case, home, command):
    name, make, fragments = REFUSED[case]
    make(home / name)
    before = everything(home)
    check_refused(command("ingest", name), [name if name.isprintable() else "Error", *fragments])
    assert everything(home) == before


@pytest.mark.parametrize("case", READ)
def test_what_is_no_mistake_is_read_as_it_is_meant(case, home, command):
    name, make, stars = READ[case]
    make(home / name)
    assert command("ingest", name, "--json").json["stars"] == stars


@pytest.mark.parametrize("case", WORDS)
def test_bad_words_for_a_file(case, home, command):
    words, fragments = WORDS[case]
    (home / "s.csv").write_bytes(csv_bytes())
    check_refused(command("ingest", *words.split(" ")), fragments)


@pytest.mark.parametrize("case", SETTINGS)
def test_bad_settings(case, home, stored, command):
    text, fragments = SETTINGS[case]
    (home / "c.toml").write_text(text)
    check_refused(command("fit", "ball", "--config", "c.toml"), ["c.toml", *fragments])
    assert not (home / "runs").exists()


def test_47_no_permission(home, command, monkeypatch):
    def closed(path, *mode):
        raise PermissionError(13, "Permission denied")

    (home / "s.csv").write_bytes(csv_bytes())
    monkeypatch.setattr(Path, "open", closed)  # whoever runs the tests may be allowed to read everything
    check_refused(command("ingest", "s.csv"), ["s.csv", "Permission denied", "Check its permissions"])


def test_48_a_file_that_changes_while_it_is_read(home, command, monkeypatch):
    from core.catalog import ingest

    def written_to(selection, read=ingest.read_selected):
        found = read(selection)
        (home / "s.csv").write_bytes(csv_bytes() + b"\n")
        return found

    (home / "s.csv").write_bytes(csv_bytes())
    monkeypatch.setattr(ingest, "read_selected", written_to)
    check_refused(command("ingest", "s.csv"), ["s.csv", "changed while it was read", "try again"])


@pytest.mark.parametrize("runs", ["s.csv", "/proc/runs"])
def test_52_runs_cannot_be_written(runs, home, stored, command):
    (home / "s.csv").write_bytes(csv_bytes())
    answer = command("fit", "ball", "--runs", runs, "--quiet")
    check_refused(answer, [runs, "cannot be created", "--runs"])
