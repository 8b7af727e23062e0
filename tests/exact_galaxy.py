"""Exact scores of stars in a Galaxy in closed form, with independent noise in each member."""

import jax
import jax.numpy as jnp
import numpy as np

from core.galaxy_config import AnalyticConfig
from core.mocks import ball
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.potential.galaxy import GalaxyModel, galaxy_state
from core.potential.reference_frame import reference_frame

SUN = SolarPosition()
TRUTH = AnalyticConfig(
    thin_mass=5.2e10, thin_length=3.6, thin_height=0.28, halo_mass=6.6e11, halo_scale=17.0, bulge="plummer"
)
ROTATION, DISPERSION = 26.0, 30.0


def galaxy_scores(n=4000, *, noise=0.0, members=1, seed=0):
    """Exact scores of f = exp(-(E - Ω L)/σ²), stationary in the true Galaxy, and independent noise in each member."""
    rng = np.random.default_rng(seed)
    frame = reference_frame("rotating", SUN)
    state, model = galaxy_state(TRUTH, frame, SUN), GalaxyModel("plummer")
    x = ball.draw_uniform(rng, n, 1.0)
    V = ROTATION * frame.circling(x) + DISPERSION * rng.normal(size=(n, 3))
    slope = np.asarray(jax.vmap(jax.grad(lambda y: model.potential(state, y)))(jnp.asarray(x)))
    # ∂(Ω L)/∂x with L = axis · (X × V).
    score_x = -(slope - ROTATION * np.cross(V, frame.axis)) / DISPERSION**2
    score = np.concatenate([score_x, -(V - ROTATION * frame.circling(x)) / DISPERSION**2], 1)
    size = noise * np.sqrt(np.mean(score**2, 0))
    scores = np.stack([score + size * rng.normal(size=score.shape) for _ in range(members)])
    half = np.arange(members) % 2 if members > 1 else np.full(1, -1)
    return ScoredSample(np.concatenate([x, V - frame.velocity], 1), np.zeros((members, n)), scores, half)
