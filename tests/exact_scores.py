"""Mocks with their exact scores, and how far a potential that was fitted to them is from the truth."""

from functools import cache

import numpy as np

from core import mocks
from core.config import preset
from core.mocks import ball
from core.phase_space.sample import ScoredSample
from core.potential.training import gather

EXACT = ("plummer", "freeman", "slab-spiral", "shu-disc")


@cache
def drawn(name, n=4000, seed=0):
    """A mock with the exact scores of its stars; of the sphere those that are well bound, where scores are finite."""
    system = mocks.system(name)
    w = system.sample(np.random.default_rng(seed), n).w
    if name == "plummer":
        binding = -system.potential(w[:, :3]) - 0.5 * np.sum(w[:, 3:] ** 2, 1)
        w = w[binding > 0.1 * binding.max()]
    return system, w, system.ln_f(w), system.score(w)


def scored(name, n=4000, seed=0, *, noise=0.0, members=1, halves=True):
    """Exact scores with independent noise of relative size ``noise`` in every member."""
    _, w, log_df, score = drawn(name, n, seed)
    rng = np.random.default_rng(seed + 100)
    size = noise * np.sqrt(np.mean(score**2, 0))
    scores = np.stack([score + size * rng.normal(size=score.shape) for _ in range(members)])
    half = np.arange(members) % 2 if halves and members > 1 else np.full(members, -1)
    return ScoredSample(w, np.stack([log_df] * members), scores, half)


def configured(name, **settings):
    overrides = {f"potential.{key}": value for key, value in settings.items()}
    return preset("quick", {"potential.frame": mocks.system(name).frame, **overrides}).potential


def places(name, n=1000):
    """Where a fit is trusted: within 0.8 kpc of the Sun, within three scale radii of the sphere."""
    return ball.draw_uniform(np.random.default_rng(9), n, 3.0 if name == "plummer" else 0.8)


def judged(name, member, config):
    """Median relative error of the acceleration, slope of fitted on true acceleration, density."""
    system, x = mocks.system(name), places(name)
    potential = gather(config, [member])
    a, true = potential.acceleration(x)[0], system.acceleration(x)
    error = np.median(np.linalg.norm(a - true, axis=1) / np.linalg.norm(true, axis=1))
    return error, np.sum(a * true) / np.sum(true**2), potential.density(x)[0]
