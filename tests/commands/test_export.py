"""``export`` of a finished run: files that load, and words or JSON about their error."""

import pytest

from core.export import local_field
from core.runs.registry import EMBEDDED_RUNS


@pytest.fixture
def finished():
    (path,) = EMBEDDED_RUNS.glob("*-disc-spiral")
    return path


def test_a_potential_is_written_and_loads(finished, home, command):
    said = command("export", finished, "--to", "gala", "--out", "phi.fits", "--spacing", 0.2, "--json").json
    assert said["file"] == "phi.fits"
    assert said["nodes"] == [11, 11, 21]
    assert said["difference_from_best"]["median"] < 1e-3
    assert local_field.load("phi.fits").spin == -said["pattern_speed"]
    assert [p.name for p in home.iterdir()] == ["phi.fits"]


def test_the_words_name_the_error_and_the_way_to_load(finished, command):
    answer = command("export", finished, "--to", "agama", "--out", "phi.fits", "--spacing", 0.2)
    assert answer.code == 0
    for fragment in ("11 × 11 × 21 nodes", "(median)", "(99 %)", "from core.export.agama import load"):
        assert fragment in answer.out
