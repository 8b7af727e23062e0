"""Stars drawn anew with replacement: the bootstrap pipeline (PHYSICS 4, number 2)."""

from dataclasses import replace

import numpy as np

from core.phase_space.sample import PhaseSpaceSample


def bootstrapped(rng: np.random.Generator, sample: PhaseSpaceSample) -> PhaseSpaceSample:
    """As many groups of stars as there are, drawn with replacement; single stars where there are no groups.

    A star that is drawn k times is there once with k times its weight, so that copies of it cannot be on both halves,
    or in training and validation. About 37 % of the stars are not drawn.
    """
    labels = np.arange(len(sample)) if sample.group is None else np.unique(sample.group, return_inverse=True)[1]
    groups = int(labels.max()) + 1
    times = np.bincount(rng.integers(0, groups, groups), minlength=groups)[labels]
    drawn = sample.take(times > 0)
    weight = 1.0 if drawn.weight is None else drawn.weight
    return replace(drawn, weight=np.asarray(weight * times[times > 0], np.float32))
