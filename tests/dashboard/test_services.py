"""Caches are bounded and never wrong; stars and subsets are those of a direct computation."""

import dataclasses
import threading

import numpy as np
import pytest
from small_runs import ball, waiting_run

from core.catalog import resolve
from core.errors import CorruptArtifactError, UnknownRunError
from core.phase_space.coordinates import COORDINATES
from core.phase_space.region import Box, Ellipse, Everything, Expression, Polygon, Shell, columns_of
from core.phase_space.solar_position import SolarPosition
from core.runs.star_files import FLOW_SAMPLE, read_stars
from dashboard.services import BoundedCache, Stars

SUN = SolarPosition()
RNG = np.random.default_rng(0)
W = np.concatenate([0.4 * RNG.normal(size=(3000, 3)), 40 * RNG.normal(size=(3000, 3))], 1).astype(np.float32)
TRIANGLE = ((-0.5, -0.5), (0.5, -0.4), (0.0, 0.6))
REGIONS = {
    "everything": Everything(),
    "box": Box((("x", -0.2, 0.5), ("vphi", -np.inf, 250.0))),
    "lasso": Polygon("x", "y", TRIANGLE),
    "ellipse": Ellipse("vx", "vy", (0.0, 0.0), (30.0, 50.0)),
    "typed": Expression("abs(z) < 0.3 & R < 8.3"),
    "both": Shell(0.7, 0.1) & Expression("vz > 0"),
    "either": Shell(0.2) | ~Shell(0.9),
    "nobody": Expression("r > 100"),
}


def fill(cache, key, size=10):
    made = []
    value = cache.get(key, lambda: made.append(key) or f"value of {key}", lambda value: size)
    assert value == f"value of {key}"
    return bool(made)


def test_a_value_is_made_once_while_there_is_room():
    cache = BoundedCache(30)
    assert [fill(cache, key) for key in "abcabc"] == [True, True, True, False, False, False]


def test_the_least_recently_used_goes_first():
    cache = BoundedCache(30)
    for key in "abcad":
        fill(cache, key)
    assert [fill(cache, key) for key in "acd"] == [False, False, False]  # a was used after b
    assert fill(cache, "b")


def test_the_sizes_kept_never_exceed_the_limit_unless_one_value_does():
    cache = BoundedCache(100)
    for key, size in enumerate(RNG.integers(1, 60, 200).tolist()):
        fill(cache, key, size)
        kept = [size for _, size in cache._values.values()]
        assert sum(kept) == cache._size <= 100
    fill(cache, "huge", 1000)
    assert list(cache._values) == ["huge"]
    assert not fill(cache, "huge", 1000)
    assert fill(cache, "small", 1)
    assert list(cache._values) == ["small"]


def test_many_threads_find_what_they_ask_for_and_the_books_are_right():
    cache, wrong = BoundedCache(50), []

    def work(seed):
        for key in np.random.default_rng(seed).integers(0, 12, 500).tolist():
            if cache.get(key, lambda key=key: 2 * key, lambda value: 10) != 2 * key:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache._size == 10 * len(cache._values) <= 50


def test_what_cannot_be_made_is_not_kept():
    cache = BoundedCache(30)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0, lambda value: 1)
    assert fill(cache, "a")


@pytest.fixture
def stars():
    return Stars("some", W, SUN, BoundedCache(2**20))


@pytest.mark.parametrize("name", COORDINATES)
def test_a_column_is_the_coordinate_of_every_star(name, stars):
    column = stars.column(name)
    assert column.dtype == np.float32
    assert column.flags.c_contiguous
    np.testing.assert_array_equal(column, COORDINATES[name].compute(W, SUN).astype(np.float32))
    assert stars.column(name) is column


@pytest.mark.parametrize("case", REGIONS)
def test_a_mask_is_the_region_of_every_star(case, stars):
    region = REGIONS[case]
    mask = stars.mask(region)
    assert mask.shape == (len(stars),)
    columns = columns_of(W, SUN)
    np.testing.assert_array_equal(mask, np.broadcast_to(region.contains(lambda n: columns(n).astype(np.float32)), 3000))
    for name in ("x", "vphi"):
        np.testing.assert_array_equal(stars.inside(name, region), stars.column(name)[mask])


def test_a_lasso_holds_the_stars_on_the_inner_side_of_its_edges(stars):
    """Brute force: a convex lasso is three half planes."""
    (ax, ay), (bx, by), (cx, cy) = TRIANGLE
    x, y = W[:, 0].astype(float), W[:, 1].astype(float)
    edges = (((ax, ay), (bx, by)), ((bx, by), (cx, cy)), ((cx, cy), (ax, ay)))
    sides = [(qx - px) * (y - py) - (qy - py) * (x - px) for (px, py), (qx, qy) in edges]
    clear = np.min(np.abs(sides), 0) > 1e-5
    expected = np.min(sides, 0) > 0
    np.testing.assert_array_equal(stars.mask(REGIONS["lasso"])[clear], expected[clear])
    assert 100 < expected.sum() < 1500


def test_the_data_of_a_run_are_the_stars_of_its_catalogue_in_its_region(services, finished_run):
    region = Expression("z > 0 & vx < 20")
    run = finished_run(region=region)
    w = services.catalogue(run).sample().w
    data = services.data(run)
    np.testing.assert_array_equal(data.w, w[(w[:, 2] > 0) & (w[:, 3] < 20)])
    assert len(data) == run.manifest.stars
    assert services.data(run).w is data.w
    np.testing.assert_array_equal(services.flow_sample(run).w, read_stars(run.products / FLOW_SAMPLE))


def test_runs_of_lassos_that_are_called_alike_have_stars_of_their_own(services, finished_run):
    lassos = [Polygon("x", "y", ((-9.0, -9.0), (9.0, -9.0), (x, 9.0))) for x in (-9.0, 9.0)]
    assert str(lassos[0]) == str(lassos[1])
    runs = [finished_run(f"lasso {i}", f"2026010{i}-000000-0000", lasso) for i, lasso in enumerate(lassos, 1)]
    data = [services.data(run) for run in runs]
    assert [len(d) for d in data] == [run.manifest.stars for run in runs]
    assert not np.array_equal(data[0].w, data[1].w)


def test_columns_are_those_of_the_runs_own_solar_position(services, finished_run):
    run = finished_run()
    same = {"catalogue": run.manifest.catalogue, "region": run.manifest.region}
    moved = dataclasses.replace(run.manifest.config, solar=SolarPosition(R0=7.5))
    other = waiting_run(services.root, "moved", "20260102-000000-0000", config=moved, **same)
    np.testing.assert_allclose(services.data(run).column("R") - services.data(other).column("R"), 0.777, atol=0.02)


def test_a_run_is_opened_once_and_found_by_directory_and_id(services, finished_run):
    old, new = finished_run("ball", "20260101-000000-aaaa"), finished_run("disc", "20260102-000000-bbbb")
    assert services.runs() == [new, old]
    assert services.run(old.path.name) is services.run(old.id) is services.runs()[1]
    with pytest.raises(UnknownRunError, match="no run 'bal'"):
        services.run("bal")


def test_a_first_visitor_sees_the_newest_run_that_has_something_to_show(services, finished_run):
    with pytest.raises(UnknownRunError, match=r"no runs yet.*Train"):
        services.default_run()
    shown = finished_run("ball", "20260101-000000-aaaa")
    waiting = waiting_run(services.root, "new", "20260102-000000-bbbb")
    assert services.default_run() == shown
    with pytest.raises(UnknownRunError, match="'new' has not drawn its sample yet"):
        services.flow_sample(waiting)


def test_damaged_catalogues_hide_no_other(services, monkeypatch, tmp_path):
    kept, damaged = ball(services.store.root, name="kept"), ball(services.store.root, stars=900, name="damaged")
    (damaged.path / "catalogue.json").write_text("{")
    monkeypatch.setattr("dashboard.services.demo_catalogues", lambda: {damaged.id: tmp_path / "demo.parquet"})
    monkeypatch.setattr(resolve, "demo_catalogues", lambda: {damaged.id: tmp_path / "demo.parquet"})
    assert services.catalogues() == [kept]
    with pytest.raises(CorruptArtifactError, match="cannot be read"):
        services.store.open(damaged.id)
