"""How the errors of the scalars go together: correlations over all the pipelines that measure an uncertainty."""

from collections.abc import Sequence

import numpy as np

from core.diagnostics.scalar_draws import ScalarDraws
from core.pipelines import UNCERTAINTIES

_FEWEST = 3
"""Draws of a pipeline below which they say nothing of a correlation."""


def correlations(scalars: Sequence[ScalarDraws]) -> dict[str, dict[str, float | None]]:
    """Pearson correlation of each scalar with each, from the covariances summed over pipelines; None without any.

    A pipeline that a scalar has no draws in does not move it.
    """
    total = np.zeros((len(scalars), len(scalars)))
    for pipeline in UNCERTAINTIES:
        draws = [s.pipelines.get(pipeline, np.zeros(0)) for s in scalars]
        count = max(map(len, draws))
        if count >= _FEWEST:
            matrix = np.stack([d if len(d) == count else np.zeros(count) for d in draws])
            total += np.cov(matrix)
    size = np.sqrt(np.diag(total))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = total / size[:, None] / size
    return {
        one.name: {other.name: float(r) if np.isfinite(r) else None for other, r in zip(scalars, row, strict=True)}
        for one, row in zip(scalars, values, strict=True)
    }
