"""Exported files of the closed form, in both frames."""

import numpy as np
import pytest
from exact_export import tables

from core.export.files import write_tables


@pytest.fixture(params=["rotating", "inertial"])
def frame(request):
    return request.param


@pytest.fixture
def exported(tmp_path, frame):
    write_tables(tmp_path / "phi.fits", tables(frame))
    return tmp_path / "phi.fits"


@pytest.fixture
def points():
    """Heliocentric, inside the ball."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 3))
    return 0.7 * x / np.linalg.norm(x, axis=1)[:, None] * rng.random((40, 1))
