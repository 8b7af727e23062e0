"""Packs: what arrives is what was sent, to the last bit, and whoever made a pack can only make a run appear."""

import hashlib
import io
import json
import os
import tarfile

import pytest
from small_runs import ball, waiting_run

from core.catalog.store import CatalogueStore
from core.config import preset
from core.errors import InputError
from core.jobs.graph import plan
from core.runs import packing, unpacking
from core.runs.artifacts import sealed, write_json
from core.runs.labels import change_tags
from core.runs.manifest import CatalogueReference
from core.runs.pack_contents import LIST
from core.runs.packing import write_pack
from core.runs.registry import list_runs
from core.runs.trash import throw_away
from core.runs.unpacking import unpack


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr("core.runs.registry.EMBEDDED_RUNS", tmp_path / "embedded")
    return tmp_path / "here"


@pytest.fixture
def stars(here):
    return ball(here / "data", 60)


@pytest.fixture
def run(here, stars):
    """A run with everything that may lie in its directory."""
    made = waiting_run(here / "runs", catalogue=CatalogueReference(stars.id, stars.name, len(stars), True))
    write_json(made.products / "scalars.json", {"pattern_speed": {"best": 28.5}})
    (made.products / "flow.safetensors").write_bytes(os.urandom(70_000))
    (made.path / "tasks" / "scalars" / "attempts.jsonl").write_text("")
    change_tags(made.path, add=["lock"])
    for name in ("lock", "owner.json", "PAUSED", ".run.json.0.tmp", "tasks/scalars/lock", "tasks/scalars/owner.json"):
        (made.path / name).write_text("of this machine")
    return made


@pytest.fixture
def pack(here, run):
    write_pack(run, here / "ball.tar", None)
    return here / "ball.tar"


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


def taken(file, there):
    return unpack(file, there / "runs", CatalogueStore(there / "data"))[0]


def content(path):
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def left(there):
    """Everything that is there, but for the directories in which runs and catalogues are kept."""
    return [str(p) for p in there.rglob("*") if p not in (there / "runs", there / "data", there / "data/catalogues")]


def test_a_run_arrives_as_it_was_without_what_is_of_a_machine(run, pack, there):
    arrived = taken(pack, there)
    sent = {name: value for name, value in content(run.path).items() if value != b"of this machine"}
    assert content(arrived.path) == sent
    assert arrived.manifest == run.manifest
    assert arrived.tags == ("lock",)
    assert {p.name for p in (arrived.path / "tasks").iterdir()} == {task.id for task in run.manifest.tasks}
    assert [r.id for r in list_runs(there / "runs")] == [run.id]
    assert CatalogueStore(there / "data").list() == []


def test_the_stars_come_with_it_and_are_stored_once(run, stars, here, there):
    write_pack(run, here / "all.tar", stars)
    arrived = taken(here / "all.tar", there)
    (stored,) = CatalogueStore(there / "data").list()
    assert content(stored.path) == content(stars.path)
    assert stored.id == arrived.manifest.catalogue.id
    throw_away(arrived.path).rename(there / "gone")
    taken(here / "all.tar", there)
    assert len(CatalogueStore(there / "data").list()) == 1


def test_every_path_is_relative_and_every_file_in_the_list(pack):
    with tarfile.open(pack) as tar:
        first, *others = tar.getmembers()
        listed = json.loads(tar.extractfile(first).read())["files"]
    assert first.name == LIST
    assert {m.name: m.size for m in others} == {name: entry["size"] for name, entry in listed.items()}
    assert all(m.isreg() and not m.name.startswith("/") and ".." not in m.name for m in others)


def test_what_is_there_already_stays(pack, there):
    arrived = taken(pack, there)
    for words in ("there is a run", "is in the trash"):
        with pytest.raises(InputError, match=words):
            taken(pack, there)
        if words == "there is a run":
            throw_away(arrived.path)


@pytest.mark.parametrize("length", [0, 100, 512, 5000, 60_000, -12_000, -40_000])
def test_a_pack_that_is_cut_leaves_nothing(length, pack, there):
    pack.write_bytes(pack.read_bytes()[:length])
    with pytest.raises(InputError, match=str(pack)) as caught:
        taken(pack, there)
    assert caught.value.exit_code == 2
    assert left(there) == []


def test_every_flipped_byte_of_a_file_is_found(pack, there):
    whole = bytearray(pack.read_bytes())
    with tarfile.open(pack) as tar:
        places = [m.offset_data + m.size // 2 for m in tar.getmembers() if m.size and m.name != LIST]
    for place in places:
        spoilt = whole.copy()
        spoilt[place] ^= 1
        pack.write_bytes(spoilt)
        with pytest.raises(InputError, match="damaged"):
            taken(pack, there)
    assert left(there) == []


def written(file, files, *, members=(), listed=None, **changes):
    """A pack of these contents, with a list that fits unless it is changed."""
    entries = {n: {"size": len(v), "sha256": hashlib.sha256(v).hexdigest()} for n, v in files.items()}
    listed = entries if listed is None else listed
    head = {"format": "deep-potential run", "schema": 1, "run": "20260101-000000-0000-ball"}
    head |= {"catalogue": {"id": "0123456789ab", "name": "ball"}, "files": listed} | changes
    with tarfile.open(file, "w") as tar:
        for name, value in {LIST: json.dumps(head).encode(), **files}.items():
            header = tarfile.TarInfo(name)
            header.size = len(value)
            tar.addfile(header, io.BytesIO(value))
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return file


def special(kind, name="run/products/x", target="/etc/passwd"):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def manifest_of(here, **changes):
    values = json.loads((waiting_run(here / "other").path / "run.json").read_text())
    return json.dumps(sealed(values | changes)).encode()


def with_task(here, name):
    """A specification with a task whose directory would be elsewhere."""
    task = {"id": name, "kind": "scalars", "needs": [], "parameters": {}, "weight": 1.0}
    return manifest_of(here, tasks=[task])


X = b"x"
HOSTILE = {
    "absolute": lambda f, m: written(f, {"/tmp/x": X}),
    "up": lambda f, m: written(f, {"run/../../x": X}),
    "up in the middle": lambda f, m: written(f, {"run/a/../../../x": X}),
    "backslash": lambda f, m: written(f, {"run\\..\\x": X}),
    "drive": lambda f, m: written(f, {"run/c:x": X}),
    "elsewhere": lambda f, m: written(f, {"home/x": X}),
    "hidden": lambda f, m: written(f, {"run/.x": X}),
    "no file": lambda f, m: written(f, {"run": X}),
    "an owner": lambda f, m: written(f, {"run/owner.json": X}),
    "control characters": lambda f, m: written(f, {"run/a\x1b[2Jb": X}),
    "one name twice": lambda f, m: written(f, {"run/run.json": m, "run/RUN.json": m}),
    "directory up": lambda f, m: written(f, {"run/run.json": m}, run="../ball"),
    "hidden run": lambda f, m: written(f, {"run/run.json": m}, run=".trash"),
    "other run": lambda f, m: written(f, {"run/run.json": m}, run="20260101-000000-0001-ball"),
    "other catalogue": lambda f, m: written(f, {"run/run.json": m}, catalogue={"id": "abc", "name": "ball"}),
    "not a catalogue": lambda f, m: written(f, {"run/run.json": m, "catalogue/catalogue.json": b"{}"}),
    "not a run": lambda f, m: written(f, {"run/x": X}),
    "newer list": lambda f, m: written(f, {"run/run.json": m}, schema=2),
    "newer run": lambda f, m: written(f, {"run/run.json": m.replace(b'"schema": 2', b'"schema": 3')}),
    "other kind": lambda f, m: written(f, {"run/run.json": m}, format="tar"),
    "list of lists": lambda f, m: written(f, {"run/run.json": m}, listed=[]),
    "size that is none": lambda f, m: written(f, {}, listed={"run/run.json": {"size": -1, "sha256": "0" * 64}}),
    "digest that is none": lambda f, m: written(f, {}, listed={"run/run.json": {"size": 1, "sha256": "0"}}),
    "no size": lambda f, m: written(f, {}, listed={"run/run.json": {}}),
    "unlisted": lambda f, m: written(f, {"run/run.json": m}, members=[tarfile.TarInfo("run/x")]),
    "twice": lambda f, m: written(f, {"run/run.json": m}, members=[tarfile.TarInfo("run/run.json")]),
    "larger than said": lambda f, m: written(
        f, {"run/run.json": m}, listed={"run/run.json": {"size": 1, "sha256": hashlib.sha256(m[:1]).hexdigest()}}
    ),
    "larger than any disk": lambda f, m: written(
        f, {"run/run.json": m}, listed={"run/run.json": {"size": 10**18, "sha256": "0" * 64}}
    ),
    **{
        name: lambda f, m, kind=kind: written(
            f, {}, members=[special(kind)], listed={"run/products/x": {"size": 0, "sha256": "0" * 64}}
        )
        for name, kind in {
            "symbolic link": tarfile.SYMTYPE,
            "hard link": tarfile.LNKTYPE,
            "device": tarfile.CHRTYPE,
            "pipe": tarfile.FIFOTYPE,
            "directory": tarfile.DIRTYPE,
        }.items()
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pack_leaves_nothing(name, here, there):
    file = HOSTILE[name](here / "hostile.tar", manifest_of(here))
    with pytest.raises(InputError, match=r"hostile\.tar") as caught:
        taken(file, there)
    assert caught.value.exit_code == 2
    assert left(there) == []


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", ""])
def test_a_task_does_not_work_elsewhere(name, here, there):
    file = written(here.parent / "hostile.tar", {"run/run.json": with_task(here, name)})
    with pytest.raises(InputError, match="not the one that its list names"):
        taken(file, there)
    assert left(there) == []


def test_the_hostile_packs_are_refused_for_what_is_wrong_with_them(here, there):
    """The same pack without anything wrong is taken."""
    file = written(here.parent / "fair.tar", {"run/run.json": manifest_of(here)})
    assert taken(file, there).id == "20260101-000000-0000"


def test_a_catalogue_that_is_not_what_its_id_says_is_refused(run, stars, here, there):
    values = json.loads((stars.path / "catalogue.json").read_text())
    values["frame"] = "inertial"
    (stars.path / "catalogue.json").write_text(json.dumps(values))
    write_pack(run, here / "all.tar", stars)
    with pytest.raises(InputError, match=f"not the stars of the catalogue {stars.id}"):
        taken(here / "all.tar", there)
    assert left(there) == []


def test_a_kill_leaves_no_run(pack, there, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(path):
        raise Killed

    monkeypatch.setattr(unpacking, "read_manifest", killed)
    monkeypatch.setattr("core.runs.registry.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(Killed):
        taken(pack, there)
    assert list_runs(there / "runs") == []
    monkeypatch.undo()
    monkeypatch.setattr("core.runs.registry.EMBEDDED_RUNS", there / "embedded")
    (abandoned,) = (there / "runs").iterdir()
    os.utime(abandoned, (0, 0))
    arrived = taken(pack, there)
    assert [p.name for p in (there / "runs").iterdir()] == [arrived.path.name]


def test_a_file_that_changes_meanwhile_is_no_part_of_a_pack(run, here, monkeypatch):
    monkeypatch.setattr(packing, "file_digest", lambda path: "0" * 64)
    with pytest.raises(InputError, match="changed while it was packed"):
        write_pack(run, here / "ball.tar", None)
    assert [p.name for p in here.iterdir() if p.is_file()] == []


def test_a_disk_that_refuses_is_told(run, here):
    with pytest.raises(InputError, match=r"No such file or directory\. Check the directory"):
        write_pack(run, here / "absent" / "ball.tar", None)


def test_no_task_of_any_preset_is_taken_for_a_path():
    for name in ("quick", "standard", "paper"):
        for spec in plan(preset(name), 100_000):
            words = [spec.id, *(v for v in spec.parameters.values() if isinstance(v, str))]
            assert all(unpacking._WORD.fullmatch(word) for word in words)
