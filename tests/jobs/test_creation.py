"""A run is created with what its fit needs, or the user hears what to change and nothing is left behind."""

import json

import numpy as np
import pytest
from small_runs import ball

from core.catalog.store import CatalogueStore
from core.config import preset
from core.errors import ConfigError, InputError, RegionError
from core.jobs.creation import create_fit, fit_config
from core.jobs.graph import plan
from core.phase_space.region import Everything, Expression, Shell
from core.runs.registry import open_run

CONFIG = preset("quick")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs"


def create(catalogue, root, region=None, config=CONFIG, **options):
    return create_fit(catalogue, config, root=root, preset_name="quick", region=region, **options)


def test_the_run_says_what_is_fitted(tmp_path, root):
    catalogue = ball(tmp_path / "data")
    run = create(catalogue, root, Expression("z > 0"), parent="before", command=["deep-potential", "fit"])
    m = run.manifest
    assert open_run(run.path) == run
    assert (m.catalogue.id, m.catalogue.stars, m.parent) == (catalogue.id, 2000, "before")
    assert m.stars == len(catalogue.sample(Expression("z > 0"))) < 2000
    # The largest ball in half of it holds too few of the stars for a preview.
    assert m.tasks == plan(CONFIG, m.stars, preview=False)
    assert {p.name for p in (run.path / "tasks").iterdir()} == {t.id for t in m.tasks}
    assert json.loads((run.path / "provenance.json").read_text())["command"] == ["deep-potential", "fit"]


@pytest.mark.parametrize(
    ("region", "expected"), [(None, True), (Expression("abs(z) < 0.8"), True), (Expression("vx > -20"), False)]
)
def test_a_preview_is_made_where_no_velocity_decides_who_is_in_the_volume(region, expected, tmp_path, root):
    tasks = create(ball(tmp_path / "data"), root, region).manifest.tasks
    assert (tasks[0].id == "preview") == expected


@pytest.mark.parametrize(
    ("region", "name", "expected"),
    [(None, None, "ball"), (Expression("z > 0"), None, "ball subset"), (None, "My fit", "My fit")],
)
def test_a_run_has_a_name(region, name, expected, tmp_path, root):
    run = create(ball(tmp_path / "data"), root, region, name=name)
    assert run.manifest.name == expected
    assert run.path.name.endswith(expected.lower().replace(" ", "-"))


REFUSED = {
    "too few stars": (Shell(1.0), Expression("r < 0.6"), "too few: each half needs 256 .*Choose a larger"),
    "no star": (Shell(1.0), Expression("r < 0.001"), "no star"),
    "outside the catalogue": (Shell(1.0), Shell(3.0, 2.0), "no star"),
    "no volume": (Everything(), None, "no bounded volume.*--region 'r < 1'"),
    "no volume in position": (Everything(), Expression("vphi > -1000"), "no bounded volume"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_region_that_cannot_be_fitted_is_refused_with_a_remedy(case, tmp_path, root):
    volume, region, words = REFUSED[case]
    with pytest.raises(RegionError, match=words) as caught:
        create(ball(tmp_path / "data", region=volume), root, region)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    assert not root.exists()


def test_stars_are_counted_by_the_groups_that_must_stay_together(tmp_path, root):
    """Three orbits of 400 records: enough stars, and no way to share them out to two halves and a held-out part."""
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=1200) for name in ("x", "y", "z", "vx", "vy", "vz")}
    columns["group"] = np.repeat([1, 2, 3], 400)
    catalogue = CatalogueStore(tmp_path / "data").add(columns, name="orbits", region=Shell(9.0))
    with pytest.raises(RegionError, match="1,200 stars are inside r < 9 kpc, too few: the held-out part needs 16"):
        create(catalogue, root)
    assert not root.exists()


def test_the_remedy_of_a_missing_volume_works(tmp_path, root):
    run = create(ball(tmp_path / "data", region=Everything()), root, Expression("r < 1"))
    assert run.manifest.stars == 2000


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/runs: the run cannot be created.*--runs"):
        create(ball(tmp_path / "data"), tmp_path / "file" / "runs")


def test_later_words_win_over_earlier_ones(tmp_path):
    """Preset, the catalogue's frame, a file of settings, --frame, --set."""
    catalogue = ball(tmp_path / "data")
    toml = 'seed = 5\n[potential]\nframe = "inertial"\nmembers = 3\n'
    assert fit_config(catalogue, "paper").potential.members == 16
    assert fit_config(catalogue, "quick").potential.frame == "rotating"
    assert fit_config(catalogue, "quick", toml=toml).potential.frame == "inertial"
    assert fit_config(catalogue, "quick", toml=toml, frame="rotating").potential.frame == "rotating"
    config = fit_config(catalogue, "paper", toml=toml, overrides={"potential.members": "2"})
    assert (config.seed, config.potential.members, config.flow.members) == (5, 2, 16)
    with pytest.raises(ConfigError, match=r"Did you mean 'flow\.members'"):
        fit_config(catalogue, "quick", overrides={"flow.memers": "2"})


DEGENERATE = {
    "one height": (lambda columns: columns["z"].fill(0.25), "ball: column 'z': all stars have the same value, 0.25"),
    "no radial velocities": (lambda columns: columns["vx"].fill(0), "column 'vx': all stars have the same value, 0"),
    "every star twice": (
        lambda columns: [v.__setitem__(slice(1000, None), v[:1000]) for v in columns.values()],
        "1,000 of 2,000 stars are copies",
    ),
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_stars_of_which_no_density_can_be_learned_are_refused(case, tmp_path, root):
    spoil, words = DEGENERATE[case]
    rng = np.random.default_rng(0)
    columns = {name: 0.1 * rng.normal(size=2000) for name in ("x", "y", "z", "vx", "vy", "vz")}
    spoil(columns)
    catalogue = CatalogueStore(tmp_path / "data").add(columns, name="ball", region=Shell(1.0))
    with pytest.raises(InputError, match=words) as caught:
        create(catalogue, root)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    assert not root.exists()


def test_a_few_rows_that_coincide_do_no_harm(tmp_path, root):
    rng = np.random.default_rng(0)
    columns = {name: 0.1 * rng.normal(size=2000) for name in ("x", "y", "z", "vx", "vy", "vz")}
    for values in columns.values():
        values[:10] = values[10:20]
    catalogue = CatalogueStore(tmp_path / "data").add(columns, name="ball", region=Shell(1.0))
    assert create(catalogue, root).manifest.stars == 2000
