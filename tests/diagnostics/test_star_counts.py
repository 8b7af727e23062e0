"""Gradients of ln n from star counts: right where they are known, and a flow with another density is found out."""

import numpy as np
import pytest
from scipy.integrate import quad

from core.diagnostics.star_counts import HEIGHTS, Slope, slopes
from core.mocks import ball
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
STARS = 100_000
HEIGHT, LENGTH = 0.3, 2.5


def disc(seed, height=HEIGHT, n=STARS):
    """Stars of a sech² disc in an upright box about the Sun, whose sides are along the field of the tests in height."""
    rng = np.random.default_rng(seed)
    Z = height * np.arctanh(rng.uniform(-1, 1, 2 * n))
    X = np.stack([rng.uniform(-0.5, 0.5, 2 * n) - SUN.R0, rng.uniform(-0.5, 0.5, 2 * n), Z], 1)
    X = X[np.abs(Z) < 1.0][:n]
    return X @ SUN.axes + SUN.centre


def exponential(seed, length=LENGTH, n=STARS):
    """Stars of a disc that falls off exponentially with R, in a ball about the Sun."""

    def ln_density(x):
        X = SUN.galactocentric_position(x)
        return -np.hypot(X[:, 0], X[:, 1]) / length - np.log(np.cosh(X[:, 2] / HEIGHT)) * 2

    return ball.draw(np.random.default_rng(seed), n, 1.0, ln_density)


def plummer(seed, scale=1.0, n=STARS):
    rng = np.random.default_rng(seed)
    share = rng.uniform(0, 0.9, n)
    return ball.directions(rng, n) * (scale / np.sqrt(share ** (-2 / 3) - 1))[:, None]


def found(stars, flow, kind="disc", weight=None):
    weight = np.ones(len(stars)) if weight is None else weight
    return {slope.where: slope for slope in slopes(stars, weight, flow, kind=kind, sun=SUN)}


def weighted(gradient, density, low, high):
    """The gradient in a bin under the roof over it."""
    roof = lambda u: 1 - abs(u - (low + high) / 2) / ((high - low) / 2)  # noqa: E731
    middle = [(low + high) / 2]
    top = quad(lambda u: roof(u) * density(u) * gradient(u), low, high, points=middle)[0]
    return top / quad(lambda u: roof(u) * density(u), low, high, points=middle)[0]


def assert_right(slope, expected):
    """Both estimates within four of their own errors, which are as small as the stars allow."""
    assert abs(slope.stars - expected) < 4 * slope.stars_error
    assert abs(slope.flow - expected) < 4 * slope.flow_error


# --------------------------------------------------------------------------------------------------- known gradients


def test_the_slopes_of_a_sech2_disc_are_the_analytic_ones():
    for where, slope in found(disc(0), disc(1)).items():
        if where.startswith("|Z|"):
            low, high = (float(edge) for edge in where.removeprefix("|Z| ").removesuffix(" kpc").split("–"))
            expected = weighted(
                lambda z: -2 / HEIGHT * np.tanh(z / HEIGHT), lambda z: np.cosh(z / HEIGHT) ** -2.0, low, high
            )
            assert_right(slope, expected)
            assert slope.stars_error < 0.7
            assert slope.agrees


def test_the_bins_are_those_of_the_heights():
    names = list(found(disc(0), disc(1)))
    assert names[-2:] == ["R", "φ"]
    assert len(names) == len(HEIGHTS) - 1 + 2


def test_the_slope_along_R_is_that_of_the_exponential_and_along_azimuth_none():
    seen = found(exponential(0), exponential(1))
    assert_right(seen["R"], -1 / LENGTH)
    assert_right(seen["φ"], 0.0)
    assert seen["R"].stars_error < 0.02


def test_a_pattern_in_azimuth_has_its_sign():
    """More stars ahead of the Sun, in the direction of rotation: n grows with φ [per kpc of arc]."""
    x = exponential(0, n=2 * STARS)
    ahead = SUN.galactocentric_position(x)
    arc = SUN.R0 * np.arctan2(ahead[:, 1], -ahead[:, 0])
    keep = np.random.default_rng(2).random(len(x)) < np.exp(0.3 * (arc - 1.1))
    assert_right(found(x[keep], x[keep])["φ"], 0.3)


def test_the_slopes_of_a_plummer_sphere_are_the_analytic_ones():
    x = plummer(0)
    edges = np.quantile(np.linalg.norm(x, axis=1), (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0))
    seen = list(found(x, plummer(1), "sphere").values())
    assert len(seen) == 6
    for slope, low, high in zip(seen, edges[:-1], edges[1:], strict=True):
        expected = weighted(lambda r: -5 * r / (1 + r**2), lambda r: r**2 * (1 + r**2) ** -2.5, low, high)
        assert_right(slope, expected)
        assert slope.agrees


# ------------------------------------------------------------------------------------------------------- the verdict


def test_a_flow_of_the_same_density_agrees_everywhere():
    for seed in range(3):
        assert all(slope.agrees for slope in found(disc(seed), disc(10 + seed)).values())
        assert all(s.agrees for s in found(plummer(seed), plummer(10 + seed), "sphere").values())


MANY = 400_000


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_scale_height_that_is_ten_per_cent_wrong_is_found_out(factor):
    """Where the stars are steep; near the plane, where they are not, even so many do not tell."""
    for seed in range(2):
        seen = found(disc(seed, n=MANY), disc(10 + seed, factor * HEIGHT, MANY))
        assert not seen["|Z| 0.3–0.5 kpc"].agrees
        assert not seen["|Z| 0.5–0.9 kpc"].agrees
        assert seen["φ"].agrees


def test_a_scale_length_or_radius_that_is_wrong_is_found_out():
    assert not found(exponential(0), exponential(1, 2.0))["R"].agrees
    wrong = found(plummer(0, n=MANY), plummer(1, 1.1, MANY), "sphere")
    assert not all(slope.agrees for slope in wrong.values())


@pytest.mark.parametrize(
    ("values", "agrees"),
    [
        ((-1.0, 0.001, -1.029, 0.001), True),  # three per cent, whatever the errors
        ((-1.0, 0.001, -1.031, 0.001), False),
        ((-1.0, 0.3, -1.9, 0.1), True),  # three errors of the difference
        ((-1.0, 0.3, -2.0, 0.1), False),
        ((0.0, 0.01, 0.02, 0.01), True),
    ],
)
def test_three_per_cent_or_three_errors_are_agreement(values, agrees):
    slope = Slope("R", *values)
    assert slope.agrees == agrees
    assert Slope.from_json(slope.to_json()) == slope


# ------------------------------------------------------------------------------------------------------------ weights


def selected(seed, n=2 * STARS):
    """Stars of a disc of which those near the plane are hidden, and the weights that undo it."""
    x = disc(seed, n=n)
    Z = SUN.galactocentric_position(x)[:, 2]
    chance = 0.2 + 0.8 * np.tanh(np.abs(Z) / 0.4)
    keep = np.random.default_rng(100 + seed).random(len(x)) < chance
    return x[keep], 1 / chance[keep]


def test_weights_undo_a_known_selection():
    x, weight = selected(0)
    whole = disc(1)
    assert all(slope.agrees for slope in found(x, whole, weight=weight).values())
    ignored = found(x, whole)
    assert not ignored["|Z| 0.1–0.2 kpc"].agrees
    # Uneven weights are fewer stars: the error says so.
    where = "|Z| 0.05–0.1 kpc"
    even = found(x, whole, weight=np.full(len(x), 7.0))[where]
    assert even.stars_error == pytest.approx(ignored[where].stars_error, rel=1e-12)


def test_the_errors_are_those_of_the_scatter_between_samples():
    """Of 40 samples with weights: the standard deviation of what is found is the error that comes with it, to 25 %."""
    where = ("|Z| 0.1–0.2 kpc", "R")
    flow = disc(999, n=2000)
    seen = []
    for seed in range(40):
        x, weight = selected(seed, 15_000)
        seen.append(found(x, flow, weight=weight))
    for name in where:
        values = np.array([s[name].stars for s in seen])
        error = np.mean([s[name].stars_error for s in seen])
        assert 0.75 < values.std() / error < 1.25


def test_of_a_few_stars_nothing_is_said():
    seen = found(disc(0)[:1000], disc(1))
    assert "|Z| 0–0.05 kpc" not in seen  # where 160 are
    assert "|Z| 0.1–0.2 kpc" in seen
    assert "R" in seen
    assert found(disc(0)[:100], disc(1)) == {}
