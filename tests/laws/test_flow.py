"""Laws of every flow, of any family, trained or not, of a disc or a sphere: normalised, smooth, sampled as it says."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from finite_differences import differences
from scipy.special import expit
from scipy.stats import multivariate_t
from small_flows import FAMILIES, KINDS, NORMALISER_DRAWS, SUN, trained, trainer, wild, wild_member

from core.config import preset
from core.errors import InputError, TrainingError
from core.flow import chunks
from core.flow.distribution_function import FlowEnsemble
from core.flow.families import FAMILIES as KNOWN
from core.flow.families import family_of, from_json
from core.flow.family import FlowState
from core.flow.spatial_density import fit_proposal
from core.flow.training import gather
from core.phase_space.region import Expression, Shell

CASES = [(family, kind, "wild") for family in FAMILIES for kind in KINDS]
CASES += [(family, "disc", "trained") for family in ("factored", "joint", "continuous")]
WHOLE = ("joint", "spline", "continuous")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """A few hundred points do not wait for thousands."""
    monkeypatch.setattr(chunks, "CHUNK", 1024)


def flow_of(family, kind, how):
    """An ensemble of one member; the conditional one has the weights of the factored one, as training gives them."""
    if how == "wild":
        return wild(family, kind)
    flow = trained("factored" if family == "conditional" else family, kind).flow
    one = jax.tree.map(lambda leaf: leaf[:1], flow.states)
    family = KNOWN[family](**{f.name: getattr(flow.family, f.name) for f in dataclasses.fields(flow.family)})
    return dataclasses.replace(flow, family=family, states=one, half=flow.half[:1])


def stars_for(kind, n=200):
    """Stars that no member was trained on."""
    some = trainer("factored", kind)
    return np.asarray(some.stars.w[some.parts.held_out[:n]], float)


each = pytest.mark.parametrize(("family", "kind", "how"), CASES)


def test_every_family_is_tested():
    assert set(FAMILIES) == set(KNOWN)
    for name, choice in FAMILIES.items():
        config = preset("quick", choice).flow
        assert family_of(config, trainer("factored", "disc").family.coordinates).name == name


@pytest.mark.parametrize("family", FAMILIES)
def test_the_configuration_names_the_phases_of_a_training(family):
    """The pages show a curve for each, and must not load JAX to know them."""
    made = trainer(family, "disc")
    assert made.config.phases == tuple(phase.name for phase in made.family.phases(made.stars, made.config))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_survives_json(family, kind):
    value = trainer(family, kind).family
    assert from_json(value.to_json()) == value
    assert hash(from_json(value.to_json())) == hash(value)


# ----------------------------------------------------------------------------------------------------- normalisation

BROAD = multivariate_t(shape=1.5**2 * np.eye(3), df=4)
"""Standardised velocities with tails that no flow has: all of them are normal far out."""


class Broad(NamedTuple):
    """A density on phase space that is known and covers the flow's: that of the proposal times broad velocities."""

    flow: FlowEnsemble

    def draw(self, n, x=None):
        rng = np.random.default_rng(0)
        x = self.flow.proposal.points(rng.random((n, 3))).x if x is None else x
        u = BROAD.rvs(n, random_state=rng)
        frame = self.flow.family.coordinates
        v = jax.jit(jax.vmap(frame.inverse_velocity))(jnp.asarray(x), jnp.asarray(u))
        return np.concatenate([x, v], 1)

    def log_density(self, w, *, places=True):
        frame, edges = self.flow.family.coordinates, self.flow.proposal.cubed_radii
        u = jax.jit(jax.vmap(frame.velocity))(jnp.asarray(w))
        log_velocity = BROAD.logpdf(u) - frame.log_velocity_volume
        cubed = np.sum((w[:, :3] - self.flow.proposal.centre) ** 2, 1) ** 1.5
        step = np.clip(np.searchsorted(edges, cubed) - 1, 0, len(edges) - 2)
        volume = 4 / 3 * np.pi * np.diff(edges)[step] * (len(edges) - 1)
        return log_velocity - (np.log(volume) if places else 0.0)


POINTS = 6_000


def integral(flow, x=None):
    """∫ f over the region, or over velocity at ``x``, and its relative error.

    From points of a known density q and the flow's own: ⟨f/(f + q)⟩ over the one by ⟨q/(f + q)⟩ over the other, both
    of which are bounded (Bennett 1976). Wild splines are less like the known density than the others.
    """
    broad = Broad(flow)
    n = POINTS if x is None else len(x)
    if flow.family.name == "spline":
        n *= 2
    drawn = flow.sample(jax.random.key(5), n)
    if x is not None:
        drawn = np.concatenate([x, flow.sample_velocities(jax.random.key(5), x)], 1)
    means, errors = [], []
    for w, sign in ((broad.draw(n, x), 1), (drawn, -1)):
        log_ratio = flow.log_df(w)[0] - broad.log_density(w, places=x is None)
        share = np.where(flow.inside(w), expit(sign * log_ratio), 0.0)
        means.append(share.mean())
        errors.append(share.std() / np.sqrt(n) / share.mean())
    return means[0] / means[1], float(np.hypot(*errors))


def relative_error(flow):
    """Of the normaliser: that of a whole flow is a share of draws, that of n(x) a quadrature good to 1e-3."""
    if flow.family.name not in WHOLE:
        return 1e-3
    return float(np.sqrt((np.exp(-flow.states.log_normaliser[0]) - 1) / NORMALISER_DRAWS))


@each
def test_f_integrates_to_one(family, kind, how):
    """Over the region, by an estimate whose error comes with it; p(v | x) over velocity at three places."""
    flow = flow_of(family, kind, how)
    places = [None]
    if flow.family.is_conditional:
        places = [np.broadcast_to(x, (POINTS, 3)) for x in stars_for(kind, 3)[:, :3]]
    for x in places:
        found, error = integral(flow, x=x)
        error = np.hypot(error, relative_error(flow))
        assert error < 0.04
        assert abs(found - 1) < 4 * error


HOLE = Shell(1.0, inner=0.2)
CUT = HOLE & Expression("abs(b) > 10") & ~Shell(0.25, centre=(0.5, 0.3, 0.0))


@pytest.mark.parametrize("region", [HOLE, CUT], ids=str)
@pytest.mark.parametrize("family", WHOLE)
def test_f_integrates_to_one_over_a_region_with_cuts_and_holes(family, region):
    usual = trainer(family, "disc")
    stars = dataclasses.replace(usual.stars, region=region)
    cut = dataclasses.replace(usual, stars=stars)
    flow = gather(cut, [(wild_member(cut), None)])
    found, error = integral(flow)
    error = np.hypot(error, relative_error(flow))
    assert error < 0.04
    assert abs(found - 1) < 4 * error


@pytest.mark.parametrize("how", ["wild", "trained"])
def test_a_factored_f_is_n_times_p(how):
    """Both parts have laws of their own: n(x) in test_spatial_density, p(v | x) here as the conditional family."""
    flow, conditional = (flow_of(family, "disc", how) for family in ("factored", "conditional"))
    w = stars_for("disc")
    state = jax.tree.map(lambda leaf: leaf[0], flow.states)
    log_n = jax.jit(jax.vmap(lambda x: flow.family.log_density(state, x)))(jnp.asarray(w[:, :3]))
    np.testing.assert_allclose(flow.log_df(w)[0], log_n + conditional.log_df(w)[0], rtol=1e-12)
    # What is drawn is the same: the density of the catalogue's stars, whether or not it is part of ln f.
    drawn = [f.sample(jax.random.key(0), 300) for f in (flow, conditional)]
    np.testing.assert_array_equal(*drawn)


def test_a_flow_that_is_not_inside_its_region_is_refused():
    usual = trainer("spline", "disc")
    stars = dataclasses.replace(usual.stars, region=Shell(0.05))
    with pytest.raises(TrainingError, match=r"only 0\.\d % of the flow is inside the volume"):
        wild_member(dataclasses.replace(usual, stars=stars))


# ------------------------------------------------------------------------------------------------------------ scores


@each
def test_the_score_is_the_gradient_of_ln_f(family, kind, how):
    flow, w = flow_of(family, kind, how), stars_for(kind)
    log_df, score = flow.log_df_and_score(w)
    np.testing.assert_allclose(log_df, flow.log_df(w), rtol=1e-13)
    np.testing.assert_array_equal(score, flow.score(w))
    numeric = differences(lambda points: flow.log_df(points)[0], w, [1e-3] * 3 + [0.1] * 3)
    scale = np.sqrt(np.mean(score[0] ** 2, 0))
    # Fourth-order differences of steps of 1e-3 of the scales: truncation 1e-9 for a trained f, 1e-6 for a wild one.
    wrong = np.abs(numeric - score[0]) > 1e-5 * (scale + np.abs(score[0]))
    # A spline has a knot within the steps of a few stars: there differences are of another bin.
    assert np.mean(np.any(wrong, 1)) <= (0.1 if family == "spline" else 0)


def along_a_line(flow, kind, count):
    """ln f and the score at ``count`` points on a line between two stars.

    It keeps away from the centre of the Galaxy or of the sphere, where the coordinates themselves are not smooth.
    """
    start, end = stars_for(kind, 2)
    log_df, score = flow.log_df_and_score(start + np.linspace(0, 1, count)[:, None] * (end - start))
    return log_df[0], score[0]


@pytest.mark.parametrize(("family", "kind", "how"), [case for case in CASES if case[0] != "spline"])
def test_the_score_is_continuously_differentiable(family, kind, how):
    """Along a line in phase space second differences of the score shrink as the square of the step.

    A kink of the score would make them shrink as the step: by 4 and not by 16 for a quarter of it.
    """
    flow = flow_of(family, kind, how)
    worst = [np.abs(np.diff(along_a_line(flow, kind, n)[1], 2, axis=0)).max(0) for n in (1001, 4001)]
    assert np.all(worst[0] / worst[1] > 12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_score_of_a_spline_jumps_at_its_knots_and_nowhere_else(kind):
    """ln f is continuous: its steps shrink as the step. Its score is so at all but a few knots, where it jumps."""
    flow = wild("spline", kind)
    (coarse, score), (fine, finer) = (along_a_line(flow, kind, n) for n in (1001, 4001))
    assert np.abs(np.diff(coarse)).max() / np.abs(np.diff(fine)).max() > 3
    bends = [np.linalg.norm(np.diff(s, 2, axis=0) / s.std(0), axis=1) for s in (score, finer)]
    assert np.median(bends[0]) / np.median(bends[1]) > 12
    assert bends[0].max() / bends[1].max() < 3  # a jump does not get smaller with the step
    assert 0 < np.count_nonzero(bends[1] > 100 * np.median(bends[1])) < 100


def test_ln_f_is_finite_everywhere():
    """Far outside the volume and at absurd velocities too, as the continuation beyond the edge must be."""
    rng = np.random.default_rng(0)
    w = np.concatenate([rng.normal(size=(500, 3)) * 3, rng.normal(size=(500, 3)) * 1000], 1)
    for case in CASES:
        log_df, score = flow_of(*case).log_df_and_score(w)
        assert np.all(np.isfinite(log_df)), case
        assert np.all(np.isfinite(score)), case


@pytest.mark.parametrize("family", ["factored", "joint"])
def test_the_answer_does_not_depend_on_how_many_points_are_asked_for(family, monkeypatch):
    flow, w = flow_of(family, "disc", "trained"), stars_for("disc")
    whole = flow.log_df(w)
    np.testing.assert_array_equal(flow.log_df(w[:1]), whole[:, :1])
    assert flow.log_df(w[:0]).shape == (1, 0)
    assert flow.score(w[:0]).shape == (1, 0, 6)
    monkeypatch.setattr(chunks, "CHUNK", 90)
    np.testing.assert_allclose(flow.log_df(w), whole, rtol=1e-12)


# ------------------------------------------------------------------------------------------------------------ samples


@each
def test_samples_are_distributed_as_f(family, kind, how):
    """Stein's identity, E[∂h/∂w + h ∂ln f/∂w] = 0 for every h that vanishes at the edge, and shares of the volume.

    Both hold for the flow's own f exactly, so what differs is chance: 4.5 standard errors. In velocity h is v_i; in
    space it is a bump times 1, x and a velocity; of p(v | x), E[h(x) ∂ln p/∂x] = 0 for any h.
    """
    flow = flow_of(family, kind, how)
    w = flow.sample(jax.random.key(1), 6_000)
    score = flow.score(w)[0]
    v = (w[:, 3:] - np.median(w[:, 3:], 0)) / w[:, 3:].std(0)
    terms = {}
    for i in range(3):
        for j in range(3):
            terms["velocity", i, j] = v[:, i] * score[:, 3 + j] * w[:, 3 + i].std() + (i == j)
    x = w[:, :3] / flow.region.outer
    bump, slope = (1 - np.sum(x**2, 1)) ** 2, -4 * (1 - np.sum(x**2, 1))[:, None] * x
    for j in range(3):
        for name, g, dg in (("1", 1.0, 0.0), ("x", x[:, j], 1.0), ("v", v[:, j], 0.0)):
            divergence = 0.0 if flow.family.is_conditional else slope[:, j] * g + bump * dg
            if name != "v" or not flow.family.is_conditional:
                terms["space", name, j] = bump * g * score[:, j] * flow.region.outer + divergence
    for name, values in terms.items():
        assert abs(values.mean()) < 4.5 * values.std() / np.sqrt(len(w)), name


WILD_JOINT = [case for case in CASES if case[0] != "conditional" and case[2] == "wild"]


@pytest.mark.parametrize(("family", "kind", "how"), WILD_JOINT)
def test_samples_have_the_shares_of_f(family, kind, how):
    """Of parts of phase space, against weighted points: 4.5 standard errors of both."""
    flow = flow_of(family, kind, how)
    drawn, points = flow.sample(jax.random.key(2), 6_000), Broad(flow).draw(12_000)
    weight = np.where(flow.inside(points), np.exp(flow.log_df(points)[0] - Broad(flow).log_density(points)), 0.0)
    middle = np.median(drawn, 0)
    names = enumerate(("x", "y", "z", "U", "V", "W"))
    parts = {f"{name} above": lambda w, i=i: w[:, i] > middle[i] for i, name in names}
    radius = np.median(np.linalg.norm(drawn[:, :3], axis=1))
    parts["inner"] = lambda w: np.linalg.norm(w[:, :3], axis=1) < radius
    parts["x and U"] = lambda w: (w[:, 0] > middle[0]) == (w[:, 3] > middle[3])
    parts["fast"] = lambda w: np.linalg.norm((w[:, 3:] - middle[3:]) / drawn[:, 3:].std(0), axis=1) > 2
    for name, part in parts.items():
        share, inside = part(drawn).mean(), part(points)
        expected = np.sum(weight * inside) / np.sum(weight)
        error = np.sqrt(np.sum((weight * (inside - expected)) ** 2)) / np.sum(weight)
        assert abs(share - expected) < 4.5 * np.hypot(error, np.sqrt(share * (1 - share) / len(drawn))), name


@pytest.mark.parametrize("region", [HOLE, CUT], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_samples_are_inside_the_region(family, region):
    stars = trainer(family, "disc").stars.w[:, :3]
    stars = stars[region.contains_positions(stars, SUN)]
    flow = dataclasses.replace(wild(family, "disc"), region=region, proposal=fit_proposal(stars, region))
    w = flow.sample(jax.random.key(2), 3000)
    assert w.shape == (3000, 6)
    assert np.all(flow.inside(w))
    assert np.all(region.contains_positions(w[:, :3], SUN))


@pytest.mark.parametrize("family", ["factored", "joint"])
def test_a_sample_belongs_to_its_key_and_is_shared_by_the_members(family):
    flow = trained(family, "disc").flow
    first, again, other = (flow.sample(jax.random.key(k), 1001) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)
    # In random order, so that any part of it is a sample of the mixture: no member comes first.
    log_df = flow.log_df(first)
    lead = log_df[0] - log_df[1]
    assert abs(lead[:500].mean() - lead[500:].mean()) < 5 * lead.std() / np.sqrt(250)


def test_velocities_at_chosen_places_are_those_of_the_mixture():
    """At one place: Stein's identity for the mean of p(v | x) over members; refused where there is none."""
    flow = dataclasses.replace(flow_of("conditional", "disc", "trained"))
    x = np.broadcast_to(stars_for("disc", 1)[0, :3], (8000, 3))
    v = flow.sample_velocities(jax.random.key(0), x)
    score = flow.score(np.concatenate([x, v], 1))[0, :, 3:]
    for i in range(3):
        terms = (v[:, i] - np.median(v[:, i])) * score[:, i] + 1
        assert abs(terms.mean()) < 4.5 * terms.std() / np.sqrt(len(v))
    with pytest.raises(InputError, match="'joint' do not give velocities at chosen positions"):
        wild("joint", "disc").sample_velocities(jax.random.key(0), x)


def test_states_are_trees_of_numbers():
    """What is stored of a member, whatever its family."""
    for family in FAMILIES:
        state = wild(family, "disc").states
        assert isinstance(state, FlowState)
        assert all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(state))
