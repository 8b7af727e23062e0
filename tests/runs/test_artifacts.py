"""A file of a run is whole, or absent, or known to be damaged."""

import numpy as np
import pytest
from small_runs import manifest

from core.errors import CorruptArtifactError, DeepPotentialError, InputError
from core.runs import artifacts, star_files
from core.runs.manifest import read_manifest
from core.runs.seals import read_product

ARRAYS = {"weights": np.arange(12.0).reshape(3, 4), "bias": np.float32([1.5, -2.5]), "half": np.array([0, 1])}
METADATA = {"schema": 1, "region": {"kind": "shell"}, "held_out": -14.25, "name": "Ω"}


def write_arrays(path):
    artifacts.write_arrays(path, ARRAYS, METADATA)


def write_run(path):
    artifacts.write_json(path, manifest().to_json())


def write_stars(path):
    star_files.write_stars(path, np.random.default_rng(1).normal(size=(50, 6)))


def write_product(path):
    """A JSON document among the products of a run, of which the end of its task left the digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    marker = path.parent.parent / "tasks" / "scalars" / "DONE"
    marker.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_json(path, {"value": 28.5, "words": "constrained"})
    artifacts.write_json(marker, {str(path.relative_to(path.parent.parent)): artifacts.file_digest(path)})


SEALED = {
    "arrays.safetensors": (write_arrays, artifacts.read_arrays),
    "run.json": (write_run, read_manifest),
    "stars.parquet": (write_stars, star_files.read_stars),
    "scalars.json": (write_product, read_product),
}


def same(read, expected):
    """Whether what was read is what was written."""
    if isinstance(expected, np.ndarray):
        return np.array_equal(read, expected)
    if isinstance(expected, tuple):
        return read[0].keys() == expected[0].keys() and all(same(read[0][k], a) for k, a in expected[0].items())
    return read == expected


@pytest.fixture(params=SEALED)
def sealed(request, tmp_path):
    write, read = SEALED[request.param]
    write(tmp_path / request.param)
    return tmp_path / request.param, read


@pytest.mark.parametrize("mask", [0x01, 0x20, 0xFF])
def test_no_flipped_byte_gets_through(sealed, mask):
    path, read = sealed
    content, expected = path.read_bytes(), read(path)
    for place in {*range(0, len(content), max(1, len(content) // 97)), len(content) - 1}:
        path.write_bytes(content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :])
        try:
            read_back = read(path)
        except DeepPotentialError:
            continue
        assert same(read_back, expected), place  # a byte that means nothing, such as the case of a letter in 1e-06


def test_no_truncation_gets_through(sealed):
    path, read = sealed
    content = path.read_bytes()
    for length in {0, 1, 7, 8, 9, *range(0, len(content) - 1, max(1, len(content) // 53)), len(content) - 2}:
        path.write_bytes(content[:length])
        with pytest.raises(DeepPotentialError, match=path.name):
            read(path)


def test_arrays_come_back_with_their_metadata(tmp_path):
    path = tmp_path / "a.safetensors"
    artifacts.write_arrays(path, {**ARRAYS, "turned": ARRAYS["weights"].T}, METADATA)
    arrays, metadata = artifacts.read_arrays(path)
    assert metadata == METADATA
    for name, array in {**ARRAYS, "turned": ARRAYS["weights"].T}.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_equal_arrays_make_equal_files(tmp_path):
    """Whether two fits agree bit for bit can be told by the digests of their files."""
    digests = set()
    for i in range(8):
        artifacts.write_arrays(tmp_path / f"{i}", ARRAYS, METADATA)
        digests.add(artifacts.file_digest(tmp_path / f"{i}"))
    assert len(digests) == 1


def test_a_safetensors_file_without_a_seal_is_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file(ARRAYS, tmp_path / "foreign.safetensors", {"schema": "1"})
    with pytest.raises(CorruptArtifactError, match="SHA-256"):
        artifacts.read_arrays(tmp_path / "foreign.safetensors")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    artifacts.write_json(path, {"value": 1})

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        artifacts.write_json(path, {"value": 2})
    with pytest.raises(InputError, match=r"a\.npz: cannot be written: there is no room on the disk \(No space left"):
        artifacts.write_npz(tmp_path / "a.npz", ARRAYS)
    assert artifacts.read_json(path) == {"value": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
