"""The last stage: scalars and what may be said of them, all read off the potentials and samples of the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from core import ensemble
from core.catalog.resolve import open_catalogue
from core.diagnostics.pattern_speed_profile import PatternSpeedProfile
from core.diagnostics.steadiness import Steadiness, steadiness
from core.errors import TrainingError
from core.jobs.execution import Task
from core.phase_space.sample import ScoredSample
from core.pipelines import NULL
from core.potential.profile_loss import ProfileLoss, fit_profile
from core.potential.reference_frame import reference_frame
from core.runs import products, readings
from core.runs.artifacts import write_json
from core.runs.registry import Run


def read_off_scalars(task: Task) -> list[Path]:
    """The scalars of every pipeline, with the truth where the stars are a mock's, and how far each may be trusted."""
    run, paths = task.run, []
    # The verdicts of the scalars follow from both.
    for name, found in ((products.STEADINESS, _steadiness(run)), (products.SPEED_PROFILE, _profile(task))):
        if found is not None:
            paths.append(run.products / name)
            write_json(paths[-1], found.to_json())
    paths.append(run.products / "scalars.json")
    write_json(paths[-1], readings.scalars(run, open_catalogue(run.manifest.catalogue.id)))
    return paths


def _steadiness(run: Run) -> Steadiness | None:
    """How far f is from stationary in the best fit."""
    config, potential = run.manifest.config, run.potential
    sample = products.read_scored(products.scored_path(run.products, products.MAIN))
    acceleration = ensemble.median(potential.acceleration(sample.w[:, :3]))
    frame = reference_frame(config.potential.frame, config.solar, potential.best_drift)
    # NaN where nothing turns at all.
    return steadiness(sample, frame, acceleration, float(np.nan_to_num(potential.best_pattern_speed or 0.0)))


def _profile(task: Task) -> PatternSpeedProfile | None:
    """L(Ω_p) of the convex fit and of its null test; None for another solver, or where Ω_p has no say."""
    run, config = task.run, task.run.manifest.config
    if config.potential.solver != "convex":
        return None

    def found(sample: ScoredSample) -> ProfileLoss | None:
        try:
            return fit_profile(sample, config.potential, config.solar, seed=task.seed("profile"))
        except TrainingError:
            return None  # the draws that could be fitted are on disk, and say what of this one

    sample = products.read_scored(products.scored_path(run.products, products.MAIN))
    fit, path = found(sample), products.scored_path(run.products, NULL)
    if fit is None or not path.is_file():
        return None if fit is None else PatternSpeedProfile(fit)
    turned = products.read_scored(path)
    null, like = found(turned), found(_as_many(sample, turned))
    if null is None or like is None or not like.information > 0:
        return PatternSpeedProfile(fit, null)
    return PatternSpeedProfile(fit, null, null.information / like.information)


def _as_many(sample: ScoredSample, other: ScoredSample) -> ScoredSample:
    """The sample with as many members of each half as ``other`` has: fewer flows hold more noise."""
    kept = [np.flatnonzero(sample.half == h)[: int(np.sum(other.half == h))] for h in np.unique(other.half)]
    rows = np.sort(np.concatenate(kept))
    return replace(sample, log_df=sample.log_df[rows], score=sample.score[rows], half=sample.half[rows])
