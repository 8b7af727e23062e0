"""p(v | x) where dust and a magnitude limit hide most stars: ``python tests/benchmarks/conditional.py``.

A Plummer sphere seen from its centre through log-normal clumps of dust, to a limiting magnitude: 2¹⁷ of its stars are
in the catalogue. Printed, by the share of stars that survive at a position: the part of the catalogue that is there,
the error and the bias of p(v | x) at stars of the whole sphere there, and the error of the velocity dispersion.
"""

import argparse
import itertools

import jax
import numpy as np
from exact_truth import STARS, cells  # sets the number of threads: before JAX

from core import mocks
from core.config import preset
from core.flow.distribution_function import FlowEnsemble
from core.flow.training import flow_trainer, gather
from core.mocks.observation import ObservationModel, observed_mock, survival
from core.phase_space.sample import PhaseSpaceSample

DUST = ObservationModel(
    errors=False, clumps=1.0, clump_length=0.5, extinction=0.7, dust_height=1000.0, magnitude_limit=12.0
)
SHARES = (0.003, 0.03, 0.1, 0.3, 1.0)
MEMBERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    rows = [_figures(seed) for seed in range(parser.parse_args().seeds)]
    print("| survive | of the catalogue | median abs(p/p_true − 1) | bias of p | dispersion |\n|---|---|---|---|---|")
    for (low, high), values in zip(itertools.pairwise(SHARES), np.median(rows, 0), strict=True):
        forms = ("{:.3f}", "{:.3f}", "{:+.4f}", "{:+.4f}")
        print(f"| {100 * low:g}–{100 * high:g} % | {cells(forms, values)} |")


def _figures(seed: int) -> list[list[float]]:
    system = mocks.system("plummer", {})
    rng = np.random.default_rng(seed)
    w = observed_mock(system, rng, STARS, DUST).w
    config = preset("quick", {"flow.mode": "conditional", "flow.halves": False})
    trainer = flow_trainer(
        PhaseSpaceSample(w, system.region), config.flow, config.solar, coordinates="sphere", seed=seed
    )
    states = []
    for member in range(MEMBERS):
        for progress in trainer.train(member, None):
            checkpoint = progress.checkpoint
        states.append((trainer.finish(member, checkpoint), None))
    flow = gather(trainer, states)
    test = np.asarray(system.sample(rng, 2**18).w, float)
    share, seen = survival(test[:, :3], DUST), survival(w[:, :3], DUST)
    figures = []
    for low, high in itertools.pairwise(SHARES):
        rows = test[(share >= low) & (share < high)][: 2**14]
        figures.append([float(np.mean((seen >= low) & (seen < high))), *_errors(system, flow, rows)])
    return figures


def _errors(system: mocks.StationarySystem, flow: FlowEnsemble, w: np.ndarray) -> list[float]:
    """Typical error and bias of p(v | x), and error of the velocity dispersion, at stars of the whole sphere."""
    r2 = np.sum(w[:, :3] ** 2, 1)
    # n(x) of the sphere to its radius, in kpc⁻³: the stars' own density.
    ln_n = -2.5 * np.log1p(r2) + np.log(3 / (4 * np.pi)) - np.log(system.fraction_inside)
    difference = np.log(np.mean(np.exp(flow.log_df(w)), 0)) - (system.ln_f(w) - ln_n)
    x = w[:, :3]
    drawn = np.concatenate([flow.sample_velocities(jax.random.key(key), x) for key in range(4)])
    true = np.sqrt(np.mean(system.escape_velocity_squared / 2 / np.sqrt(1 + r2) / 6))
    return [
        float(np.median(np.abs(np.expm1(difference)))),
        float(np.median(np.expm1(difference))),
        float(np.sqrt(np.mean(drawn**2)) / true - 1),
    ]


if __name__ == "__main__":
    main()
