"""Real files of the Gaia archive and of its users: they read, and the Sun's neighbours move as known."""

import numpy as np
import pytest

from core.catalog.ingest import ingest
from core.catalog.quantities import CORRELATIONS
from core.catalog.tables.opening import open_table
from core.errors import CatalogError


@pytest.mark.parametrize(
    ("name", "kind", "rows", "columns"),
    [
        ("gr8stars_gaia_dr3.csv", "CSV", 2858, 95),
        ("gaia_source_dr3_1000.fits", "FITS", 1000, 152),
        ("gaia_source_edr3_1000.fits", "FITS", 1000, None),
        ("gaia_source_dr2_rv_100_unitless.fits", "FITS", 100, None),
        ("gaia_source_dr2_binary2.vot", "VOTable", 100, None),
        ("archive_dr3_uppercase.vot", "VOTable", 2, 152),
    ],
)
def test_reads(name, kind, rows, columns, gaia_file):
    with open_table(gaia_file(name)) as table:
        assert table.kind == kind
        assert columns is None or len(table.names) == columns
        chunks = list(table.chunks(["ra", "dec"], set()))
    ra = np.concatenate([c["ra"] for c in chunks])
    assert len(ra) == rows
    assert (ra >= 0).all()
    assert (ra <= 360).all()


@pytest.mark.parametrize(
    ("name", "flow"),
    [
        ("gr8stars_gaia_dr3.csv", [2858, 2858, 2618, 2618]),
        ("gaia_source_dr3_1000.fits", [1000, 1000, 24, 23]),
        ("gaia_source_edr3_1000.fits", [1000, 808, 9, 9]),
        ("gaia_source_dr2_rv_100_unitless.fits", [100, 100, 100, 100]),
        ("archive_dr3_uppercase.vot", [2, 2, 2, 2]),
    ],
)
def test_complete_stars(name, flow, gaia_file, store):
    catalogue = ingest(gaia_file(name), store=store)
    assert [s.survivors for s in catalogue.cut_flow.steps] == flow
    assert catalogue.has("source_id")
    assert catalogue.column("source_id").min() > 2**32
    if "gr8stars" not in name:
        assert all(catalogue.has(c) for c in CORRELATIONS)


def test_file_without_velocities_says_so(gaia_file, store):
    with pytest.raises(CatalogError, match=r"radial_velocity.*none of the 100 rows has a value"):
        ingest(gaia_file("gaia_source_dr2_binary2.vot"), store=store)


def test_solar_neighbourhood(gaia_file, store):
    catalogue = ingest(gaia_file("gr8stars_gaia_dr3.csv"), store=store)
    v = catalogue.sample().w[:, 3:].astype(float)
    # medians of (U, V, W) and half the 16–84 % range of nearby stars, to 1.5 km/s, two standard errors or so
    np.testing.assert_allclose(np.median(v, 0), [-10.8, -17.8, -7.5], atol=1.5)
    np.testing.assert_allclose(np.diff(np.percentile(v, [16, 84], 0), axis=0)[0] / 2, [32, 21, 14.5], atol=1.5)
    assert catalogue.column("source_id")[0] == 3393284752392701312
    drawn = catalogue.resampled(np.random.default_rng(0))
    np.testing.assert_allclose(np.median(drawn.w[:, 3:], 0), [-10.8, -17.8, -7.5], atol=1.5)


def test_unit_columns_agree_with_unitless_ones(gaia_file, store):
    """Distance and speed of w are those of the parallax, the proper motion and the radial velocity."""
    catalogue = ingest(gaia_file("archive_dr3_uppercase.vot"), store=store)
    w = catalogue.sample().w.astype(float)
    np.testing.assert_allclose(1 / np.linalg.norm(w[:, :3], axis=1), catalogue.column("parallax"), rtol=1e-5)
    total = 4.74047 * np.hypot(catalogue.column("pmra"), catalogue.column("pmdec")) / catalogue.column("parallax")
    speed = np.hypot(total, catalogue.column("radial_velocity"))
    np.testing.assert_allclose(np.linalg.norm(w[:, 3:], axis=1), speed, rtol=1e-5)
