"""What is tabulated is the fit of a real run: at the nodes, beyond its region, and between the nodes as measured."""

import numpy as np
import pytest
from astropy.io import fits
from exact_export import orbit_in_rotating_axes
from small_runs import TINY, waiting_run

from core import mocks
from core.config import preset
from core.diagnostics.reliability import DENSITY, FORCE, OUTSIDE, WORDS
from core.errors import InputError
from core.export import local_field
from core.export.files import write_tables
from core.export.tables import ACCELERATION, MEAN, MEDIAN, UNITS, tabulate_best, tabulate_potential
from core.phase_space.region import Shell
from core.phase_space.sample import ScoredSample
from core.potential.training import fit_convex
from core.runs import readings
from core.runs.products import potentials_path, write_potentials
from core.runs.registry import EMBEDDED_RUNS, find_run

SPACING = 0.2


@pytest.fixture(scope="module")
def run():
    return find_run("disc-spiral", EMBEDDED_RUNS)


@pytest.fixture(scope="module")
def grid(run):
    return tabulate_best(run, SPACING)


@pytest.fixture(scope="module")
def potential(run):
    return tabulate_potential(run, SPACING)


def nodes(tables):
    return np.stack(np.meshgrid(*tables.axes, indexing="ij"), -1)


def test_nodes_hold_the_best_estimate_and_the_spread(run, grid):
    assert grid.metadata["combination"] == MEDIAN
    x = nodes(grid)[grid.inside][::97]
    members = run.potential.acceleration(x)
    for i, name in enumerate(ACCELERATION):
        np.testing.assert_allclose(grid.fields[name][grid.inside][::97], np.median(members[..., i], 0), rtol=1e-9)
    np.testing.assert_allclose(grid.fields["density"][grid.inside][::97], run.potential.best().density(x), rtol=1e-9)
    low, high = np.percentile(run.potentials("df_seed").density(x), [16, 84], axis=0)
    spread = grid.spreads["df_seed", "density"][grid.inside][::97]
    np.testing.assert_allclose(spread, (high - low) / 2, rtol=1e-9)
    assert grid.spreads.keys() == {(p, name) for p in ("df_seed", "potential_seed") for name in UNITS}


def test_nothing_is_said_outside_the_region(run, grid):
    region, sun = run.fitted_region, run.manifest.config.solar
    inside = region.contains_positions(nodes(grid).reshape(-1, 3), sun).reshape(grid.inside.shape)
    np.testing.assert_array_equal(grid.inside, inside)
    assert 0.3 < inside.mean() < 0.7
    for table in [*grid.fields.values(), *grid.spreads.values()]:
        np.testing.assert_array_equal(np.isfinite(table), inside)
    r = np.linalg.norm(nodes(grid), axis=-1)
    np.testing.assert_array_equal(grid.trusted, inside & (r >= 0.1) & (r <= 0.8))


def test_every_node_has_a_class_of_reliability(run, grid):
    assert grid.metadata["reliability"] == WORDS
    judge, x = readings.reliability(run), nodes(grid)
    assert grid.reliability.keys() == {FORCE, DENSITY}
    for aspect, classes in grid.reliability.items():
        np.testing.assert_array_equal(classes == OUTSIDE, ~grid.inside)
        np.testing.assert_array_equal(classes[::3, 5, 7], judge.classes(aspect, x[::3, 5, 7]))


def test_the_written_error_is_that_of_the_potential_between_the_nodes(run, potential, tmp_path):
    write_tables(tmp_path / "phi.fits", potential)
    field, sun = local_field.load(tmp_path / "phi.fits"), run.manifest.config.solar
    x = np.random.default_rng(4).uniform(-0.8, 0.8, (4000, 3))
    r = np.linalg.norm(x, axis=1)
    x = x[(r > 0.1) & (r < 0.8)]
    members = run.potential.acceleration(x)
    found = field.acceleration(sun.galactocentric_position(x)) @ sun.axes
    truths = {"interpolation_error": members.mean(0), "difference_from_best": np.median(members, 0)}
    assert potential.metadata["combination"] == MEAN
    for name, true in truths.items():
        error = np.linalg.norm(found - true, axis=1) / np.linalg.norm(true, axis=1)
        said = potential.metadata[name]
        np.testing.assert_allclose([np.median(error), np.percentile(error, 99)], [*said.values()], rtol=0.15)
    assert potential.metadata["difference_from_best"]["percentile_99"] < 2e-3


def test_finer_nodes_leave_a_smaller_error(run, potential):
    finer = tabulate_potential(run, SPACING / 2)
    coarse, fine = (t.metadata["interpolation_error"]["percentile_99"] for t in (potential, finer))
    assert fine < coarse / 4
    assert fine < 1e-4


def test_the_metadata_tell_frame_run_and_version(run, grid):
    metadata = grid.metadata
    assert (metadata["run"], metadata["frame"], metadata["version"]) == (run.id, "rotating", "0.1.0")
    assert metadata["pattern_speed"] == run.potential.best_pattern_speed
    assert metadata["solar_position"]["R0"] == run.manifest.config.solar.R0
    assert len(metadata["config_sha256"]) == 64
    assert 0 < metadata["interpolation_error"]["median"] < metadata["interpolation_error"]["percentile_99"] < 0.02


def test_fits_axes_give_the_place_of_a_pixel(grid, tmp_path):
    from astropy.wcs import WCS

    write_tables(tmp_path / "grid.fits", grid)
    with fits.open(tmp_path / "grid.fits") as hdus:
        hdu = hdus["DENSITY_SPREAD_DF_SEED"]
        assert hdu.header["BUNIT"] == "solMass pc-3"
        world = WCS(hdu.header).pixel_to_world_values(1, 2, 3)
        np.testing.assert_allclose(world, [grid.axes[i][i + 1] for i in range(3)], atol=1e-12)
        np.testing.assert_array_equal(hdu.data[3, 2, 1], grid.spreads["df_seed", "density"][1, 2, 3])


@pytest.mark.parametrize("spacing", [2.0, 1e-3])
def test_a_spacing_that_does_not_fit_is_refused(run, spacing):
    with pytest.raises(InputError, match="does not fit a volume"):
        tabulate_potential(run, spacing)


def test_an_orbit_through_the_export_is_one_in_the_fit(run, tmp_path):
    """6 Myr in the turning frame: 0.35 kpc along, the mean of the members to 0.001 pc, the best estimate to 0.1 pc."""
    write_tables(tmp_path / "phi.fits", tabulate_potential(run, SPACING / 2))
    field, sun = local_field.load(tmp_path / "phi.fits"), run.manifest.config.solar
    w = sun.to_galactocentric(np.array([0.05, -0.1, 0.1, 20.0, -30.0, 8.0]))
    times = np.linspace(0, 0.006, 7)

    def orbit(acceleration):
        return orbit_in_rotating_axes(w[:3], w[3:], field.spin, acceleration, times)[:, :3]

    def heliocentric(X):
        return X @ sun.axes + sun.centre

    through = orbit(field.acceleration)
    mean = orbit(lambda X: run.potential.acceleration(heliocentric(X)).mean(0) @ sun.axes.T)
    best = orbit(lambda X: run.potential.best().acceleration(heliocentric(X)) @ sun.axes.T)
    assert np.ptp(through[:, 1]) > 0.3
    np.testing.assert_allclose(through, mean, atol=1e-6)
    np.testing.assert_allclose(through, best, atol=1e-4)


def test_a_sphere_in_an_inertial_frame_is_that_of_its_truth(tmp_path, monkeypatch):
    """Exact scores give the potential of a Plummer sphere; its export has it on the axes of the catalogue."""
    system = mocks.system("plummer", {"radius": 1.0})
    config = preset("quick", {**TINY, "potential.frame": "inertial"})
    w = np.asarray(system.sample(np.random.default_rng(0), 2000).w, float)
    scored = ScoredSample(w, system.ln_f(w)[None], system.score(w)[None], np.array([-1]))
    fitted = fit_convex(scored, config.potential, config.solar, seed=0)[0]
    run = waiting_run(tmp_path, config=config)
    write_potentials(potentials_path(run.products, "potential_seed"), config.potential, [fitted, fitted], None)
    monkeypatch.setattr("core.runs.registry.Run.fitted_region", Shell(1.0))
    tables = tabulate_potential(run)
    assert tables.metadata["pattern_speed"] is None
    assert tables.inside.shape == (41, 41, 41)
    write_tables(tmp_path / "phi.fits", tables)
    x = np.random.default_rng(1).uniform(-0.45, 0.45, (500, 3))
    true, field = system.acceleration(x), local_field.load(tmp_path / "phi.fits")
    error = np.linalg.norm(field.acceleration(x) - true, axis=1) / np.linalg.norm(true, axis=1)
    assert np.median(error) < 0.01
    assert tabulate_best(run, 0.25).spreads.keys() == {("potential_seed", name) for name in UNITS}
