"""Whatever a user gets wrong: exit code 2, one message with place, reason and remedy, and nothing left behind."""

import gzip

import numpy as np
import pytest

from core.runs.artifacts import write_json

RECIPE = 'region = "r < 1"\n'


def text(name, content):
    return lambda home: (home / name).write_text(content)


def points(name, **arrays):
    return lambda home: np.savez(home / name, **arrays)


def nothing(home):
    pass


def cut(home):
    content = gzip.compress((home / "stars.csv").read_bytes())
    (home / "cut.csv.gz").write_bytes(content[: len(content) // 2])


def five_columns(home):
    lines = (home / "stars.csv").read_text().splitlines()
    (home / "five.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines) + "\n")


def words(home):
    content = (home / "stars.csv").read_text().splitlines()
    content[7] = "fast" + content[7][content[7].index(",") :]
    (home / "words.csv").write_text("\n".join(content) + "\n")


def in_kpc(home):
    names = ["x", "y", "z", "vx", "vy", "vz"]
    head = ["# %ECSV 1.0", "# ---", "# datatype:", *(f"# - {{name: {n}, unit: kpc, datatype: float64}}" for n in names)]
    (home / "kpc.ecsv").write_text("\n".join([*head, " ".join(names), "1 2 3 4 5 6", ""]))


def finished(home):
    write_json(next((home / "runs").glob("*/products")) / "scalars.json", {})


def blocked(home):
    (home / "file").write_text("in the way")


FIT = "fit ball"
EXPORT = "export ball --to"
EVALUATE = "evaluate ball --out out.npz --at"
CASES = {
    "ingest: no such file": (nothing, "ingest star.csv", ["star.csv", "no such file", "Did you mean 'stars.csv'?"]),
    "ingest: empty file": (text("empty.csv", ""), "ingest empty.csv", ["empty.csv", "is empty", "again"]),
    "ingest: truncated file": (cut, "ingest cut.csv.gz", ["cut.csv.gz", "truncated", "again"]),
    "ingest: missing column": (five_columns, "ingest five.csv", ["five.csv", "vz"]),
    "ingest: word for a number": (
        words,
        "ingest words.csv",
        ["words.csv", "column 'x'", "line 8", "'fast'", "Correct it"],
    ),
    "ingest: wrong unit": (
        text("r.toml", '[units]\nvx = "kpc"\n'),
        "ingest stars.csv --recipe r.toml",
        ["r.toml", "'vx' cannot be in 'kpc'", "'km/s'"],
    ),
    "ingest: wrong unit in the file": (in_kpc, "ingest kpc.ecsv", ["kpc.ecsv", "column 'vx'", "kpc", "km/s"]),
    "ingest: no such unit": (
        text("r.toml", '[units]\nvx = "kmps"\n'),
        "ingest stars.csv --recipe r.toml",
        ["r.toml", "kmps"],
    ),
    "ingest: no stars left": (
        text("r.toml", '[[cuts]]\nkeep = "z > 100"\n'),
        "ingest stars.csv --recipe r.toml",
        ["stars.csv", "'z > 100'", "Relax this cut"],
    ),
    "ingest: unknown recipe": (
        nothing,
        "ingest stars.csv --recipe gaia-dr3-rv",
        ["'gaia-dr3-rv'", "Did you mean 'gaia-dr3-rvs'?"],
    ),
    "ingest: unusable name": (nothing, "ingest stars.csv --name a/b", ["'a/b'", "without slashes"]),
    "mock: unknown mock": (nothing, "mock plumer --out m.fits", ["'plumer'", "Did you mean 'plummer'?"]),
    "mock: unknown parameter": (
        nothing,
        "mock plummer --out m.fits --set masss=1e9",
        ["'masss'", "Did you mean 'mass'?"],
    ),
    "mock: value out of bounds": (nothing, "mock plummer --out m.fits --set scale=-1", ["scale", "bounds", "at least"]),
    "mock: kind of file": (nothing, "mock plummer --stars 9 --out m.txt", ["m.txt", "'.txt'", ".parquet or .fits"]),
    "mock: no directory": (nothing, "mock plummer --stars 9 --out no/m.fits", ["no/m.fits", "cannot be written"]),
    "mock: no stars": (nothing, "mock plummer --stars 0 --out m.fits", ["--stars", "0 is not in the range"]),
    "fit: unknown option": (nothing, f"{FIT} --presett quick", ["--presett", "--preset"]),
    "fit: unknown preset": (nothing, f"{FIT} --preset quik", ["'quik'", "'quick'"]),
    "fit: unknown catalogue": (nothing, "fit bal", ["no catalogue 'bal'", "Did you mean 'ball'?"]),
    "fit: unknown setting": (nothing, f"{FIT} --set flow.memers=2", ["'flow.memers'", "Did you mean 'flow.members'?"]),
    "fit: out of bounds": (nothing, f"{FIT} --set flow.members=0", ["flow.members = 0", "at least 1, at most 64"]),
    "fit: not a number": (nothing, f"{FIT} --set flow.members=two", ["flow.members", "whole number", "'two'"]),
    "fit: not an assignment": (nothing, f"{FIT} --set flow.members", ["'flow.members'", "key=value"]),
    "fit: unknown choice": (nothing, f"{FIT} --set potential.solver=convx", ["potential.solver", "'convex'"]),
    "fit: no settings file": (nothing, f"{FIT} --config no.toml", ["no.toml", "cannot be read", "Check its name"]),
    "fit: settings not TOML": (text("c.toml", "seed = \n"), f"{FIT} --config c.toml", ["c.toml", "TOML", "line 1"]),
    "fit: unknown setting in a file": (
        text("c.toml", "[flow]\nmember = 2\n"),
        f"{FIT} --config c.toml",
        ["c.toml", "'flow.member'", "Did you mean 'flow.members'?"],
    ),
    "fit: unknown coordinate": (nothing, f"{FIT} --region vfi>0", ["'vfi'", "vphi"]),
    "fit: not an expression": (nothing, f"{FIT} --region z<", ["z<"]),
    "fit: no region file": (nothing, f"{FIT} --region no.json", ["no.json", "cannot be read"]),
    "fit: region not JSON": (text("r.json", "{"), f"{FIT} --region r.json", ["r.json", "not JSON"]),
    "fit: unknown region": (
        text("r.json", '{"kind": "bux"}'),
        f"{FIT} --region r.json",
        ["r.json", "'bux'", "Did you mean 'box'?"],
    ),
    "fit: no map": (nothing, f"{FIT} --region no.fits", ["no.fits", "no such file", "Check the path"]),
    "fit: map not FITS": (text("m.fits", "far"), f"{FIT} --region m.fits", ["m.fits", "truncated or damaged"]),
    "fit: map of few pixels": (
        text("r.json", '{"kind": "distance_mask", "distances": [1, 1]}'),
        f"{FIT} --region r.json",
        ["r.json", "2 pixels", "12 nside²"],
    ),
    "fit: too few stars": (nothing, f"{FIT} --region r<0.3", ["stars are inside", "needs 256", "larger region"]),
    "fit: no stars": (nothing, f"{FIT} --region z>5", ["no star of 'ball'"]),
    "fit: runs cannot be written": (blocked, f"{FIT} --runs file/runs", ["file/runs", "cannot be created", "--runs"]),
    "fit: two places": (nothing, f"{FIT} --scheduler a:1 --slurm s.toml", ["--scheduler", "--slurm", "one of them"]),
    "fit: no file for SLURM": (nothing, f"{FIT} --slurm s.toml", ["s.toml", "cannot be read", "Check its name"]),
    "run: unknown setting for SLURM": (
        text("s.toml", 'qeue = "gpu"'),
        "run ball --slurm s.toml",
        ["s.toml", "'qeue'", "Did you mean 'queue'?"],
    ),
    "run: unknown run": (nothing, "run bal", ["no run 'bal'", "Did you mean 'ball'?"]),
    "status: unknown run": (nothing, "status bal", ["no run 'bal'", "Did you mean 'ball'?"]),
    "cancel: unknown run": (nothing, "cancel bal", ["no run 'bal'", "Did you mean 'ball'?"]),
    "scalars: unknown run": (nothing, "scalars bal", ["no run 'bal'", "Did you mean 'ball'?"]),
    "scalars: not finished": (nothing, "scalars ball", ["no scalars yet", "deep-potential run"]),
    "scalars: not a setting of theirs": (
        finished,
        "scalars ball --set flow.members=3",
        ["flow.members cannot be changed in a finished run", "Only scalars."],
    ),
    "scalars: misspelt setting": (finished, "scalars ball --set scalars.oter=1", ["Did you mean 'scalars.outer'?"]),
    "scalars: unknown baryons": (
        finished,
        "scalars ball --set scalars.baryons=mckee",
        ["no model 'mckee'", "Did you mean 'mckee2015'?"],
    ),
    "scalars: no file of baryons": (
        finished,
        "scalars ball --set scalars.baryons=discs.toml",
        ["discs.toml", "cannot be read", "Check its name"],
    ),
    "scalars: baryons without units": (
        text("discs.toml", 'name = "mine"'),
        "scalars ball --set scalars.baryons=discs.toml",
        ["discs.toml", "density unit", "density_unit = 'Msun/pc3'"],
    ),
    "fit: baryons of a wrong unit": (
        text("discs.toml", 'density_unit = "kg"\nlength_unit = "pc"'),
        "fit ball --set scalars.baryons=discs.toml",
        ["discs.toml", "'kg' cannot be a density unit", "density_unit = 'Msun/pc3'"],
    ),
    "scalars: a volume that moves": (
        finished,
        "scalars ball --volume vphi>200",
        ["the volume 'V1' depends on vphi", "Use x, y, z"],
    ),
    "scalars: two forms": (nothing, "scalars ball --csv --json", ["--json, --csv and --latex"]),
    "report: unknown run": (nothing, "report bal --out r.html", ["no run 'bal'", "Did you mean 'ball'?"]),
    "report: not finished": (nothing, "report ball --out r.html", ["is not finished", "waiting", "deep-potential run"]),
    "sample: unknown run": (nothing, "sample bal --n 9 --out s.fits", ["no run 'bal'", "Did you mean 'ball'?"]),
    "sample: not finished": (nothing, "sample ball --n 9 --out s.fits", ["no trained flow yet"]),
    "evaluate: unknown run": (points("p.npz", w=np.zeros((3, 6))), "evaluate bal --at p.npz --out o.npz", ["'bal'"]),
    "evaluate: no file": (nothing, f"{EVALUATE} no.npz", ["no.npz", "No such file"]),
    "evaluate: no npz": (nothing, f"{EVALUATE} stars.csv", ["stars.csv", "not an .npz", "numpy.savez"]),
    "evaluate: without w": (points("p.npz", v=np.zeros((3, 6))), f"{EVALUATE} p.npz", ["p.npz", "neither w nor x"]),
    "evaluate: wrong shape": (
        points("p.npz", w=np.zeros((6, 3))),
        f"{EVALUATE} p.npz",
        ["p.npz", "column 'w'", "(6, 3)", "(n, 6)"],
    ),
    "evaluate: not finite": (points("p.npz", x=np.full((1, 3), np.nan)), f"{EVALUATE} p.npz", ["p.npz", "not finite"]),
    "evaluate: not finished": (points("p.npz", w=np.zeros((3, 6))), f"{EVALUATE} p.npz", ["no trained flow yet"]),
    "export: unknown run": (nothing, f"{EXPORT.replace('ball', 'bal')} grid --out g.fits", ["'bal'", "'ball'?"]),
    "export: not finished": (nothing, f"{EXPORT} grid --out g.fits", ["no trained flow yet"]),
    "export: unknown format": (nothing, f"{EXPORT} gadget --out g.fits", ["--to", "'gadget'", "'galpy'"]),
    "export: kind of file": (nothing, f"{EXPORT} galpy --out g.txt", ["g.txt", "'.txt'", ".fits, .h5 or .hdf5"]),
    "export: no directory": (nothing, f"{EXPORT} gala --out no/g.fits", ["no/g.fits", "cannot be written"]),
    "export: no spacing": (nothing, f"{EXPORT} gala --out g.fits --spacing 0", ["--spacing", "range"]),
    "unknown command": (nothing, "ingst stars.csv", ["'ingst'"]),
}


def everything(home):
    return {str(p): (p.read_bytes() if p.is_file() else None) for p in home.rglob("*")}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case, home, stars, stored, waiting, command):
    prepare, line, fragments = CASES[case]
    prepare(home)
    before = everything(home)
    answer = command(*line.split())
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.count("Error") == 1
    assert "Traceback" not in answer.err
    for fragment in fragments:
        assert fragment in answer.err.replace("\u202f", " ")
    assert everything(home) == before
