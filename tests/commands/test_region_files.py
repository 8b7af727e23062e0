"""``fit --region FILE``: the region in a file narrows the fit and is written down in the run."""

import json

import numpy as np
import pytest
from astropy.io import fits

from core.phase_space.region import DistanceMask
from core.runs.registry import list_runs

MASK = DistanceMask(tuple([0.9, 0.8, 0.7, 0.0] * 3))


def write_json(path):
    path.write_text(json.dumps(MASK.to_json()))


def write_fits(path):
    column = fits.Column("DISTANCE", "E", array=1e3 * np.array(MASK.distances), unit="pc")
    hdu = fits.BinTableHDU.from_columns([column])
    hdu.header["ORDERING"] = "RING"
    hdu.writeto(path)


@pytest.mark.parametrize(("name", "write"), [("mask.json", write_json), ("mask.fits", write_fits)])
def test_a_mask_in_a_file_narrows_the_fit(name, write, home, stored, command, monkeypatch):
    monkeypatch.setattr("core.commands.fits.launch_detached", lambda run, options: None)
    write(home / name)
    answer = command("fit", "ball", "--region", home / name, "--detach")
    assert answer.code == 0, answer.err
    (run,) = list_runs(home / "runs")
    assert run.manifest.region == MASK
    assert 300 < run.manifest.stars < len(stored)
