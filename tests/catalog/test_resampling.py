"""Draws within the errors have the mean, the covariance and the support they should have."""

import itertools

import numpy as np
import pytest

from core.catalog.astrometry import observables_of, phase_space_of
from core.catalog.quantities import ASTROMETRY
from core.catalog.resampling import cholesky_factor, correlation_matrix, mirrored_inside, resample
from core.errors import CatalogError

N = 60_000
SPREAD = 5 / np.sqrt(N)  # five standard errors of a mean, in units of sigma; of a variance it is √2 wider


def one_star(n=N, **changes):
    star = {
        "ra": 130.0,
        "dec": 40.0,
        "parallax": 4.0,
        "pmra": -20.0,
        "pmdec": 35.0,
        "radial_velocity": 12.0,
        "ra_error": 0.02,
        "dec_error": 0.03,
        "parallax_error": 0.04,
        "pmra_error": 0.05,
        "pmdec_error": 0.06,
        "radial_velocity_error": 1.5,
        "parallax_pmra_corr": 0.6,
        "pmra_pmdec_corr": -0.4,
        "ra_dec_corr": 0.3,
    } | changes
    return {name: np.full(n, value) for name, value in star.items() if value is not None}


def drawn(columns):
    return observables_of(resample(np.random.default_rng(1), columns).astype(float))


def test_moments():
    columns = one_star()
    seen = drawn(columns)
    for name in ("parallax", "pmra", "pmdec", "radial_velocity"):
        sigma = columns[f"{name}_error"][0]
        assert np.mean(seen[name]) == pytest.approx(columns[name][0], abs=SPREAD * sigma)
        assert np.std(seen[name]) == pytest.approx(sigma, rel=2 * SPREAD)
    for a, b in itertools.combinations(("parallax", "pmra", "pmdec", "radial_velocity"), 2):
        expected = columns.get(f"{a}_{b}_corr", np.zeros(1))[0]
        assert np.corrcoef(seen[a], seen[b])[0, 1] == pytest.approx(expected, abs=SPREAD)


def test_position_errors_are_milliarcseconds_on_the_sky():
    columns = one_star(ra_error=3.6e6 / 100, dec_error=3.6e6 / 200)  # 0.01° and 0.005°, which float32 resolves
    seen = drawn(columns)
    cos_dec = np.cos(np.radians(40.0))
    assert np.std(seen["ra"]) * cos_dec == pytest.approx(0.01, rel=2 * SPREAD)
    assert np.std(seen["dec"]) == pytest.approx(0.005, rel=2 * SPREAD)
    assert np.corrcoef(seen["ra"], seen["dec"])[0, 1] == pytest.approx(0.3, abs=SPREAD)


def test_without_errors_nothing_moves():
    columns = one_star(8) | {f"{n}_error": np.zeros(8) for n in (*ASTROMETRY, "radial_velocity")}
    w = phase_space_of(
        *(columns[n] for n in ("ra", "dec")),
        1 / columns["parallax"],
        *(columns[n] for n in ("pmra", "pmdec", "radial_velocity")),
    )
    np.testing.assert_allclose(resample(np.random.default_rng(0), columns), w, rtol=1e-6)


def test_missing_error_of_one_star_leaves_its_value():
    columns = one_star(100)
    columns["radial_velocity_error"][3] = np.nan
    seen = drawn(columns)["radial_velocity"]
    assert seen[3] == pytest.approx(12.0, abs=1e-4)
    assert np.std(seen) > 1


def test_parallax_stays_positive():
    w = resample(np.random.default_rng(0), one_star(parallax=0.01, parallax_error=1.0))
    assert np.isfinite(w).all()


def test_distance_column_takes_the_place_of_the_parallax():
    seen = drawn(one_star(distance=0.5, distance_error=0.05, parallax=-1.0))
    assert np.mean(seen["distance"]) == pytest.approx(0.5, abs=SPREAD * 0.05)
    assert np.std(seen["distance"]) == pytest.approx(0.05, rel=2 * SPREAD)


def test_same_generator_same_stars():
    columns = one_star(50)
    np.testing.assert_array_equal(*(resample(np.random.default_rng(4), columns) for _ in range(2)))


@pytest.mark.parametrize("column", ["parallax_error", "pmra", "radial_velocity_error", "dec"])
def test_absent_column_is_named(column):
    with pytest.raises(CatalogError, match=f"column '{column}'"):
        resample(np.random.default_rng(0), one_star(4, **{column: None}))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_star_without_a_positive_parallax_is_refused(value):
    columns = one_star(4)
    columns["parallax"][2] = value
    with pytest.raises(CatalogError, match="parallax"):
        resample(np.random.default_rng(0), columns)


def test_cholesky_of_regular_matrices():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(50, 5, 5))
    covariance = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(5)
    sigma = np.sqrt(np.einsum("nii->ni", covariance))
    matrix = covariance / sigma[:, :, None] / sigma[:, None, :]
    factor = cholesky_factor(matrix)
    np.testing.assert_allclose(factor @ factor.transpose(0, 2, 1), matrix, atol=1e-12)


@pytest.mark.parametrize(
    ("corr", "why"),
    [
        ({"parallax_pmra_corr": 1.0}, "singular"),
        ({"parallax_pmra_corr": 0.9, "parallax_pmdec_corr": 0.9, "pmra_pmdec_corr": -0.9}, "indefinite"),
    ],
)
def test_singular_and_indefinite_matrices_keep_the_errors(corr, why):
    columns = one_star(**{"ra_dec_corr": None, "pmra_pmdec_corr": None} | corr)
    factor = cholesky_factor(correlation_matrix({k: v[:2] for k, v in columns.items()}))
    np.testing.assert_allclose(np.einsum("nij,nij->ni", factor, factor), 1, atol=1e-12)
    seen = drawn(columns)
    assert np.std(seen["pmra"]) == pytest.approx(0.05, rel=2 * SPREAD)
    if why == "singular":
        assert np.corrcoef(seen["parallax"], seen["pmra"])[0, 1] == pytest.approx(1, abs=1e-3)


def volume(w):
    """A ball with a slab cut off: an edge, a plane and a corner where they meet."""
    return (np.linalg.norm(w[:, :3], axis=1) < 1) & (w[:, 2] < 0.5)


def test_an_even_density_stays_even_up_to_the_edge():
    rng = np.random.default_rng(2)
    w = np.hstack([rng.uniform(-1, 1, (400_000, 3)), rng.normal(0, 30, (400_000, 3))]).astype(np.float32)
    w = w[volume(w)]
    step = np.hstack([0.03 * rng.normal(size=(len(w), 3)), rng.normal(size=(len(w), 3))]).astype(np.float32)
    found = mirrored_inside(w, w + step, volume)
    assert volume(found).all()
    left = ~volume(w + step)
    assert 0.02 < left.mean() < 0.08
    np.testing.assert_array_equal(found[~left], (w + step)[~left])
    assert np.abs((found - w)[left]).max() <= np.abs(step[left]).max()  # nobody goes further than its draw

    def layers(w):
        below = np.minimum(1 - np.linalg.norm(w[:, :3], axis=1), 0.5 - w[:, 2])
        return np.histogram(below, [0, 0.01, 0.02, 0.03, 0.05, 0.1])[0]

    before, after = layers(w), layers(found)
    # within five standard errors of two counts, and 2 % for corners and curvature
    assert (np.abs(after - before) < 5 * np.sqrt(before + after) + 0.02 * before).all()
    assert layers((w + step)[~left])[0] < 0.75 * before[0]


def test_who_was_not_inside_is_left_as_drawn():
    w = np.array([[1.5, 0, 0, 0, 0, 0], [0.99, 0, 0, 1, 2, 3]], np.float32)
    step = np.array([[0.1, 0, 0, 0, 0, 0], [0.03, 0, 0, 3, 3, 3]], np.float32)
    found = mirrored_inside(w, w + step, volume)
    np.testing.assert_array_equal(found[0], (w + step)[0])
    np.testing.assert_allclose(found[1], [0.98, 0, 0, 0, 1, 2], atol=1e-5)
