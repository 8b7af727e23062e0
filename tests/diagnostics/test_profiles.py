"""Profiles are closed forms where the potential is one, obey Poisson's equation, and end where the fit does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core import mocks, units
from core.config import preset
from core.diagnostics.profiles import galactic_profiles
from core.diagnostics.published import PUBLISHED
from core.diagnostics.scalars import OneMember, scalar_values
from core.diagnostics.volumes import averaging_volumes, trusted_shell
from core.phase_space.region import Everything, Expression, Shell
from core.phase_space.solar_position import SolarPosition
from core.potential import analytic
from core.potential.fields import laplacian_density

SUN = SolarPosition()
CONFIG = preset("quick", {"potential.frame": "rotating"})
BALL = Shell(1.0)


class GalacticDisc:
    """A Miyamoto-Nagai disc about the Galactic centre, heliocentric positions in and out."""

    def _potential(self, x):
        return analytic.miyamoto_nagai(SUN.galactocentric_position(x), mass=6e10, a=3.0, b=0.28)

    def potential(self, x):
        return np.array(jax.vmap(self._potential)(jnp.array(x)))

    def acceleration(self, x):
        return -np.array(jax.vmap(jax.grad(self._potential))(jnp.array(x)))

    def density(self, x):
        return np.array(jax.vmap(lambda y: laplacian_density(self._potential, y))(jnp.array(x)))


def of(field, region=BALL, *, truth=None, synthetic=True, pipelines=("potential_seed",)):
    members = {name: OneMember(field) for name in pipelines}
    trusted = trusted_shell(CONFIG, region) & region
    found = galactic_profiles(members, truth=truth, sun=SUN, region=region, trusted=trusted, synthetic=synthetic)
    return {profile.name: profile for profile in found}


def median(profile, name="potential_seed"):
    return profile.pipelines[name].median


def test_a_slab_has_its_closed_forms():
    slab = mocks.system("shu-disc")
    found = of(slab, truth=slab)
    assert list(found) == ["circular_velocity", "vertical_force", "surface_density", "density"]
    disc, h, halo = slab.disc_density, slab.disc_height, slab.halo_density

    def column(z):  # Msun/pc² from −z to z
        return 2e3 * (disc * h * np.tanh(z / h) + halo * z)

    Z = found["density"].at
    expected = {
        "circular_velocity": np.full_like(found["circular_velocity"].at, slab.v0),
        "vertical_force": 2 * np.pi * units.G * 1e6 * column(np.abs(found["vertical_force"].at)),
        "surface_density": column(found["surface_density"].at),
        "density": disc / np.cosh(Z / h) ** 2 + halo,
    }
    for name, values in expected.items():
        # The trapezoid rule over 0.02 kpc.
        tolerance = 1e-3 if name == "surface_density" else 1e-9
        known = np.isfinite(median(found[name]))
        np.testing.assert_allclose(median(found[name])[known], values[known], rtol=tolerance, err_msg=name)
        np.testing.assert_array_equal(found[name].truth, median(found[name]))
        assert np.count_nonzero(~known) == (name == "vertical_force")  # in the plane itself


def test_column_force_and_rotation_obey_the_divergence_theorem():
    """2πG Σ(|Z|) is the mean K_z of both sides less ∫ ∂(R a_R)/∂R dZ / 2R, which the rotation curve gives."""
    disc = GalacticDisc()
    found = of(disc)
    Z, force = found["vertical_force"].at, median(found["vertical_force"])
    heights = found["surface_density"].at[1:]
    mean = np.array([np.mean(force[np.isclose(np.abs(Z), height)]) for height in heights])
    step = 1e-3
    column = np.linspace(-heights[-1], heights[-1], 2 * len(heights) + 1)

    def outward(R):
        X = np.stack([np.full_like(column, -R), 0 * column, column], 1)
        a = disc.acceleration(X @ SUN.axes + SUN.centre) @ SUN.axes.T
        return R * -a[:, 0]

    divergence = (outward(SUN.R0 + step) - outward(SUN.R0 - step)) / (2 * step * SUN.R0)
    middle = len(heights)
    slices = (divergence[1:] + divergence[:-1]) / 2 * np.diff(column)
    radial = np.array([slices[middle - i : middle + i].sum() for i in range(1, middle + 1)])
    poisson = (mean - radial / 2) / (2 * np.pi * units.G * 1e6)
    assert np.abs(radial).max() > 20  # the term is no formality here
    np.testing.assert_allclose(median(found["surface_density"])[1:], poisson, rtol=2e-3)


def test_north_and_south_of_a_symmetric_potential_are_the_same():
    for name in ("vertical_force", "density"):
        profile = of(GalacticDisc())[name]
        both = [np.flatnonzero(np.isclose(profile.at, -z)) for z in profile.at]
        for i, found in enumerate(both):
            if len(found) and profile.at[i] != 0:
                assert median(profile)[i] == pytest.approx(median(profile)[found[0]], rel=1e-9)
        assert median(profile)[0] > 0  # towards the plane on either side


def test_profiles_and_scalars_are_the_same_measurement():
    disc = GalacticDisc()
    found = of(disc)
    volumes = averaging_volumes(CONFIG, BALL)
    scalars = {name: float(v[0]) for name, v in scalar_values(OneMember(disc), volumes, CONFIG).items()}
    for name in ("vertical_force", "surface_density"):
        at = np.isclose(np.abs(found[name].at), volumes.height)
        assert np.mean(median(found[name])[at]) == pytest.approx(scalars[name], rel=2e-3), name
    at_sun = np.argmin(np.abs(found["circular_velocity"].at - SUN.R0))
    assert median(found["circular_velocity"])[at_sun] == pytest.approx(scalars["circular_velocity"])
    assert np.max(median(found["density"])) == pytest.approx(scalars["density_midplane"])


def test_bands_are_percentiles_over_the_members_of_each_pipeline(fit):
    members = fit.potential
    found = galactic_profiles(
        {"df_seed": members, "some_new_pipeline": members.take(slice(0, 1))},
        truth=fit.system,
        sun=SUN,
        region=BALL,
        trusted=BALL,
        synthetic=True,
    )
    density = {profile.name: profile for profile in found}["density"]
    X = np.stack([np.full_like(density.at, -SUN.R0), 0 * density.at, density.at], 1)
    values = members.density(X @ SUN.axes + SUN.centre)
    np.testing.assert_allclose(np.stack(density.pipelines["df_seed"]), np.percentile(values, [16, 50, 84], axis=0))
    single = density.pipelines["some_new_pipeline"]
    np.testing.assert_array_equal(single.low, single.high)
    low, high = density.extent
    assert low <= values.min() + 1e-3
    assert high >= np.percentile(values, 84, axis=0).max()


def test_nothing_is_said_outside_of_the_fitted_region():
    region = BALL & Expression("Z < 0.5 & abs(b) > 20")
    found = of(GalacticDisc(), region)
    assert "circular_velocity" not in found  # but below the Sun, the midplane is not in the region
    for name, profile in found.items():
        assert profile.at.max() <= 0.5, name
        assert not np.any(profile.trusted & ~np.isfinite(median(profile)) & (profile.at != 0)), name
    assert found["density"].at.min() < -0.9  # the south goes on
    assert found["surface_density"].at.max() <= 0.5  # a column needs both sides
    hole = of(GalacticDisc(), BALL & Expression("r > 0.3"))["density"]
    assert np.isnan(median(hole)[np.abs(hole.at) < 0.25]).all()
    assert "surface_density" not in of(GalacticDisc(), BALL & Expression("r > 0.3"))


def test_only_the_shell_is_trusted():
    profile = of(GalacticDisc())["circular_velocity"]
    away = np.abs(profile.at - SUN.R0)
    assert profile.trusted[(away > 0.15) & (away < 0.75)].all()
    assert not profile.trusted[(away < 0.05) | (away > 0.85)].any()


def test_an_unbounded_region_has_no_profiles():
    found = galactic_profiles({}, truth=None, sun=SUN, region=Everything(), trusted=Everything(), synthetic=True)
    assert found == ()


def test_published_values_are_for_real_stars_within_reach():
    assert all(not profile.published for profile in of(GalacticDisc()).values())
    near = of(GalacticDisc(), synthetic=False)
    assert {p.source for p in near["surface_density"].published} >= {"Bovy & Rix 2013"}
    assert len(near["circular_velocity"].published) == 3
    low, high = near["circular_velocity"].extent
    assert low <= 229 <= 243 <= high
    small = of(GalacticDisc(), Shell(0.3), synthetic=False)
    assert small["surface_density"].published == ()
    assert small["density"].published


def test_every_published_value_belongs_to_a_profile_and_names_its_year():
    names = set(of(GalacticDisc()))
    for value in PUBLISHED:
        assert value.profile in names
        assert value.error > 0
        assert any(word.strip(",").isdigit() for word in value.source.split())
