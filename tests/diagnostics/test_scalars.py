"""Scalars: known fields give their known values, every volume is inside the fit, and what lies outside is left out."""

import dataclasses
import json
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from core import mocks, units
from core.config import preset
from core.diagnostics.quantities import DRIFT, QUANTITIES
from core.diagnostics.scalar_draws import ScalarDraws, from_json
from core.diagnostics.scalars import OneMember, scalar_draws, scalar_values
from core.diagnostics.volumes import averaging_volumes, trusted_shell
from core.phase_space.region import Box, Everything, Expression, Shell
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
ROTATING = preset("quick")
INERTIAL = preset("quick", {"potential.frame": "inertial"})
NAMES = [q.name for q in QUANTITIES if q.name not in DRIFT]


@dataclass(frozen=True)
class UniformField:
    """The same acceleration [(km/s)²/kpc] and density [Msun/pc³] everywhere."""

    a: tuple[float, float, float]
    rho: float

    def potential(self, x):
        return -x @ np.array(self.a)

    def acceleration(self, x):
        return np.broadcast_to(np.array(self.a), x.shape)

    def density(self, x):
        return np.full(len(x), self.rho)


def values(field, config=ROTATING, region=Shell(1.0)):  # noqa: B008 (a frozen value)
    volumes = averaging_volumes(config, region)
    return {name: float(v[0]) for name, v in scalar_values(OneMember(field), volumes, config).items()}


def test_a_uniform_field_has_its_value_in_every_volume():
    found = values(UniformField((4000.0, -30.0, -80.0), 0.09))
    mean = SUN.axes @ [4000.0, -30.0, -80.0]
    for i, axis in enumerate("xyz"):
        assert found[f"acceleration_{axis}"] == pytest.approx(mean[i])
    for name in ("density_midplane", "density_slab", "density_shell"):
        assert found[name] == pytest.approx(0.09)
    assert found["dark_matter_density"] == pytest.approx(0.09 - ROTATING.scalars.baryon_density)
    assert found["surface_density"] == pytest.approx(0.09 * 1600)  # Msun/pc² between ±0.8 kpc
    assert found["negative_density_fraction"] == 0
    assert values(UniformField((1.0, 0.0, 0.0), -0.01))["negative_density_fraction"] == 1


def test_homogeneous_matter_has_the_force_of_its_oscillators():
    """Φ = ½ xᵀKx: the mean acceleration of a linear field is that at the Sun, and K_z = c² |Z| pulls back."""
    system = mocks.system("freeman")
    found = values(system)
    at_sun = system.sun.axes @ system.acceleration(np.zeros((1, 3)))[0]
    # Every point comes with its mirror image, but for those cut off at the end of the list: 1 of 4096 at most.
    for i, axis in enumerate("xyz"):
        assert found[f"acceleration_{axis}"] == pytest.approx(at_sun[i], rel=1e-3, abs=1)
    rho = (system.a**2 + system.b**2 + system.c**2) / (units.FOUR_PI_G * units.PC3_PER_KPC3)
    assert found["density_midplane"] == pytest.approx(rho)
    assert found["surface_density"] == pytest.approx(rho * 1600)
    assert found["vertical_force"] == pytest.approx(system.c**2 * 0.8)


def test_a_flat_rotation_curve_has_its_velocity():
    system = mocks.system("shu-disc")
    found = values(system)
    assert found["circular_velocity"] == pytest.approx(system.v0)
    assert found["density_midplane"] == pytest.approx(system.disc_density + system.halo_density, rel=1e-6)
    # Means over volumes: ⟨sech²⟩ over ±0.8 kpc is h/0.8 tanh(0.8/h).
    column = system.disc_density * 2 * 300 * np.tanh(0.8 / 0.3) + system.halo_density * 1600
    assert found["surface_density"] == pytest.approx(column, rel=1e-3)  # trapezoid rule over 0.02 kpc
    assert found["density_shell"] < found["density_slab"] < found["density_midplane"]


def test_volumes_are_inside_the_fit_and_what_can_be_trusted_of_it():
    region = Shell(1.0) & Expression("abs(b) > 5") & Box((("x", -0.9, 0.5),))
    volumes = averaging_volumes(ROTATING, region)
    r = np.linalg.norm(volumes.shell, axis=1)
    assert np.all((r >= 0.1) & (r <= 0.8))
    assert np.all(region.contains_positions(volumes.shell, SUN))
    assert len(volumes.shell) > 2000
    heights = SUN.galactocentric_position(volumes.shell)[:, 2]
    np.testing.assert_array_equal(volumes.slab, np.abs(heights) < 0.3)
    assert not volumes.has_plane  # the midplane within 5° of the Sun is not in the region


def test_points_are_the_same_for_every_fit_and_even_about_the_sun():
    first, again = averaging_volumes(ROTATING, Shell(1.0)), averaging_volumes(ROTATING, Shell(1.0))
    np.testing.assert_array_equal(first.shell, again.shell)
    assert np.linalg.norm(first.shell.mean(0)) < 1e-3
    assert len(first.shell) == 4096


def test_the_arc_and_the_column_are_where_they_say():
    volumes = averaging_volumes(ROTATING, Shell(1.0))
    arc, column = (SUN.galactocentric_position(x) for x in (volumes.arc, volumes.column))
    np.testing.assert_allclose(np.hypot(arc[:, 0], arc[:, 1]), SUN.R0)
    np.testing.assert_allclose(arc[:, 2], 0, atol=1e-12)
    r = np.linalg.norm(volumes.arc, axis=1)
    assert r.min() > 0.09
    assert r.max() < 0.81
    np.testing.assert_allclose(column[[0, -1], 2], [-0.8, 0.8])
    np.testing.assert_allclose(column[:, 0], -SUN.R0)
    assert volumes.height == 0.8


@pytest.mark.parametrize(
    ("config", "region", "outer", "inner"),
    [
        (ROTATING, Shell(1.0), 0.8, 0.1),
        (ROTATING, Shell(0.5), 0.4, 0.1),
        (ROTATING, Shell(0.1), 0.08, 0.04),
        (ROTATING, Shell(5.0), 0.8, 0.1),
        (ROTATING, Everything(), 0.8, 0.1),
        (preset("quick", {"scalars.outer": 3, "scalars.inner": 0}), Shell(10.0), 3.0, 0.0),
    ],
)
def test_the_trusted_shell_keeps_away_from_the_edge(config, region, outer, inner):
    shell = trusted_shell(config, region)
    assert (shell.outer, shell.inner) == pytest.approx((outer, inner))


PLANE = {"density_midplane", "dark_matter_density", "circular_velocity", "surface_density", "vertical_force"}
SHELL = {"acceleration_x", "acceleration_y", "acceleration_z", "density_shell", "negative_density_fraction"}


@pytest.mark.parametrize(
    ("config", "region", "present"),
    [
        (ROTATING, Shell(1.0), SHELL | PLANE | {"density_slab"}),
        (ROTATING, Shell(1.0) & Expression("abs(b) > 30"), SHELL),
        (ROTATING, Shell(1.0) & Expression("z > 0.1"), SHELL),
        (INERTIAL, Shell(1.0), SHELL),
        (ROTATING, Shell(0.3, centre=(5.0, 0.0, 0.0)), set()),
    ],
    ids=["ball", "cones", "north", "sphere", "elsewhere"],
)
def test_a_scalar_whose_volume_is_outside_is_absent(config, region, present):
    """An extrapolated value would be no measurement."""
    assert set(values(UniformField((1.0, 1.0, 1.0), 0.1), config, region)) == present


def test_draws_are_one_per_potential_of_each_pipeline(fit):
    draws = scalar_draws(
        {"potential_seed": fit.potential, "df_seed": fit.potential.take(slice(0, 2))},
        fit.config,
        Shell(1.0),
        truth=fit.system,
        true_pattern_speed=20.0,
    )
    assert [d.name for d in draws] == NAMES
    for d in draws:
        assert {name: len(v) for name, v in d.pipelines.items() if name != "baryons"} == {
            "potential_seed": 3,
            "df_seed": 2,
        }
        assert d.best == np.median(d.pipelines["potential_seed"])
        low, median, high = d.interval("potential_seed")
        assert low <= median <= high
        assert median == d.best
        assert d.volume
        # An independent check of the whole chain: what a fit to almost exact scores says is the truth.
        if d.name != "dark_matter_density":
            assert d.best == pytest.approx(d.truth, rel=0.03, abs=30 if "acceleration" in d.name else 1e-9)
    again = [from_json(d.name, json.loads(json.dumps(d.to_json()))) for d in draws]
    assert [d.to_json() for d in again] == [d.to_json() for d in draws]
    assert [(d.name, d.label, d.unit, d.volume, d.best, d.truth) for d in again] == [
        (d.name, d.label, d.unit, d.volume, d.best, d.truth) for d in draws
    ]


def test_a_drift_of_the_frame_is_three_more_draws(fit):
    drift = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [9.0, 9.0, 5.0]])
    drifting = dataclasses.replace(fit.potential, drift=drift)
    draws = {d.name: d for d in scalar_draws({"potential_seed": drifting}, fit.config, Shell(1.0), truth=fit.system)}
    assert set(draws) == {*NAMES, *DRIFT}
    assert [draws[name].best for name in DRIFT] == [2.0, 3.0, 4.0]
    assert [draws[name].truth for name in DRIFT] == [0.0, 0.0, 0.0]


def test_what_the_baryons_leave_carries_their_error(fit):
    (dark,) = [
        d
        for d in scalar_draws({"potential_seed": fit.potential}, fit.config, Shell(1.0))
        if d.name == "dark_matter_density"
    ]
    assert dark.errors["baryons"] == pytest.approx(fit.config.scalars.baryon_error, rel=0.03)
    assert np.median(dark.pipelines["baryons"]) == pytest.approx(dark.best)
    particles = dark.to_json()["gev_per_cm3"]
    assert particles["best"] == pytest.approx(37.96 * dark.best, rel=1e-3)
    assert particles["error"] == pytest.approx(37.96 * dark.error, rel=1e-3)


def test_potentials_of_other_solar_positions_are_seen_from_there(fit):
    """One and the same potential, seen with another R0: v_c² = -R a_R moves by half of ln R0."""
    field, sun = fit.potential.take(slice(0, 1)), fit.config.solar
    suns = [dataclasses.replace(sun, R0=R0) for R0 in (sun.R0, sun.R0 + 0.05)]
    both = type(field)(field.model, jax.tree.map(lambda a: np.repeat(a, 2, 0), field.states), None)
    draws = scalar_draws(
        {"potential_seed": field, "solar_position": both}, fit.config, Shell(1.0), suns={"solar_position": suns}
    )
    speed = next(d for d in draws if d.name == "circular_velocity")
    same, other = speed.pipelines["solar_position"]
    assert same == pytest.approx(speed.best, rel=1e-9)
    assert other / same == pytest.approx(np.sqrt(suns[1].R0 / sun.R0), rel=1e-3)


def test_without_a_truth_or_a_pattern_speed_nothing_is_said_of_them(fit):
    inertial = type(fit.potential)(fit.potential.model, fit.potential.states, None)
    draws = scalar_draws({"potential_seed": inertial}, INERTIAL, Shell(1.0))
    assert "pattern_speed" not in [d.name for d in draws]
    assert all(d.truth is None for d in draws)


def test_volumes_name_themselves():
    words = averaging_volumes(ROTATING, Shell(1.0) & Expression("x > 0")).words
    assert "0.1 < r < 0.8 kpc" in words["shell"]
    assert "x > 0" in words["shell"]
    assert averaging_volumes(ROTATING, Shell(1.0)).words["shell"] == "0.1 < r < 0.8 kpc"
    assert {q.volume for q in QUANTITIES} <= set(words)


def test_what_moves_all_resampled_draws_alike_counts_as_an_error():
    """Draws of other stars about another value than the best; those of other seeds are only scattered."""
    scattered = np.linspace(-1, 1, 201)
    width = 0.68
    for pipeline, expected in (("bootstrap", np.hypot(width, 3.0)), ("df_seed", width)):
        draws = {"potential_seed": np.full(3, 10.0), pipeline: 13 + scattered}
        one = ScalarDraws("density_slab", "", "", "", best=10.0, pipelines=draws)
        assert one.shift(pipeline) == pytest.approx(3.0)
        assert one.errors[pipeline] == pytest.approx(expected, rel=0.01)
        assert one.error == pytest.approx(expected, rel=0.01)
