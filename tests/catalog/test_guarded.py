"""A file is read in a process of its own: the same answers, and an end to what a bad file can take."""

import json
import signal

import h5py
import numpy as np
import pytest

from core.catalog import guarded
from core.catalog.guarded import limits_for, read_guarded
from core.catalog.ingest import ingest
from core.catalog.limits import Limits
from core.catalog.store import CatalogueStore
from core.errors import CatalogError, ConfigError, InputError

AMPLE = limits_for(0)


@pytest.fixture
def stars(w, tmp_path):
    np.savetxt(tmp_path / "stars.csv", w, delimiter=",", header="x,y,z,vx,vy,vz", comments="")
    return tmp_path / "stars.csv"


def test_the_answer_is_that_of_ingest(stars, store, tmp_path):
    catalogue = read_guarded(stars, name="mine", store=store)
    other = ingest(stars, name="mine", store=CatalogueStore(tmp_path / "other"))
    assert (catalogue.id, catalogue.name, catalogue.path.parents[1]) == (other.id, "mine", store.root)


@pytest.mark.parametrize(
    ("text", "recipe", "error"),
    [("ra,dec\n", None, CatalogError), ("x,y\n1,2\n", "gaia-dr3-rv", ConfigError)],
)
def test_what_is_refused_is_refused_in_the_same_words(text, recipe, error, store, tmp_path):
    (tmp_path / "bad.csv").write_text(text)
    told = []
    for read in (ingest, read_guarded):
        with pytest.raises(error) as caught:
            read(tmp_path / "bad.csv", recipe, store=store)
        told.append((str(caught.value), caught.value.remedy, caught.value.column))
    assert told[0] == told[1]


def test_too_little_memory_is_one_message(store, tmp_path):
    with h5py.File(tmp_path / "large.h5", "w") as file:
        for value, name in enumerate(("x", "y", "z", "vx", "vy", "vz")):
            file.create_dataset(name, (5_000_000,), "f8", chunks=(1 << 18,), fillvalue=value)
    with pytest.raises(CatalogError, match=r"large\.h5: it does not fit in the memory"):
        read_guarded(tmp_path / "large.h5", store=store, limits=Limits(540 << 20, 100, 1 << 30))
    assert not list(store.root.rglob("*.npy"))


class Ended:
    """A process that ended in some way."""

    def __init__(self, code, out="", err=""):
        self.returncode, self.stdout, self.stderr = code, out, err


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Ended(-signal.SIGSEGV), "a library crashed over it (SIGSEGV)"),
        (Ended(-signal.SIGXCPU), "it took more than 120 s of processor time"),
        (Ended(1, err="Traceback\nImportError: libhdf5"), "the process that read it failed (ImportError: libhdf5)"),
    ],
)
def test_a_process_that_breaks_is_one_message(ended, words, stars, store, monkeypatch):
    monkeypatch.setattr(guarded.subprocess, "run", lambda *args, **options: ended)
    with pytest.raises(CatalogError) as caught:
        read_guarded(stars, store=store)
    assert f"stars.csv: reading was given up: {words}" in str(caught.value)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_the_unexpected_comes_with_its_traceback(stars, store, monkeypatch):
    answer = {"error": "ZeroDivisionError", "reason": "of course", "traceback": "in the child"}
    monkeypatch.setattr(guarded.subprocess, "run", lambda *args, **options: Ended(0, json.dumps(answer)))
    with pytest.raises(RuntimeError, match="ZeroDivisionError while the file was read: of course") as caught:
        read_guarded(stars, store=store)
    assert not isinstance(caught.value, InputError)
    assert caught.value.__notes__ == ["in the child"]


def test_limits_grow_with_the_file():
    assert AMPLE.memory <= 3 << 30
    assert limits_for(1 << 30).seconds > 2000
    assert limits_for(1 << 30).output > limits_for(1).output
