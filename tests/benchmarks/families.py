"""What each family of flows costs for its accuracy: ``python tests/benchmarks/families.py``.

One member of each family on 2¹⁷ Plummer stars to ten scale lengths, in one thread. ``continuous`` is FFJORD of the
published size, trained by maximum likelihood alone as published, or by flow matching first. The last lines say how
soon the default family is as good as FFJORD by maximum likelihood: short trainings until its errors are reached.
"""

import argparse

import numpy as np
from exact_truth import cells, errors, trained

LIKELIHOOD = {"flow.family": "continuous", "flow.continuous.match": False}
CASES: dict[str, dict[str, object]] = {
    "factored, 500 steps": {"flow.velocity.training.steps": 500},
    "factored": {},
    "joint": {"flow.family": "joint"},
    "spline": {"flow.family": "spline"},
    "continuous, flow matching, then likelihood": {"flow.family": "continuous"},
    "continuous, likelihood alone": {**LIKELIHOOD, "flow.continuous.likelihood.steps": 1500},
}
SHORT = (50, 100, 200, 400, 800)
"""Steps of the short trainings of the default family."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    seeds = range(parser.parse_args().seeds)
    print("| family | nll gap [nat] | score x | score v | CPU-s |\n|---|---|---|---|---|")
    for name, overrides in CASES.items():
        found = np.median([_figures(seed, overrides) for seed in seeds], 0)
        print(f"| {name} | {cells(FORMS, found)} |", flush=True)
    published = found
    for steps in SHORT:
        overrides = {"flow.velocity.training.steps": steps}
        found = np.median([_figures(seed, overrides) for seed in seeds], 0)
        print(f"| factored, {steps} steps | {cells(FORMS, found)} |", flush=True)
        if np.all(found[:3] <= published[:3]):
            print(f"\nas good as FFJORD by maximum likelihood at {published[3] / found[3]:.0f} times less CPU time")
            return


FORMS = ("{:.4f}", "{:.3f}", "{:.3f}", "{:.1f}")


def _figures(seed: int, overrides: dict[str, object]) -> list[float]:
    one = trained("plummer", seed, overrides=overrides)
    return [*errors(one, seed, 2**13)[:3], one.seconds]


if __name__ == "__main__":
    main()
