"""Models of the baryons: published totals come out, draws have the errors that they say, heights are columns."""

import astropy.constants as const
import astropy.units as u
import numpy as np
import pytest

from core.baryons.literature import _HYDROGEN, FLYNN, LITERATURE, MCKEE
from core.baryons.model import PROFILES, BaryonModel, Component, one_number
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
MIDPLANE = SUN.centre - SUN.R0 * SUN.axes[:1]


def at_height(Z):
    """Heliocentric places at the Sun's R and the heights Z [kpc]."""
    X = np.stack([np.full_like(Z, -SUN.R0), 0 * Z, Z], 1)
    return X @ SUN.axes + SUN.centre


def column(model):
    """Surface density [Msun/pc²] at R0."""
    Z = np.linspace(-15, 15, 60_001)
    R = np.full_like(Z, SUN.R0)
    return 1e3 * sum(np.trapezoid(c.at(R, Z, SUN.R0), Z) for c in model.components)


@pytest.mark.parametrize(
    ("model", "density", "surface"),
    [(MCKEE, 0.084, 47.1), (FLYNN, 0.0914, 49.0)],
    ids=list(LITERATURE),
)
def test_published_totals_come_out(model, density, surface):
    assert model.midplane[0] == pytest.approx(density, rel=0.01)
    assert column(model) == pytest.approx(surface, rel=0.01)


def test_gas_has_the_columns_of_its_table():
    """McKee, Parravano & Hollenbach 2015: H2 1.0, HI 10.9, HII 1.8 (0.1 of it the Gum Nebula); in all 13.7 ± 1.6."""
    gas = [c for c in MCKEE.components if c.group != "stars"]
    of = {
        group: column(BaryonModel("", "", tuple(c for c in gas if c.group == group))) for group in ("H2", "HI", "HII")
    }
    assert list(of.values()) == pytest.approx([1.0, 10.9, 1.7], rel=0.04)
    errors = [of[c.group] * c.error / c.density for c in {c.group: c for c in gas}.values()]
    assert np.hypot.reduce(errors) == pytest.approx(1.6, rel=0.06)


def test_a_nucleus_weighs_as_much_as_hydrogen_with_helium():
    mass = 1.4 * (const.m_p + const.m_e) / u.cm**3
    assert mass.to_value(u.Msun / u.pc**3) == pytest.approx(_HYDROGEN, rel=1e-3)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_falls_from_one_and_is_even(profile):
    height = np.linspace(0, 40, 400)
    fall = PROFILES[profile](height)
    assert fall[0] == 1
    assert np.all(np.diff(fall) <= 0)
    assert np.all(np.isfinite(fall))
    np.testing.assert_array_equal(fall, PROFILES[profile](-height))


def test_a_disc_falls_with_radius_from_the_sun():
    disc = Component("disc", 0.05, 0.0, "sech2", 0.3, 2.0)
    R = np.array([SUN.R0 - 1, SUN.R0, SUN.R0 + 1])
    np.testing.assert_allclose(disc.at(R, np.zeros(3), SUN.R0), 0.05 * np.exp([0.5, 0, -0.5]))


def test_one_number_knows_the_midplane_alone():
    model = one_number(0.08, 0.01)
    assert model.mean(MIDPLANE, SUN) == 0.08
    assert np.isnan(model.mean(at_height(np.array([0.0, 0.1])), SUN))


@pytest.mark.parametrize("model", [one_number(0.08, 0.01), MCKEE, FLYNN], ids=["one", "mckee", "flynn"])
def test_draws_have_the_error_that_the_model_says(model):
    draws = model.deviations(MIDPLANE, SUN)
    low, high = np.percentile(draws, [16, 84])
    assert np.mean(draws) == pytest.approx(0, abs=0.01 * model.midplane[1])
    assert np.std(draws) == pytest.approx(model.midplane[1], rel=1e-2)
    assert (high - low) / 2 == pytest.approx(model.midplane[1], rel=0.03)


def test_components_of_a_group_err_together_and_others_apart():
    def spread(*groups):
        parts = (Component(str(i), 0.02, 0.003, "sech2", 0.2, group=g) for i, g in enumerate(groups))
        return BaryonModel("", "", tuple(parts)).midplane[1]

    assert spread("gas", "gas") == pytest.approx(0.006)
    assert spread("gas", "stars") == pytest.approx(0.003 * np.sqrt(2))
    assert spread("", "") == pytest.approx(0.003 * np.sqrt(2))


def test_a_draw_is_one_and_the_same_model_in_every_volume():
    """Where one component is all there is, its draws are in proportion to its means."""
    model = BaryonModel("", "", (Component("disc", 0.05, 0.01, "exponential", 0.3),))
    low, high = MIDPLANE, at_height(np.array([0.3]))
    ratio = model.mean(high, SUN) / model.mean(low, SUN)
    np.testing.assert_allclose(model.deviations(high, SUN), ratio * model.deviations(low, SUN), atol=1e-15)
    assert ratio == pytest.approx(np.exp(-1))
