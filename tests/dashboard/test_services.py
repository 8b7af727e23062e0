"""What all sessions share: the stars of runs and catalogues, and the runs themselves."""

import dataclasses

import numpy as np
import pytest
from small_runs import TINY, ball, waiting_run

from core.catalog import resolve
from core.config import preset
from core.errors import CorruptArtifactError, UnknownRunError
from core.jobs.ownership import record_state
from core.phase_space.region import Everything, Expression, Polygon, Shell
from core.phase_space.solar_position import SolarPosition
from core.runs.star_files import FLOW_SAMPLE, read_stars


def test_the_data_of_a_run_are_the_stars_of_its_catalogue_in_its_region(services, finished_run):
    region = Expression("z > 0 & vx < 20")
    run = finished_run(region=region)
    w = services.catalogue(run).sample().w
    data = services.data(run)
    np.testing.assert_array_equal(data.w, w[(w[:, 2] > 0) & (w[:, 3] < 20)])
    assert len(data) == run.manifest.stars
    assert services.data(run).w is data.w
    np.testing.assert_array_equal(services.flow_sample(run).w, read_stars(run.products / FLOW_SAMPLE))


def test_all_stars_of_a_catalogue_are_read_from_its_files(services, finished_run):
    run = finished_run()
    data, catalogue = services.data(run), services.catalogue(run)
    np.testing.assert_array_equal(data.w, catalogue.sample().w)
    assert len(data) == len(catalogue)
    for name in ("x", "vz"):
        np.testing.assert_array_equal(data.column(name), catalogue.column(name))
        assert not data.column(name).flags.owndata


def test_weights_have_a_mean_of_one_whichever_stars_were_fitted(services, finished_run, monkeypatch):
    run = finished_run()
    w, weight = services.catalogue(run).sample().w, np.linspace(1, 5, run.manifest.stars)
    columns = dict(zip(("x", "y", "z", "vx", "vy", "vz"), w.T, strict=True)) | {"selection_weight": weight}
    weighted = services.store.add(columns, name="weighted", region=Shell(1.0))
    monkeypatch.setattr(services, "catalogue", lambda run: weighted)
    for number, region in enumerate((Everything(), Expression("x > 0"))):
        other = waiting_run(services.root, "w", f"2026020{number + 1}-000000-0000", region=region)
        data = services.data(other)
        inside = region.contains_points(w, SolarPosition())
        np.testing.assert_allclose(data.weight, weight[inside] / weight[inside].mean(), rtol=1e-6)


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


def test_ten_clicks_start_one_fit(services, monkeypatch):
    launched = []
    monkeypatch.setattr("dashboard.services.launch_detached", launched.append)
    stars, config = ball(services.store.root), preset("quick", TINY)
    asked = {"preset": "quick", "region": Everything(), "name": "ball"}
    runs = [services.start_fit(stars, config, **asked) for _ in range(10)]
    assert len(launched) == len({run.id for run in runs}) == len(services.runs()) == 1
    assert services.start_fit(stars, config, **{**asked, "name": "other"}) not in runs
    record_state(runs[0], "done")
    assert services.start_fit(stars, config, **asked) not in runs


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
