"""Stars with known phase space, and a store in a directory of its own."""

import os
from pathlib import Path

import numpy as np
import pytest

from core.catalog.astrometry import observables_of
from core.catalog.store import CatalogueStore

N_STARS = 40
FIRST_ID = 3393284752392701313  # above 2⁶¹ and odd: any way through float64 changes it


@pytest.fixture
def w():
    """Heliocentric phase space [kpc, km/s] of stars between 0.02 and 0.8 kpc."""
    rng = np.random.default_rng(7)
    direction = rng.normal(size=(N_STARS, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    x = direction * rng.uniform(0.02, 0.8, N_STARS)[:, None]
    return np.concatenate([x, rng.normal(size=(N_STARS, 3)) * [35.0, 25.0, 18.0]], 1)


@pytest.fixture
def gaia(w):
    """Those stars as columns of the Gaia archive, in its units."""
    rng = np.random.default_rng(8)
    columns = observables_of(w)
    del columns["distance"]
    for name in list(columns):
        columns[f"{name}_error"] = rng.uniform(0.01, 0.03, N_STARS)
    return {
        "source_id": FIRST_ID + 2 * np.arange(N_STARS, dtype=np.int64),
        **columns,
        "ra_dec_corr": rng.uniform(-0.3, 0.3, N_STARS).astype(np.float32),
        "phot_g_mean_mag": rng.uniform(6, 14, N_STARS).astype(np.float32),
        "bp_rp": rng.uniform(0, 2, N_STARS).astype(np.float32),
        "ruwe": rng.uniform(0.9, 1.3, N_STARS).astype(np.float32),
    }


@pytest.fixture
def store(tmp_path):
    return CatalogueStore(tmp_path / "data")


@pytest.fixture
def gaia_file():
    """The path of a real Gaia file; skips where the files are absent."""

    def find(name):
        beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "gaia"
        path = Path(os.environ.get("DEEP_POTENTIAL_GAIA_FILES", beside)) / name
        if not path.is_file():
            pytest.skip(f"no {name}: set DEEP_POTENTIAL_GAIA_FILES")
        return path

    return find
