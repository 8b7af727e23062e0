"""Stored catalogues: a directory of one array per column, addressed by its content.

``<root>/catalogues/<id>/catalogue.json`` and ``columns/<name>.npy``. The id is a hash of the columns, the
volume and the frame, so the same stars are stored once; a catalogue appears whole, by a rename, or not at
all (DESIGN 4).
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.catalog.catalogue import SCHEMA, Catalogue, read_catalogue
from core.catalog.cuts import CutFlow
from core.catalog.quantities import CARTESIAN, QUANTITIES
from core.errors import CatalogError, CorruptArtifactError, InputError, UnknownRunError, refusal, suggestion
from core.phase_space.region import Region

DATA_VARIABLE = "DEEP_POTENTIAL_DATA"
EMBEDDED = Path(__file__).resolve().parents[2] / "data"
"""The demonstration data beside the package."""

_INCOMING = ".incoming-"
_ABANDONED_AFTER = 86400.0
LONGEST_NAME = 100


class UnknownCatalogueError(UnknownRunError):
    """No stored catalogue of that id or name."""


def data_roots() -> tuple[Path, ...]:
    """Where catalogues are looked for: the paths in DEEP_POTENTIAL_DATA, else ``./data``."""
    listed = [part for part in os.environ.get(DATA_VARIABLE, "").split(os.pathsep) if part]
    return tuple(Path(part).expanduser() for part in listed) or (Path("data"),)


def checked_name(name: str) -> str:
    """``name`` if it can name a catalogue; CatalogError otherwise."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable() or set(name) & set("/\\"):
        raise CatalogError(
            f"{name[:40]!r} cannot name a catalogue",
            remedy=f"Use 1 to {LONGEST_NAME} printable characters without slashes.",
        )
    return name


class CatalogueStore:
    """The catalogues below ``root``, where new ones are written, and ``others``, which are only read."""

    def __init__(self, root: str | Path, others: Sequence[str | Path] = ()):
        self._roots = tuple(dict.fromkeys(Path(r).absolute() for r in (root, *others)))
        self.root = self._roots[0]

    @classmethod
    def default(cls) -> "CatalogueStore":
        """The store of :func:`data_roots`, with the embedded demonstration data."""
        first, *others = data_roots()
        return cls(first, [*others, EMBEDDED])

    def list(self) -> list[Catalogue]:
        """All catalogues that can be read, the newest first; one that is stored twice appears once."""
        found: dict[str, Catalogue] = {}
        for path in self._directories():
            try:
                found.setdefault(path.name, read_catalogue(path))
            except (CorruptArtifactError, InputError):
                continue  # it must not hide the others; opening it by its id says what is wrong
        return sorted(found.values(), key=lambda c: c.created, reverse=True)

    def open(self, id_or_name: str) -> Catalogue:
        """The catalogue of that id, else the newest of that name; else UnknownCatalogueError."""
        for path in self._directories():
            if path.name == id_or_name:
                return read_catalogue(path)
        catalogues = self.list()
        for catalogue in catalogues:
            if catalogue.name == id_or_name:
                return catalogue
        names = {c.name for c in catalogues} | {c.id for c in catalogues}
        remedy = suggestion(id_or_name, names) if names else "None is stored yet: deep-potential ingest FILE."
        raise UnknownCatalogueError(f"there is no catalogue {id_or_name!r}", remedy=remedy)

    def add(
        self,
        columns: Mapping[str, np.ndarray],
        *,
        name: str,
        region: Region,
        frame: str = "rotating",
        synthetic: bool = False,
        truth: Mapping[str, Any] | None = None,
        cut_flow: CutFlow | None = None,
        recipe: Mapping[str, Any] | None = None,
        source: Mapping[str, Any] | None = None,
    ) -> Catalogue:
        """Stores ``columns`` (x, y, z, vx, vy, vz and others of equal length) and what is known of them.

        The same content again changes nothing, except that its latest name becomes the one it is found by.
        """
        arrays = _arrays(columns)
        record = {
            "schema": SCHEMA,
            "id": content_id(arrays, region, frame),
            "name": checked_name(name),
            "created": datetime.now(UTC).isoformat(),
            "n": len(arrays["x"]),
            "frame": frame,
            "synthetic": synthetic,
            "truth": dict(truth) if truth else None,
            "region": region.to_json(),
            "source": dict(source) if source else None,
            "recipe": dict(recipe) if recipe else None,
            "cut_flow": cut_flow.to_json() if cut_flow else [],
            "columns": [
                {"name": key, "dtype": str(value.dtype), "unit": QUANTITIES[key].unit} for key, value in arrays.items()
            ],
        }
        home = self.root / "catalogues"
        try:
            return self._publish(home / str(record["id"]), arrays, record)
        except OSError as error:
            raise CatalogError(
                f"the catalogue cannot be written: {refusal(error)}",
                file=home,
                remedy=f"Free some disk space, or name another directory in {DATA_VARIABLE}.",
            ) from error

    def has(self, catalogue_id: str) -> bool:
        """Whether a catalogue of that id is stored."""
        return any(path.name == catalogue_id for path in self._directories())

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Path]:
        """An empty directory for the files of a catalogue; what :meth:`adopt` does not move from there is removed."""
        home = self.root / "catalogues"
        home.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        incoming = home / f"{_INCOMING}{uuid.uuid4().hex}"
        incoming.mkdir()
        try:
            yield incoming
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def adopt(self, incoming: Path, catalogue_id: str) -> None:
        """Stores the catalogue whose files are in ``incoming``, unless it is there already.

        Raises CorruptArtifactError where these are not the stars that the id stands for.
        """
        if self.has(catalogue_id):
            return
        catalogue = read_catalogue(incoming)
        known = {name: catalogue.column(name) for name in catalogue.units if name in QUANTITIES}
        checked_name(catalogue.name)
        found = {catalogue.id, content_id(known, catalogue.region, catalogue.frame)}
        if len(known) < len(catalogue.units) or found != {catalogue_id}:
            raise CorruptArtifactError(f"these are not the stars of the catalogue {catalogue_id}")
        _rename(incoming, self.root / "catalogues" / catalogue_id)

    def _publish(self, final: Path, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> Catalogue:
        if not final.exists():
            with self.incoming() as incoming:
                _write(incoming, arrays, record)
                _rename(incoming, final)
        elif self._found_by(str(record["name"])) != final.name:
            _write_record(final, record)
            _sync(final)
        return read_catalogue(final)

    def _found_by(self, name: str) -> str | None:
        return next((c.id for c in self.list() if c.name == name), None)

    def _directories(self) -> Iterator[Path]:
        for root in self._roots:
            home = root / "catalogues"
            if home.is_dir():
                yield from sorted(p for p in home.iterdir() if (p / "catalogue.json").is_file() and p.name[0] != ".")


def content_id(arrays: Mapping[str, np.ndarray], region: Region, frame: str) -> str:
    """The first 12 hex digits of the SHA-256 of the columns, the volume and the frame."""
    digest = hashlib.sha256(json.dumps([region.to_json(), frame], sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {len(arrays[name])}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()[:12]


def _arrays(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``columns`` as they are stored, little-endian so that the id is the same on every machine."""
    arrays = {}
    for name, quantity in QUANTITIES.items():
        if name in columns:
            arrays[name] = np.asarray(columns[name], np.dtype(quantity.dtype).newbyteorder("<"))
    absent = [name for name in CARTESIAN if name not in arrays]
    if absent or len({len(a) for a in arrays.values()}) > 1 or len(arrays["x"]) == 0:
        raise CatalogError(
            f"a catalogue needs the columns {', '.join(CARTESIAN)}, all of one length above 0",
            remedy=f"Missing: {', '.join(absent) or 'none'}.",
        )
    return arrays


def _write(directory: Path, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
    (directory / "columns").mkdir()
    for name, array in arrays.items():
        with (directory / "columns" / f"{name}.npy").open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
            stream.flush()
            os.fsync(stream.fileno())
    _write_record(directory, record)
    _sync(directory / "columns")
    _sync(directory)


def _write_record(directory: Path, record: Mapping[str, Any]) -> None:
    temporary = directory / f".catalogue-{uuid.uuid4().hex}"
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(directory / "catalogue.json")
    finally:
        temporary.unlink(missing_ok=True)


def _rename(incoming: Path, final: Path) -> None:
    try:
        incoming.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        return  # another process stored the same stars meanwhile
    _sync(final.parent)


def _sync(directory: Path) -> None:
    """Makes the entries of ``directory`` survive a power cut, where the system lets a directory be opened."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sweep(home: Path) -> None:
    """Removes what processes that were killed left behind."""
    for path in home.glob(f"{_INCOMING}*"):
        # Another writer may put its directory in place at this moment.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                shutil.rmtree(path, ignore_errors=True)
