"""Laws that every exact mock and every closed-form potential obeys, and closed forms written here independently."""

import json
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from finite_differences import differences

from core import mocks, units
from core.errors import ConfigError, InputError
from core.mocks import ball
from core.mocks.system import StationarySystem
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.potential import analytic

EXACT = ("plummer", "freeman", "slab-spiral", "shu-disc")
STARS = 30_000


@cache
def drawn(name: str) -> tuple[StationarySystem, PhaseSpaceSample]:
    system = mocks.system(name)
    return system, system.sample(np.random.default_rng(7), STARS)


def interior(system, w):
    """Stars away from where f vanishes and its derivatives run off."""
    if system.name == "plummer":
        binding = -system.potential(w[:, :3]) - 0.5 * np.sum(w[:, 3:] ** 2, 1)
        return w[binding > 0.2 * binding.max()]
    return w


# ---------------------------------------------------------------------------------------------------- exact systems


@pytest.mark.parametrize("name", EXACT)
def test_the_boltzmann_equation_holds_to_rounding(name):
    system, sample = drawn(name)
    residual, terms = mocks.cbe_residual(system, sample.w[:500])
    assert np.all(np.abs(residual) <= 1e-10 * terms)


def test_the_boltzmann_equation_notices_a_wrong_pattern_speed():
    system, sample = drawn("freeman")

    class Turned(type(system)):
        @property
        def rotation(self):
            return 1.05 * super().rotation

    residual, terms = mocks.cbe_residual(Turned(), sample.w[:500])
    assert np.median(np.abs(residual) / terms) > 1e-3


@pytest.mark.parametrize("name", EXACT)
def test_the_score_is_the_gradient_of_ln_f(name):
    system, sample = drawn(name)
    w = interior(system, sample.w[:300])
    score = system.score(w)
    numeric = differences(system.ln_f, w, [1e-3] * 3 + [0.1] * 3)
    scale = np.sqrt(np.mean(score**2, 0))
    np.testing.assert_allclose(numeric / scale, score / scale, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", mocks.SYSTEMS)
def test_forces_and_density_derive_from_the_potential(name):
    system = mocks.system(name)
    x = ball.draw_uniform(np.random.default_rng(3), 200, 1.0)
    force = system.acceleration(x)
    scale = np.sqrt(np.mean(force**2))
    np.testing.assert_allclose(-differences(system.potential, x, [1e-3] * 3) / scale, force / scale, atol=1e-7)
    divergence = np.trace(differences(system.acceleration, x, [1e-3] * 3), axis1=1, axis2=2)
    np.testing.assert_allclose(-divergence / (units.FOUR_PI_G * units.PC3_PER_KPC3), system.density(x), rtol=1e-6)


@pytest.mark.parametrize("name", EXACT)
def test_f_is_normalised_over_the_region(name):
    """∫ g d⁶w = E_stars[g/f] for a normalised g that lies inside f's support, here a ball times a narrow Gaussian."""
    system, sample = drawn(name)
    w, radius = sample.w, 0.5 * min(system.radius, 2.0)
    near = np.sum(w[:, :3] ** 2, 1) < radius**2
    mean, sigma = w[near, 3:].mean(0), 0.5 * w[near, 3:].std(0)
    u = (w[:, 3:] - mean) / sigma
    ln_g = -0.5 * np.sum(u**2, 1) - 1.5 * np.log(2 * np.pi) - np.log(sigma).sum() - np.log(4 / 3 * np.pi * radius**3)
    ratio = np.where(near, np.exp(ln_g - system.ln_f(w)), 0.0)
    error = ratio.std() / np.sqrt(len(w))
    assert error < 0.03
    assert abs(ratio.mean() - 1) < 4 * error


@pytest.mark.parametrize("name", EXACT)
def test_stars_are_distributed_as_f(name):
    """E[∂_j(φ w_i) + φ w_i s_j] = 0 for any taper φ that vanishes at the edge: integration by parts."""
    system, sample = drawn(name)
    w = sample.w[np.argsort(sample.w[:, 0])]  # sorted, so that the draw's order cannot matter
    edge = min(system.radius, 3.0)
    u = np.clip(1 - np.sum(w[:, :3] ** 2, 1) / edge**2, 0, None)
    taper, slope = u**4, np.pad((-8 * u**3)[:, None] * w[:, :3] / edge**2, [(0, 0), (0, 3)])
    score = np.where(u[:, None] > 0, system.score(w), 0.0)
    moments = np.concatenate([np.ones((len(w), 1)), (w - w.mean(0)) / w.std(0)], 1)
    derivative = np.concatenate([np.zeros((1, 6)), np.diag(1 / w.std(0))])
    for moment, unit in zip(moments.T, derivative, strict=True):
        terms = slope * moment[:, None] + taper[:, None] * unit + (taper * moment)[:, None] * score
        error = terms.std(0) / np.sqrt(len(w))
        assert np.all(np.abs(terms.mean(0)) < 4.5 * error)


@pytest.mark.parametrize("name", ["freeman", "slab-spiral", "shu-disc"])
def test_positions_follow_the_density(name):
    system, sample = drawn(name)
    x, weights = ball.quadrature(system.radius)
    mass = weights * system.number_density(x)
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    for power in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 2], [2, 0, 0], [0, 0, 4], [1, 0, 2]):
        exact = np.sum(mass * np.prod(x**power, 1))
        stars = np.prod(sample.w[:, :3] ** power, 1)
        assert abs(stars.mean() - exact) < 4.5 * stars.std() / np.sqrt(len(stars)), power
    assert np.all(np.linalg.norm(sample.w[:, :3], axis=1) <= system.radius)


def test_the_quadrature_integrates_polynomials_exactly():
    x, weights = ball.quadrature(2.0, 8)
    assert weights.sum() == pytest.approx(4 / 3 * np.pi * 8, rel=1e-12)
    assert np.sum(weights * x[:, 2] ** 2 * x[:, 0] ** 2) == pytest.approx(4 * np.pi * 2**7 / (7 * 15), rel=1e-12)


@pytest.mark.parametrize("name", EXACT)
def test_a_sample_belongs_to_its_seed(name):
    system, _ = drawn(name)
    first, again = (system.sample(np.random.default_rng(5), 100).w for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (100, 6)
    assert system.sample(np.random.default_rng(5), 0).w.shape == (0, 6)


@pytest.mark.parametrize("name", EXACT)
def test_truth_stays_in_double_precision_where_jax_does_not(name):
    system, sample = drawn(name)
    w = sample.w[:100]
    with jax.enable_x64(False):
        values = system.ln_f(w), system.score(w), system.acceleration(w[:, :3]), system.density(w[:, :3])
    exact = system.ln_f(w), system.score(w), system.acceleration(w[:, :3]), system.density(w[:, :3])
    for value, reference in zip(values, exact, strict=True):
        assert value.dtype == np.float64
        np.testing.assert_allclose(value, reference, rtol=1e-13)


def test_where_no_star_can_be_ln_f_is_minus_infinity_and_the_score_finite():
    unbound = np.array([[0.0, 0, 0, 1e3, 0, 0]])
    backwards = np.array([[0.1, 0, 0, 0, -600.0, 0]])
    for name, w in (("plummer", unbound), ("shu-disc", backwards)):
        system = mocks.system(name)
        assert system.ln_f(w) == -np.inf
        assert np.all(np.isfinite(system.score(w)))


# ------------------------------------------------------------------------------------- closed forms, written anew


def test_plummer_agrees_with_its_closed_form():
    system = mocks.system("plummer", {"mass": 3e9, "scale": 0.7, "radius": 4.0})
    sample = system.sample(np.random.default_rng(2), 20_000)
    x, v = sample.w[:, :3], sample.w[:, 3:]
    r2, G, M, b = np.sum(x**2, 1), units.G, 3e9, 0.7
    psi = G * M / np.sqrt(r2 + b**2)
    inside = (1 + (b / 4.0) ** 2) ** -1.5
    eddington = 96 / (7 * np.sqrt(8) * np.pi**3) * b**2 / (G * M) ** 5 * (psi - 0.5 * np.sum(v**2, 1)) ** 3.5
    np.testing.assert_allclose(system.ln_f(sample.w), np.log(eddington / inside), rtol=1e-9)
    np.testing.assert_allclose(system.potential(x), -psi, rtol=1e-12)
    rho = 3 * M / (4 * np.pi * b**3) * (1 + r2 / b**2) ** -2.5 / 1e9
    np.testing.assert_allclose(system.density(x), rho, rtol=1e-9)
    enclosed = np.sort((1 + b**2 / r2) ** -1.5 / inside)
    steps = np.arange(1, len(enclosed) + 1) / len(enclosed)
    assert np.max(np.abs(enclosed - steps)) < 1.63 / np.sqrt(len(enclosed))  # Kolmogorov–Smirnov at 1 %
    # Jeans: the dispersion of an isotropic Plummer sphere is ψ/6 in each direction.
    assert np.mean(v**2 / psi[:, None] * 6) == pytest.approx(1, abs=0.02)


def freeman_ln_f(w, *, a, b, c, omega, angle, components, sun):
    """From the analytic modes of the anisotropic oscillator, in the bar's frame with the Sun at positive x."""
    heliocentric = sun.to_galactocentric(w) * [-1, 1, 1, -1, 1, 1]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    q = np.concatenate([heliocentric[:, :2] @ turn.T, heliocentric[:, 3:5] @ turn.T], 1)
    z, vz = heliocentric[:, 2], heliocentric[:, 5]
    middle, product = (a**2 + b**2) / 2 + omega**2, (a**2 - omega**2) * (b**2 - omega**2)
    total = 0.0
    for weight, s1, s2, sigma_z in components:
        C = 0.0
        for s, sign in ((s1, -1), (s2, 1)):
            nu = np.sqrt(middle + sign * np.sqrt(middle**2 - product))
            ratio = (a**2 - omega**2 - nu**2) / (2 * omega * nu)  # y amplitude over x amplitude, a quarter turn apart
            X = np.sqrt(2 / (1 + ratio**2))
            Y = ratio * X
            cosines, sines = np.array([X, 0, 0, nu * Y + omega * X]), np.array([0, Y, -nu * X - omega * Y, 0])
            C = C + s**2 * (np.outer(cosines, cosines) + np.outer(sines, sines))
        exponent = np.sum((q @ np.linalg.inv(C)) * q, 1) + (z * c / sigma_z) ** 2 + (vz / sigma_z) ** 2
        total = total + weight * np.exp(-0.5 * exponent) / np.sqrt(np.linalg.det(C)) * c / sigma_z**2 / (2 * np.pi) ** 3
    return np.log(total)


@pytest.mark.parametrize("overrides", [{}, {"pattern_speed": 40.0, "bar_angle": -60.0, "R0": 8.0, "z0": -0.1}])
def test_freeman_agrees_with_its_closed_form(overrides):
    system = mocks.system("freeman", overrides)
    w = system.sample(np.random.default_rng(4), 2000).w
    expected = freeman_ln_f(
        w,
        a=system.a,
        b=system.b,
        c=system.c,
        omega=system.pattern_speed,
        angle=np.radians(system.bar_angle),
        components=json.loads(system.components),
        sun=SolarPosition(R0=system.R0, z0=system.z0),
    )
    difference = system.ln_f(w) - expected
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)  # the constant is the mass in the ball
    rho = (system.a**2 + system.b**2 + system.c**2) / (units.FOUR_PI_G * 1e9)
    np.testing.assert_allclose(system.density(w[:, :3]), rho, rtol=1e-9)


def test_exact_discs_look_like_the_solar_neighbourhood():
    for name in ("freeman", "slab-spiral", "shu-disc"):
        system, sample = drawn(name)
        q = system.sun.to_galactocentric(sample.w)
        R = np.hypot(q[:, 0], q[:, 1])
        v_phi, v_R = (q[:, 1] * q[:, 3] - q[:, 0] * q[:, 4]) / R, (q[:, 0] * q[:, 3] + q[:, 1] * q[:, 4]) / R
        assert 210 < v_phi.mean() < 235
        assert 30 < v_R.std() < 45
        assert 15 < q[:, 5].std() < 25


def test_a_spiral_of_no_amplitude_has_no_pattern_speed():
    assert mocks.system("slab-spiral", {"amplitude": 0}).pattern_speed is None
    assert mocks.system("slab-spiral").pattern_speed == 28.2
    assert mocks.system("shu-disc").pattern_speed is None


# --------------------------------------------------------------------------------------- registry, truth and errors


@pytest.mark.parametrize("name", mocks.SYSTEMS)
def test_truth_survives_json_and_rebuilds_the_system(name):
    system = mocks.system(name, {"radius": "0.8"})
    truth = json.loads(json.dumps(system.truth()))
    assert mocks.from_truth(truth) == system
    assert truth["frame"] in ("rotating", "inertial")
    assert truth["pattern_speed"] == system.pattern_speed
    assert set(truth) >= {"pattern_speed", "frame", "parameters", "potential"}
    assert set(truth["potential"]) == {"name", "parameters"}
    assert truth["parameters"]["radius"] == 0.8


def test_the_parameters_of_the_acceptance_systems_have_their_fixed_names():
    assert mocks.system("plummer").truth()["parameters"] == {"mass": 1e10, "scale": 1.0, "radius": 10.0}
    assert mocks.system("freeman").truth()["parameters"] == {
        "pattern_speed": 20.0,
        "a": 27.5,
        "b": 31.0,
        "c": 70.0,
        "bar_angle": 25.0,
        "components": [[0.9, 4.5, 0.62, 18], [0.1, 5, 0.95, 40]],
        "R0": 8.277,
        "z0": 0.0208,
        "v_sun": [9.3, 251.5, 8.59],
        "radius": 1.0,
    }


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("plumer", {}, "plummer"),
        ("freeman", {"pattern_sped": "20"}, "pattern_speed"),
        ("freeman", {"pattern_speed": "29"}, "below 27.5 or above 31"),
        ("freeman", {"a": 31.0}, "no pattern speed"),
        ("freeman", {"components": "[[1, 2]]"}, "weight, s1, s2, sigma_z"),
        ("freeman", {"components": "[[0, 4, 1, 18]]"}, "positive"),
        ("shu-disc", {"components": "thin"}, "weight, sigma_R"),
        ("shu-disc", {"v_sun": "[1, 2]"}, "U, V, W"),
        ("plummer", {"mass": "-1"}, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(name, overrides, message):
    with pytest.raises(InputError, match=message) as caught:
        mocks.system(name, overrides)
    assert caught.value.exit_code == 2


def test_a_file_that_is_no_truth_is_refused():
    with pytest.raises(InputError, match="not the truth"):
        mocks.from_truth({"parameters": {}})
    with pytest.raises(ConfigError, match="unknown setting"):
        mocks.from_truth({"system": "plummer", "parameters": {"masss": 1.0}})


# ---------------------------------------------------------------------------------------- potentials in closed form

K = np.array([[750.0, 80, 0], [80, 900, 30], [0, 30, 4900]])
POTENTIAL_PARAMETERS = {
    "plummer": {"mass": 1e10, "scale": 0.7},
    "hernquist": {"mass": 1e10, "scale": 0.7},
    "isochrone": {"mass": 1e10, "scale": 0.7},
    "nfw": {"mass": 6e11, "scale": 17.0},
    "miyamoto_nagai": {"mass": 5e10, "a": 3.6, "b": 0.28},
    "logarithmic": {"v0": 220.0, "core": 0.3, "flattening": 0.9},
    "harmonic": {"frequencies": K},
    "sech2_sheet": {"density": 8e7, "height": 0.3},
    "spiral": {"amplitude": 450.0, "arms": 2, "pitch": 12.0, "phase": 45.0, "R0": 8.277, "height": 1.0},
    "bar": {"amplitude": 3700.0, "angle": 25.0, "scale": 3.5},
}


def closed_form_density(name, x):
    """Msun/kpc³, from the papers."""
    p, G4 = POTENTIAL_PARAMETERS[name], units.FOUR_PI_G
    R2, z, r = x[:, 0] ** 2 + x[:, 1] ** 2, x[:, 2], np.linalg.norm(x, axis=1)
    azimuth = np.arctan2(x[:, 1], -x[:, 0])
    if name == "plummer":
        return 3 * p["mass"] / (4 * np.pi * 0.7**3) * (1 + (r / 0.7) ** 2) ** -2.5
    if name == "hernquist":
        return p["mass"] * 0.7 / (2 * np.pi * r * (r + 0.7) ** 3)
    if name == "isochrone":
        b, a = 0.7, np.hypot(0.7, r)
        return p["mass"] * (3 * (b + a) * a**2 - r**2 * (b + 3 * a)) / (4 * np.pi * (b + a) ** 3 * a**3)
    if name == "nfw":
        return p["mass"] / (4 * np.pi * r * (r + 17.0) ** 2)
    if name == "miyamoto_nagai":
        a, b, zeta = p["a"], p["b"], np.hypot(z, p["b"])
        top = a * R2 + (a + 3 * zeta) * (a + zeta) ** 2
        return b**2 * p["mass"] / (4 * np.pi) * top / ((R2 + (a + zeta) ** 2) ** 2.5 * zeta**3)
    if name == "logarithmic":
        q2, c2 = 0.9**2, 0.3**2
        top = (2 * q2 + 1) * c2 + R2 + (2 - 1 / q2) * z**2
        return 220.0**2 / (G4 * q2) * top / (c2 + R2 + z**2 / q2) ** 2
    if name == "harmonic":
        return np.full(len(x), np.trace(K) / G4)
    if name == "sech2_sheet":
        return 8e7 / np.cosh(z / 0.3) ** 2
    if name == "spiral":
        # φ and ln R are harmonic in the plane, so the Laplacian of cos ψ is −|∇ψ|² cos ψ.
        cot = 1 / np.tan(np.radians(12.0))
        crest = np.cos(2 * (azimuth + cot * np.log(np.sqrt(R2) / 8.277) - np.radians(45)))
        fade, curvature = 1 / (1 + z**2), (6 * z**2 - 2) / (1 + z**2) ** 3
        return 450 * crest * (curvature - 4 * (1 + cot**2) / R2 * fade) / G4
    # A harmonic polynomial P of degree 2 times F(r): ∇²(PF) = P (F'' + 6F'/r).
    polynomial = R2 * np.cos(2 * (azimuth - np.radians(25)))
    return 35 * 3700 * 3.5**5 * polynomial * (3.5**2 + r**2) ** -4.5 / G4


def test_every_potential_is_tested():
    assert set(POTENTIAL_PARAMETERS) == set(analytic.POTENTIALS)


@pytest.mark.parametrize("name", POTENTIAL_PARAMETERS)
def test_poisson_and_forces_of_closed_form_potentials(name):
    def kernel(x):
        return analytic.POTENTIALS[name](x, **POTENTIAL_PARAMETERS[name] | extra)

    extra = {"frequencies": jnp.asarray(K)} if name == "harmonic" else {}
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 3)) * [2, 2, 0.5] + np.array([-4.0, 1.0, 0.0])
    laplacian = jax.jit(jax.vmap(lambda q: jnp.trace(jax.hessian(kernel)(q))))(jnp.asarray(x))
    expected = closed_form_density(name, x)
    np.testing.assert_allclose(laplacian / units.FOUR_PI_G, expected, rtol=1e-8, atol=1e-10 * np.abs(expected).max())
    force = np.asarray(jax.jit(jax.vmap(jax.grad(kernel)))(jnp.asarray(x)))
    many = jax.jit(jax.vmap(kernel))
    numeric = differences(lambda q: np.asarray(many(jnp.asarray(q))), x, [1e-3] * 3)
    np.testing.assert_allclose(numeric, force, atol=1e-6 * np.abs(force).max())


def test_patterns_lie_where_they_say():
    def at(kernel, azimuth, R, **parameters):
        x = jnp.array([-R * np.cos(azimuth), R * np.sin(azimuth), 0.0])
        return float(kernel(x, **parameters))

    spiral = POTENTIAL_PARAMETERS["spiral"]
    assert at(analytic.spiral, np.radians(45), 8.277, **spiral) == pytest.approx(450)
    # Trailing: further out, the crest lags behind the rotation.
    lag = np.log(9.0 / 8.277) / np.tan(np.radians(12))
    assert at(analytic.spiral, np.radians(45) - lag, 9.0, **spiral) == pytest.approx(450)
    azimuths = np.linspace(0, np.pi, 181)
    bar = [at(analytic.bar, phi, 8.0, **POTENTIAL_PARAMETERS["bar"]) for phi in azimuths]
    assert np.degrees(azimuths[np.argmin(bar)]) == pytest.approx(25)


def test_the_spiral_is_as_good_in_single_precision_as_that_can_be():
    x = np.random.default_rng(0).normal(size=(500, 3)) * [5, 5, 0.5]
    kernel = jax.jit(jax.vmap(jax.grad(lambda q: analytic.spiral(q, **POTENTIAL_PARAMETERS["spiral"]))))
    x = x[np.hypot(x[:, 0], x[:, 1]) > 2]
    double, single = np.asarray(kernel(jnp.asarray(x))), np.asarray(kernel(jnp.asarray(x, jnp.float32)))
    assert single.dtype == np.float32
    assert np.abs(single - double).max() < 3e-5 * np.abs(double).max()
