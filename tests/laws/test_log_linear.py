"""The log-linear density: the true one where it is of the family, and only as rough as the stars demand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from small_flows import KINDS, SUN

from core.flow.coordinates_of_flow import FlowCoordinates
from core.flow.log_linear import _Problem, fit_log_linear
from core.flow.skeleton import Skeleton
from core.flow.spatial_density import fit_proposal, quadrature
from core.mocks import ball
from core.phase_space.region import Shell

REGION = Shell(1.0)
_QUADRATURE = quadrature(
    fit_proposal(ball.draw_uniform(np.random.default_rng(0), 5000, 1.0), REGION), REGION, SUN, 32_768
)
NODES, VOLUME = _QUADRATURE.x, _QUADRATURE.volume


def features_of(x):
    """Two that are nearly alike, as those of a skeleton are, and one odd."""
    return np.stack([np.log(np.cosh(x[:, 2] / 0.2)), np.log(np.cosh(x[:, 2] / 0.3)), 5 * x[:, 0]], 1)


def test_it_is_the_true_one():
    """Of an exponential family, given its exact means: whatever the scale of the features, also far from uniform."""
    nodes = features_of(NODES)
    for true in ([-1.0, -0.5, 0.3], [3.0, -9.0, -4.0]):
        share = VOLUME * np.exp(nodes @ true)
        mean = share @ nodes / share.sum()
        scale = np.array([1e-3, 1.0, 1e3])
        fit = fit_log_linear(mean * scale, 1e9, nodes * scale, VOLUME, np.zeros(3, int))
        np.testing.assert_allclose(fit.coefficients * scale, true, rtol=1e-3)


def test_that_of_few_stars_is_finite():
    """All at one place, or in a volume in which a feature never changes."""
    nodes = features_of(NODES[:2000])
    nodes[:, 2] = 1.0
    for mean in (nodes[0], nodes.max(0)):
        for groups in ([0, 0, 0], [0, 1, 2]):
            fit = fit_log_linear(mean, 300, nodes, VOLUME[:2000], np.array(groups))
            assert np.all(np.isfinite(fit.coefficients))


def test_derivatives_are_those_of_the_value():
    rng = np.random.default_rng(1)
    problem = _Problem(
        rng.normal(size=3) / 9, 1e3, rng.normal(size=(500, 3)), np.log(rng.uniform(1, 2, 500)), np.zeros(3, int)
    )
    c, none, step = rng.normal(size=3) / 3, np.zeros(3), 1e-4
    slope, curvature = problem.derivatives(c)
    for i, e in enumerate(np.eye(3) * step):
        assert (problem.value(c + e, none) - problem.value(c - e, none)) / (2 * step) == pytest.approx(
            slope[i], rel=1e-6
        )
        change = (problem.derivatives(c + e)[0] - problem.derivatives(c - e)[0]) / (2 * step)
        np.testing.assert_allclose(-change, curvature[i], rtol=1e-5, atol=1e-5)


def skeleton_of(kind, waves=0):
    scale = (0.45, 0.45, 0.19) if kind == "disc" else (0.4, 0.4, 0.4)
    return Skeleton(FlowCoordinates(kind, SUN, scale, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), waves)


def stars_of(ln_n, count, seed):
    """Stars in the unit ball by rejection from ln n <= 0."""
    rng, kept = np.random.default_rng(seed), []
    while sum(map(len, kept)) < count:
        x = ball.draw_uniform(rng, 100_000, 1.0)
        kept.append(x[np.log(rng.random(len(x))) < ln_n(x)])
    return np.concatenate(kept)[:count]


def fitted(skeleton, x):
    """ln n of the fit at the nodes, normalised, and what the stars determined of each group."""
    f = jax.jit(jax.vmap(skeleton))
    nodes = np.asarray(f(jnp.asarray(NODES)))
    fit = fit_log_linear(np.asarray(f(jnp.asarray(x))).mean(0), len(x), nodes, VOLUME, skeleton.groups)
    psi = nodes @ fit.coefficients
    return psi - logsumexp(psi, b=VOLUME), fit.determined


def gap(found, ln_n):
    """Mean ln of true over found density, for stars [nat]."""
    true = ln_n(NODES) - logsumexp(ln_n(NODES), b=VOLUME)
    return float(np.sum(VOLUME * np.exp(true) * (true - found)))


def gross(x):
    return -2 * np.log(np.cosh(x[:, 2] / 0.2)) - 0.3 * (1 - x[:, 0])


def wavy(x):
    """A spiral's worth of curvature over the plane, and a height that varies along it."""
    return gross(x) * (1 + 0.2 * x[:, 0]) + 0.3 * (np.cos(3 * x[:, 0] + 2 * x[:, 1]) - 1)


def holed(x):
    """A cloud of dust in front of it hides nearly all stars of a clump of the volume."""
    return gross(x) - 2.5 * np.exp(-0.5 * np.sum((x - [0.4, -0.2, 0.1]) ** 2, 1) / 0.15**2)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_that_nothing_asks_for_shrink_to_nothing(kind):
    """A sample of the gross run alone: of all the rest less than an eighth is left."""
    ln_n = gross if kind == "disc" else lambda x: -np.log1p(np.sum(x**2, 1) / 0.4**2)
    skeleton = skeleton_of(kind, waves=32)
    x = stars_of(ln_n, 20_000, 2)
    found, determined = fitted(skeleton, x)
    rest = sum(determined.values())
    assert rest < np.sum(skeleton.groups > 0) / 8
    # A free coefficient costs half a nat over the number of stars.
    always = int(np.sum(skeleton.groups == 0))
    assert gap(found, ln_n) < 2 * (always + rest) / 2 / len(x)


def test_what_the_stars_ask_for_is_found():
    x = stars_of(wavy, 40_000, 3)
    found, determined = fitted(skeleton_of("disc"), x)
    assert determined[1] + determined[2] > 3  # the plane
    assert determined[3] + determined[4] > 1  # heights over it
    flat, _ = fitted(Only(skeleton_of("disc")), x)
    assert gap(found, wavy) < 0.1 * gap(flat, wavy)


class Only:
    """A skeleton's group 0."""

    def __init__(self, whole):
        self.whole, self.groups = whole, np.zeros(np.sum(whole.groups == 0), int)

    def __call__(self, x):
        return self.whole(x)[: len(self.groups)]


def test_waves_find_a_hole():
    x = stars_of(holed, 60_000, 4)
    without, _ = fitted(skeleton_of("disc"), x)
    found, determined = fitted(skeleton_of("disc", waves=128), x)
    assert max(determined, key=determined.get) == max(determined)  # the waves
    assert gap(found, holed) < 0.5 * gap(without, holed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_is_smooth_also_at_the_centre_and_in_the_midplane(kind):
    """Its gradient is that of finite differences, and finite."""
    skeleton = skeleton_of(kind, waves=3)
    f, gradient = jax.jit(skeleton), jax.jit(jax.jacfwd(skeleton))
    for x in (np.zeros(3), np.array([0.3, -0.2, -SUN.z0]), np.array([0.5, 0.6, 0.5])):
        steps = np.eye(3) * 1e-5
        change = np.stack([(f(jnp.asarray(x + e)) - f(jnp.asarray(x - e))) / 2e-5 for e in steps], 1)
        np.testing.assert_allclose(gradient(jnp.asarray(x)), change, atol=1e-6)
    assert len(skeleton.groups) == len(f(jnp.zeros(3)))
    assert np.all(np.diff(skeleton.groups) >= 0)
