"""Which members of an ensemble are too bad to be used: the rest say what is normal."""

from collections.abc import Sequence

import numpy as np

_FEWEST = 3
"""Members below which none can be told from the others."""
_LEAST, _DEVIATIONS = 0.05, 6.0


def outlying(held_out: Sequence[float]) -> list[str | None]:
    """For each member the reason why it is left out, or None; from its mean ln f of held-out stars.

    Too bad is 0.05 nat and six standard deviations (of the median absolute one) below the median: a descent that ended
    in a poor minimum, where members that found the stars differ by a few thousandths.
    """
    values = np.asarray(held_out, float)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ["its mean ln f of held-out stars is not finite"] * len(values)
    middle = float(np.median(finite))
    scatter = 1.4826 * float(np.median(np.abs(finite - middle)))
    lowest = middle - max(_LEAST, _DEVIATIONS * scatter) if len(finite) >= _FEWEST else -np.inf
    reasons: list[str | None] = []
    for value in values:
        if not np.isfinite(value):
            reasons.append("its mean ln f of held-out stars is not finite")
        elif value < lowest:
            reasons.append(f"its mean ln f of held-out stars is {value:.3f}, that of the others {middle:.3f}")
        else:
            reasons.append(None)
    return reasons
