"""Laws of every flow, trained or not, of a disc or a sphere: normalised, invertible, smooth, and sampled as it says."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from core import ensemble, mocks
from core.config import preset
from core.errors import RegionError, TrainingError
from core.flow import coordinates_of_flow, distribution_function
from core.flow.coupling import Conditioner, MixtureOfLogistics, OneCoordinateLayer, VelocityFlow
from core.flow.distribution_function import FlowEnsemble, architecture_from_json, best_log_df, graphs
from core.flow.halves import split
from core.flow.spatial_density import fit_proposal, quadrature
from core.flow.training import Checkpoint, flow_trainer, gather, random_rotation
from core.mocks import ball
from core.phase_space.region import Box, Everything, Expression, Shell
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.runs.trees import from_arrays, to_arrays

SUN = SolarPosition()
KINDS = ("disc", "sphere")


def differences(f, points, steps):
    """Central differences of f at each row, of fourth order, along each column."""
    columns = []
    for i, h in enumerate(steps):
        e = h * np.eye(len(steps))[i]
        columns.append((8 * (f(points + e) - f(points - e)) - (f(points + 2 * e) - f(points - 2 * e))) / (12 * h))
    return np.stack(columns, -1)


def weights_of(tree, scale, seed):
    """The same tree with normal weights of size ``scale``: a network as wild as training could ever make it."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    wild = [scale * jax.random.normal(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, wild)


def wild_member(trainer, seed=0, scale=0.25):
    """An untrained member with strong weights, normalised as a trained one is."""
    start = trainer.template(1)
    velocity = weights_of(start.descent.best, scale, seed)
    density = weights_of(start.density, scale, seed + 1)
    return trainer.finish(seed, Checkpoint(jnp.asarray(1), density, start.descent._replace(best=velocity)))


@pytest.fixture(scope="module")
def flows(trained_flow, sphere_trainer):
    """By name: ensembles of one member with stars to try them on. What is trained is a disc: the rest is the same."""
    disc = trained_flow("disc")
    one = jax.tree.map(lambda leaf: leaf[:1], disc.flow.states)
    trainers = {"wild disc": disc.trainer, "wild sphere": sphere_trainer}
    made = {name: gather(trainer, [(wild_member(trainer), None)]) for name, trainer in trainers.items()}
    made["disc"] = dataclasses.replace(disc.flow, states=one, half=np.array([0]))
    stars = {"disc": disc.trainer, **trainers}
    return {name: (flow, np.asarray(stars[name].w[stars[name].parts.held_out], float)) for name, flow in made.items()}


@pytest.fixture(scope="module")
def sphere_trainer(trained_flow):
    """A trainer of the same shape for a sphere, of which nothing is trained."""
    stars = mocks.system("plummer", {"radius": 4.0}).sample(np.random.default_rng(1), 6000)
    return flow_trainer(stars, trained_flow("disc").trainer.config, SUN, coordinates="sphere", seed=3)


NAMES = ("disc", "wild disc", "wild sphere")


def ln_n(flow, x):
    """ln n(x) [kpc⁻³] of a flow of one member, from its network itself."""
    state = ensemble.member(flow.states, 0)
    network = nnx.merge(graphs(flow.architecture)[0], state.density)
    features = jax.jit(jax.vmap(flow.architecture.coordinates.position))(jnp.asarray(x))
    return np.asarray(network(features) - state.log_normaliser)


# --------------------------------------------------------------------------------------------- the one-dimensional map


def mixture(seed, scale, components=4, n=1):
    return scale * jax.random.normal(jax.random.key(seed), (n, 3 * components + 2), jnp.float64)


MIXTURES = [(0, 0.0), (0, 0.5), (1, 0.5), (2, 2.0), (3, 2.0)]


@pytest.mark.parametrize(("seed", "scale"), MIXTURES)
def test_the_log_determinant_is_the_derivative_of_the_map(seed, scale):
    parameters = mixture(seed, scale)[0]
    x = jnp.linspace(-25, 25, 401)
    along = jnp.broadcast_to(parameters, (401, len(parameters)))
    _, log_det = MixtureOfLogistics(along).forward_and_log_det(x)
    slope = jax.vmap(jax.grad(lambda u: MixtureOfLogistics(parameters).forward_and_log_det(u)[0]))(x)
    np.testing.assert_allclose(log_det, jnp.log(slope), rtol=1e-10, atol=1e-10)
    assert np.all(np.isfinite(log_det))


@pytest.mark.parametrize(("seed", "scale"), MIXTURES)
def test_there_and_back_is_the_identity_in_the_far_tails_too(seed, scale):
    """The map is monotone, so its inverse is unique.

    Its slope is exp(log_det): where that is small, x is known only to the rounding of y, 1e-15 |y| / slope. Newton's
    last step from an error e leaves about e² times the curvature, which for two narrow logistics side by side is 1e-9.
    """
    x = jnp.linspace(-25, 25, 401)
    bijector = MixtureOfLogistics(jnp.broadcast_to(mixture(seed, scale), (401, 14)))
    y, log_det = bijector.forward_and_log_det(x)
    assert np.all(np.diff(y) > 0)
    again, inverse_log_det = bijector.inverse_and_log_det(y)
    np.testing.assert_allclose(again, x, atol=1e-8)
    np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-7)


def test_the_map_is_the_logit_of_a_mixture_of_logistics():
    """Written anew from its definition, where nothing under- or overflows."""
    parameters = np.asarray(mixture(5, 1.0)[0])
    x = np.linspace(-5, 5, 51)
    weight = np.exp(parameters[:4]) / np.exp(parameters[:4]).sum()
    centre = 2 * parameters[4:8] + np.linspace(-2, 2, 4)
    width = np.exp(2 * np.tanh(parameters[8:12] / 2) - 0.3)
    F = np.sum(weight / (1 + np.exp(-(x[:, None] - centre) / width)), 1)
    expected = np.exp(2 * np.tanh(parameters[12] / 2) - 0.5) * np.log(F / (1 - F)) + parameters[13]
    y, _ = MixtureOfLogistics(jnp.broadcast_to(jnp.asarray(parameters), (51, 14))).forward_and_log_det(jnp.asarray(x))
    np.testing.assert_allclose(y, expected, rtol=1e-10)


def test_a_map_without_parameters_is_odd_and_gentle():
    y, log_det = MixtureOfLogistics(jnp.zeros((401, 20))).forward_and_log_det(jnp.linspace(-20, 20, 401))
    np.testing.assert_allclose(y, -y[::-1], atol=1e-12)
    assert np.exp(log_det).min() > 0.4
    assert np.exp(log_det).max() < 1


def test_single_precision_is_good_enough_for_samples():
    """Training and sampling run in float32: there and back within 1e-4 of a standard deviation over ±6 of them."""
    x = jnp.linspace(-6, 6, 201, dtype=jnp.float32)
    bijector = MixtureOfLogistics(jnp.broadcast_to(mixture(1, 0.5).astype(jnp.float32), (201, 14)))
    again, _ = bijector.inverse_and_log_det(bijector.forward_and_log_det(x)[0])
    assert again.dtype == jnp.float32
    np.testing.assert_allclose(again, x, atol=1e-4)


# ----------------------------------------------------------------------------------------------------- layers of it


@pytest.mark.parametrize("axis", range(3))
def test_a_layer_moves_one_coordinate_and_knows_its_jacobian(axis):
    """With fresh weights, and with wild ones."""
    graph, fresh = nnx.split(Conditioner(5, 8, 3, rngs=nnx.Rngs(axis)))
    context = jnp.array([0.3, -1.0, 0.5])

    @jax.jit
    def there_and_back(state, u):
        layer = OneCoordinateLayer(nnx.merge(graph, state), context, axis)
        v, log_det = layer.forward_and_log_det(u)
        jacobian = jax.jacfwd(lambda point: layer.forward_and_log_det(point)[0])(u)
        return v, log_det, jnp.linalg.slogdet(jacobian)[1], *layer.inverse_and_log_det(v)

    for state in (fresh, weights_of(fresh, 1.0, axis)):
        for u in 3 * jax.random.normal(jax.random.key(axis), (5, 3)):
            v, log_det, expected, again, inverse_log_det = map(np.asarray, there_and_back(state, u))
            kept = np.arange(3) != axis
            np.testing.assert_array_equal(v[kept], u[kept])
            np.testing.assert_allclose(log_det, expected, atol=1e-10)
            np.testing.assert_allclose(again, u, atol=1e-8)
            np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-7)


@pytest.mark.parametrize("layers", [3, 4])
def test_a_stack_of_layers_is_a_change_of_variables_of_the_normal_base(layers):
    """ln p(u) = ln N(z) + ln |∂z/∂u| with z = T(u), the Jacobian by autodiff."""
    made = VelocityFlow(3, layers, 8, 3, rngs=nnx.Rngs(0))
    graph, state = nnx.split(made)
    flow = nnx.merge(graph, weights_of(state, 0.7, 2))
    context = jnp.array([0.1, -0.4, 1.0])

    def base(u):
        return flow.distribution(context).bijector.inverse(u)

    @jax.jit
    def both(u):
        z, slope = base(u), jnp.linalg.slogdet(jax.jacfwd(base)(u))[1]
        expected = -0.5 * jnp.sum(z**2) - 1.5 * jnp.log(2 * jnp.pi) + slope
        return flow.distribution(context).log_prob(u), expected

    for u in 2 * jax.random.normal(jax.random.key(1), (5, 3)):
        log_prob, expected = both(u)
        np.testing.assert_allclose(log_prob, expected, rtol=1e-10)


# --------------------------------------------------------------------------------------------------- the coordinates


def coordinates(kind):
    system = mocks.system("freeman" if kind == "disc" else "plummer", {"radius": 1.0} if kind == "disc" else {})
    w = system.sample(np.random.default_rng(0), 500).w
    return coordinates_of_flow.fit_coordinates(w, kind, SUN), w


@pytest.mark.parametrize("kind", KINDS)
def test_the_velocity_is_turned_and_scaled_and_nothing_else(kind):
    """At fixed x: an orthogonal matrix, then the scales; so p(v | x) needs no Jacobian but theirs."""
    frame, w = coordinates(kind)
    for point in jnp.asarray(w[:5]):
        jacobian = jax.jacfwd(lambda v, x=point[:3]: frame.velocity(jnp.concatenate([x, v])))(point[3:])
        turn = np.diag(frame.velocity_scale) @ np.asarray(jacobian)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(-np.linalg.slogdet(jacobian)[1], frame.log_velocity_volume)
        np.testing.assert_allclose(frame.inverse_velocity(point[:3], frame.velocity(point)), point[3:], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_networks_see_is_of_order_one(kind):
    frame, w = coordinates(kind)
    u = np.asarray(jax.vmap(frame.velocity)(jnp.asarray(w)))
    np.testing.assert_allclose(u.mean(0), 0, atol=1e-10)
    np.testing.assert_allclose(u.std(0), 1, rtol=1e-10)
    features = np.asarray(jax.vmap(frame.position)(jnp.asarray(w[:, :3])))
    assert features.shape == (len(w), frame.features)
    assert np.quantile(np.abs(features), 0.99) < 6


def turned(w, angle):
    """Stars turned about the Galactic axis."""
    q = SUN.to_galactocentric(w)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    q[:, :2], q[:, 3:5] = q[:, :2] @ turn.T, q[:, 3:5] @ turn.T
    return SUN.to_heliocentric(q)


def test_an_axisymmetric_f_is_a_function_of_the_disc_coordinates_but_one():
    """Under a turn about the Galactic axis only the azimuth feature moves, by R0 times the angle over its scale."""
    frame, w = coordinates("disc")
    other = turned(w, 0.05)
    before, after = (np.asarray(jax.vmap(frame.position)(jnp.asarray(p[:, :3]))) for p in (w, other))
    np.testing.assert_allclose(np.delete(after, 1, 1), np.delete(before, 1, 1), atol=1e-10)
    np.testing.assert_allclose(after[:, 1] - before[:, 1], -SUN.R0 * 0.05 / frame.scale[1], rtol=1e-9)
    velocities = [np.asarray(jax.vmap(frame.velocity)(jnp.asarray(p))) for p in (w, other)]
    np.testing.assert_allclose(velocities[1], velocities[0], atol=1e-10)


@pytest.mark.parametrize("name", NAMES[1:])
def test_the_architecture_survives_json(name, flows):
    architecture = flows[name][0].architecture
    assert architecture_from_json(architecture.to_json()) == architecture
    assert hash(architecture_from_json(architecture.to_json())) == hash(architecture)


def test_a_rotation_of_the_velocity_frame_is_orthogonal():
    for seed in range(5):
        R = np.asarray(random_rotation(jax.random.key(seed)))
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)


# ----------------------------------------------------------------------------------------------------- normalisation


@pytest.mark.parametrize("name", NAMES)
def test_f_integrates_over_velocity_to_n(name, flows):
    """∫ f d³v = n(x) at a few places, by the trapezoid rule, which converges faster than any power for a smooth f.

    The box is 16 standard deviations wide, so that even the broad logistics of wild weights end inside.
    """
    flow, w = flows[name]
    scale = np.array(flow.architecture.coordinates.velocity_scale).max()
    line = np.linspace(-16, 16, 97) * scale
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    for x in w[:2, :3]:
        centre = np.asarray(flow.architecture.coordinates.inverse_velocity(jnp.asarray(x), jnp.zeros(3)))
        points = np.concatenate([np.broadcast_to(x, grid.shape), grid + centre], 1)
        total = np.exp(flow.log_df(points)[0]).sum() * (line[1] - line[0]) ** 3
        assert total / np.exp(ln_n(flow, x[None])[0]) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_n_integrates_over_a_ball_to_one(name, flows):
    """By an independent product Gauss rule; the Sobol quadrature of the normaliser is good to 1e-3 for wild n."""
    flow, _ = flows[name]
    points, weights = ball.quadrature(flow.region.outer, 40)
    assert np.sum(weights * np.exp(ln_n(flow, points))) == pytest.approx(1, abs=2e-3)


SHAPES = [
    Shell(1.0) & Expression("abs(b) > 10"),
    Shell(1.0) & ~Shell(0.25, centre=(0.4, 0.3, 0.0)) & ~Shell(0.2, centre=(-0.5, 0.0, 0.1)),
    Box((("x", 0.2, 0.6), ("y", -0.7, -0.1), ("z", -0.1, 0.1))),
    Shell(1.0) & Expression("abs(z) < 0.02"),
    Shell(1.0, 0.9),
    Shell(0.5, centre=(0.3, 0.4, -0.2)),
    Shell(1.0) & Box((("vphi", 150.0, 400.0),)),
]


@pytest.mark.parametrize("region", SHAPES, ids=str)
def test_n_integrates_to_one_over_a_region_with_cuts_and_holes(region, trained_flow):
    """Sharp edges cost nothing: against 400 000 uniform points in the ball, whose error is stated with them."""
    x = ball.draw_uniform(np.random.default_rng(0), 400_000, 1.0)
    inside = region.contains_positions(x, SUN)
    shape = {"region": region, "proposal": fit_proposal(x[inside][:2000], region)}
    trainer = dataclasses.replace(trained_flow("disc").trainer, **shape)
    flow = gather(trainer, [(wild_member(trainer), None)])
    values = np.where(inside, np.exp(ln_n(flow, x)), 0.0) * 4 / 3 * np.pi
    error = values.std() / np.sqrt(len(x))
    assert error < 0.02
    assert abs(values.mean() - 1) < 4 * error + 1e-3


def test_the_quadrature_has_the_volume_of_its_region():
    """Also for stars concentrated in a corner of it, and with at least as many points as were asked for."""
    region = Box((("x", -1.0, 1.0), ("y", 0.0, 0.5), ("z", -0.2, 0.3)))
    corner = np.random.default_rng(0).normal(size=(1000, 3)) * 0.01 + [0.9, 0.4, 0.2]
    for stars in (corner, ball.draw_uniform(np.random.default_rng(1), 1000, 0.5)):
        nodes = quadrature(fit_proposal(stars, region), region, SUN, 16384)
        assert nodes.volume.sum() == pytest.approx(2 * 0.5 * 0.5, rel=5e-3)
        assert len(nodes.x) > 0.9 * 16384
        assert np.all(region.contains_positions(nodes.x, SUN))


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Everything(), "not bounded"),
        (~Shell(1.0), "not bounded"),
        (Shell(1.0) & Expression("r > 2"), "no volume"),
    ],
    ids=str,
)
def test_a_region_that_n_cannot_live_on_is_refused(region, words):
    with pytest.raises(RegionError, match=words):
        quadrature(fit_proposal(np.zeros((10, 3)), region), region, SUN, 256)


# ------------------------------------------------------------------------------------------------------------ scores


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_gradient_of_ln_f(name, flows):
    flow, w = flows[name]
    w = w[:200]
    log_df, score = flow.log_df_and_score(w)
    np.testing.assert_allclose(log_df, flow.log_df(w), rtol=1e-13)
    np.testing.assert_array_equal(score, flow.score(w))
    numeric = differences(lambda points: flow.log_df(points)[0], w, [1e-3] * 3 + [0.1] * 3)
    scale = np.sqrt(np.mean(score[0] ** 2, 0))
    # Fourth-order differences of steps of 1e-3 of the scales: truncation 1e-9 for a trained f, 1e-6 for a wild one.
    np.testing.assert_allclose(numeric / scale, score[0] / scale, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_continuously_differentiable(name, flows):
    """Along a line in phase space second differences of the score shrink as the square of the step.

    A kink of the score, as splines have, would make them shrink as the step: by 4 and not by 16 for a quarter of it.
    """
    flow, w = flows[name]
    # Well away from the centre of the Galaxy or of the sphere, where the coordinates themselves are not smooth.
    start, end = w[0], w[1]
    worst = []
    for count in (2001, 8001):
        t = np.linspace(0, 1, count)[:, None]
        score = flow.score(start + t * (end - start))[0]
        worst.append(np.abs(np.diff(score, 2, axis=0)).max(0))
    assert np.all(worst[0] / worst[1] > 12)


def test_ln_f_is_finite_everywhere(flows):
    """Far outside the volume and at absurd velocities too, as the continuation beyond the edge must be."""
    rng = np.random.default_rng(0)
    w = np.concatenate([rng.normal(size=(500, 3)) * 3, rng.normal(size=(500, 3)) * 1000], 1)
    for name in NAMES:
        log_df, score = flows[name][0].log_df_and_score(w)
        assert np.all(np.isfinite(log_df)), name
        assert np.all(np.isfinite(score)), name


def test_the_answer_does_not_depend_on_how_many_points_are_asked_for(flows, monkeypatch):
    flow, w = flows["disc"]
    whole = flow.log_df(w)
    np.testing.assert_array_equal(flow.log_df(w[:1]), whole[:, :1])
    assert flow.log_df(w[:0]).shape == (1, 0)
    assert flow.score(w[:0]).shape == (1, 0, 6)
    monkeypatch.setattr(distribution_function, "CHUNK", 100)
    np.testing.assert_allclose(flow.log_df(w), whole, rtol=1e-12)


# ------------------------------------------------------------------------------------------------------------ samples


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_distributed_as_f(name, flows):
    """Stein's identity in velocity, E[v_i ∂ln f/∂v_j] = −δ_ij, and moments of n(x) in space.

    Both hold for the flow's own f exactly, so what differs is chance: 4.5 standard errors.
    """
    flow, _ = flows[name]
    w = flow.sample(jax.random.key(1), 20_000)
    score = flow.score(w)[0]
    v = w[:, 3:] - np.median(w[:, 3:], 0)
    for i in range(3):
        for j in range(3):
            terms = v[:, i] * score[:, 3 + j] + (i == j)
            assert abs(terms.mean()) < 4.5 * terms.std() / np.sqrt(len(w)), (i, j)
    points, weights = ball.quadrature(flow.region.outer, 40)
    mass = weights * np.exp(ln_n(flow, points))
    for power in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0], [0, 2, 0], [0, 0, 2], [1, 1, 0]):
        expected = np.sum(mass * np.prod(points**power, 1)) / mass.sum()
        stars = np.prod(w[:, :3] ** power, 1)
        assert abs(stars.mean() - expected) < 4.5 * stars.std() / np.sqrt(len(w)), power


@pytest.mark.parametrize("region", SHAPES[:4], ids=str)
def test_samples_are_inside_the_region(region, trained_flow):
    trainer = trained_flow("disc").trainer
    stars = ball.draw_uniform(np.random.default_rng(0), 50_000, 1.0)
    stars = stars[region.contains_positions(stars, SUN)]
    flow = dataclasses.replace(trained_flow("disc").flow, region=region, proposal=fit_proposal(stars, region))
    w = flow.sample(jax.random.key(2), 3000)
    assert w.shape == (3000, 6)
    assert np.all(flow.inside(w))
    assert np.all(region.contains_positions(w[:, :3], SUN))
    assert trainer.region == Shell(1.0)


def test_a_sample_belongs_to_its_key_and_is_shared_by_the_members(trained_flow):
    flow = trained_flow("disc").flow
    first, again, other = (flow.sample(jax.random.key(k), 1001) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)
    # In random order, so that any part of it is a sample of the mixture: no member comes first.
    log_df = flow.log_df(first)
    lead = log_df[0] - log_df[1]
    assert abs(lead[:500].mean() - lead[500:].mean()) < 5 * lead.std() / np.sqrt(250)


# ----------------------------------------------------------------------------------------------- ensembles of members


def test_the_best_f_is_the_median_of_the_members_densities():
    rng = np.random.default_rng(0)
    odd, even = rng.normal(size=(5, 40)) * 3, rng.normal(size=(4, 40)) * 3
    np.testing.assert_allclose(best_log_df(odd), np.median(odd, 0), rtol=1e-12)
    middle = np.sort(np.exp(even), 0)[1:3].mean(0)
    np.testing.assert_allclose(best_log_df(even), np.log(middle), rtol=1e-12)
    one_is_wild = np.concatenate([odd, [np.full(40, 500.0)], [np.full(40, -500.0)]])
    np.testing.assert_allclose(best_log_df(one_is_wild), best_log_df(odd), atol=1e-12)


def test_members_differ_and_each_fits_the_stars(trained_flow):
    """The gap to the exact f is under 0.5 nat after a second of training, and no likelihood is beyond the truth's."""
    trained = trained_flow("disc")
    w = np.asarray(trained.stars.w[trained.trainer.parts.held_out], float)
    log_df = trained.flow.log_df(w)
    np.testing.assert_allclose(log_df.mean(1), trained.held_out, rtol=1e-6)
    exact = trained.system.ln_f(w)
    gaps = exact.mean() - log_df.mean(1)
    error = (exact - log_df[0]).std() / np.sqrt(len(w))
    assert np.all(gaps < 0.5)
    assert np.all(gaps > -4 * error)
    assert np.std(log_df[0] - log_df[1]) > 0.01


# ----------------------------------------------------------------------------------------------------------- training


def bits(tree):
    return {name: array.tobytes() for name, array in to_arrays(tree).items()}


def test_training_resumed_from_any_report_ends_bit_for_bit_the_same(trained_flow):
    trainer = trained_flow("disc").trainer
    reports = list(trainer.train(10, 0))
    assert [r.phase for r in reports] == sorted(r.phase for r in reports)  # density, then velocity
    assert bits(ensemble.member(trained_flow("disc").flow.states, 0)) == bits(
        trainer.finish(10, reports[-1].checkpoint)
    )
    edge = [r.phase for r in reports].index("velocity")
    for stopped in (0, edge // 2, edge - 1, edge, edge + 7, len(reports) - 2, len(reports) - 1):
        arrays = to_arrays(reports[stopped].checkpoint)
        resumed = from_arrays(arrays, trainer.template(int(arrays[".phase"])))
        rest = list(trainer.train(10, 0, resumed))
        assert [(r.phase, r.step) for r in rest] == [(r.phase, r.step) for r in reports[stopped + 1 :]]
        assert bits((rest or reports)[-1].checkpoint) == bits(reports[-1].checkpoint)


def test_a_member_never_sees_the_other_half(trained_flow):
    """Whatever is done to the stars of the other half, its first reports are the same."""
    trainer = trained_flow("disc").trainer
    w = np.array(trainer.w)
    others = trainer.parts.halves[1]
    w[others] = np.random.default_rng(0).permutation(w[others])[:, [2, 0, 1, 5, 3, 4]]
    changed = dataclasses.replace(trainer, w=w)
    # The descents are what is compiled: they hold no stars, so the changed trainer may use the same.
    for name in ("_density_descent", "_velocity_descent"):
        changed.__dict__[name] = getattr(trainer, name)
    for half, same in ((0, True), (1, False)):
        first = [bits(next(t.train(5, half)).checkpoint) for t in (trainer, changed)]
        assert (first[0] == first[1]) == same
    # A member on both halves differs from either.
    assert bits(next(trainer.train(5, None)).checkpoint) != bits(next(trainer.train(5, 0)).checkpoint)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("held_out", [0.01, 0.3])
def test_the_split_is_fair_and_keeps_groups_together(grouped, held_out):
    n = 20_000
    group = np.random.default_rng(1).integers(0, 4000, n) * 7 - 100 if grouped else None
    sample = PhaseSpaceSample(np.zeros((n, 6)), Shell(1.0), group=group)
    parts = split(sample, held_out, seed=2)
    first, second = parts.halves
    rows = np.concatenate([first, second, parts.held_out])
    assert len(np.unique(rows)) == len(rows)
    assert len(first) == len(second)
    # Dealt, not thrown: what is uneven is less than one group.
    longest = np.bincount(np.unique(group, return_inverse=True)[1]).max() if grouped else 1
    assert abs(len(parts.held_out) - held_out * n) <= longest / 2
    assert n - len(rows) <= longest
    if grouped:
        owners = [set(group[part]) for part in (first, second, parts.held_out)]
        assert not owners[0] & owners[1]
        assert not owners[0] & owners[2]
        assert not owners[1] & owners[2]
    # In random order: batches are consecutive rows.
    assert np.all(np.abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 5 / np.sqrt(len(first)))
    np.testing.assert_array_equal(split(sample, held_out, seed=2).held_out, parts.held_out)
    assert not np.array_equal(split(sample, held_out, seed=3).held_out[:100], parts.held_out[:100])
    np.testing.assert_array_equal(parts.rows(None), np.concatenate(parts.halves))
    np.testing.assert_array_equal(parts.rows(1), second)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w[:500], "500 stars are too few: each half needs 256 to train on and gets 237"),
        (lambda w: w[:1], "1 stars are too few"),
        (lambda w: np.where(np.arange(6) == 2, np.nan, w), "not finite"),
        (lambda w: np.where(np.arange(len(w))[:, None] == 7, np.inf, w), "not finite"),
    ],
    ids=["few", "one", "nan", "inf"],
)
def test_stars_that_cannot_be_trained_on_are_refused_in_words(change, words):
    w = np.random.default_rng(0).normal(size=(3000, 6)) * 0.2
    config = preset("quick").flow
    with pytest.raises(TrainingError, match=words):
        flow_trainer(PhaseSpaceSample(change(w), Shell(3.0)), config, SUN, coordinates="sphere", seed=0)


def test_an_ensemble_knows_its_members(trained_flow):
    flow = trained_flow("disc").flow
    assert isinstance(flow, FlowEnsemble)
    assert flow.members == 2
    assert flow.half.tolist() == [0, 1]
