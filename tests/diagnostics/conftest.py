"""A fit of a mock with its truth: what the diagnostics are read off."""

from typing import NamedTuple

import numpy as np
import pytest

from core import mocks
from core.config import Config, preset
from core.phase_space.sample import ScoredSample
from core.potential.fields import PotentialEnsemble
from core.potential.training import fit_convex, gather


class Fit(NamedTuple):
    """Potentials of the homogeneous rotating system from slightly noisy scores, and the system itself."""

    system: object
    config: Config
    potential: PotentialEnsemble


@pytest.fixture(scope="session")
def fit() -> Fit:
    system = mocks.system("freeman")
    config = preset("quick", {"potential.frame": system.frame})
    rng = np.random.default_rng(0)
    w = system.sample(rng, 3000).w
    score = system.score(w)
    scores = score + 0.02 * np.sqrt(np.mean(score**2, 0)) * rng.normal(size=(2, *score.shape))
    sample = ScoredSample(w, np.stack([system.ln_f(w)] * 2), scores, np.array([0, 1]))
    members = [fit_convex(sample, config.potential, config.solar, seed=seed)[0] for seed in range(3)]
    return Fit(system, config, gather(config.potential, members))
