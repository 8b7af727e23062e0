"""What each kind of task does: train flows, draw and score samples, fit potentials, read off scalars.

A stage reads the products of the stages before it and writes its own; it can be killed at any moment and called again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np

from core.array_types import PhaseSpace
from core.diagnostics.star_counts import slopes
from core.errors import TrainingError
from core.flow.distribution_function import FlowEnsemble
from core.jobs.execution import Task
from core.jobs.flow_training import train_flows
from core.jobs.potential_fitting import fit_potentials
from core.jobs.reading_off import read_off_scalars
from core.phase_space.sample import ScoredSample
from core.pipelines import RESAMPLED, flows_per_draw
from core.runs import flow_files, products, star_files
from core.runs.artifacts import write_json


def draw_sample(task: Task) -> list[Path]:
    """Draw stars from the flows for the comparison with the data, and score the first of them for the potential.

    The flows of a resampled pipeline are scored at the points of the best fit.
    """
    pipeline = task.spec.parameters["pipeline"]
    if pipeline in RESAMPLED:
        return _score_draws(task, pipeline)
    config = task.run.manifest.config
    flow = flow_files.read_flow(task.run.products, pipeline)
    count = config.sample.flow_stars if pipeline == products.MAIN else config.sample.scored_points
    stars = flow.sample(jax.random.key(task.seed("sample", pipeline)), count)
    task.report(0.5)
    paths = [products.scored_path(task.run.products, pipeline)]
    products.write_scored(paths[0], _scored(task, flow, stars))
    task.report(0.9)
    if pipeline == products.MAIN:
        paths += [task.run.products / star_files.FLOW_SAMPLE, task.run.products / star_files.FLOW_SUMMARY]
        star_files.write_stars(paths[1], stars)
        star_files.write_summary(paths[2], _flow_summary(task, stars))
    return paths


def _score_draws(task: Task, pipeline: str) -> list[Path]:
    """The scores of the flows of every draw; where they cannot be used, why."""
    place, draws = task.run.products, task.spec.parameters["draws"]
    points = products.read_scored(products.scored_path(place, products.MAIN)).w
    per_draw = flows_per_draw(halves=task.run.manifest.config.flow.halves)
    paths = []
    for draw in range(draws):
        try:
            flow = flow_files.read_flow(place, pipeline, range(draw * per_draw, (draw + 1) * per_draw))
        except TrainingError as error:
            paths.append(products.rejection_of_draw(place, pipeline, draw))
            write_json(paths[-1], {"reason": str(error)})
            continue
        # What an earlier attempt said of flows that were made anew since.
        products.rejection_of_draw(place, pipeline, draw).unlink(missing_ok=True)
        paths.append(products.scored_path(place, pipeline, draw))
        products.write_scored(paths[-1], _at(flow, points))
        task.report((draw + 1) / draws)
    return paths


def _at(flow: FlowEnsemble, points: PhaseSpace) -> ScoredSample:
    log_df, score = flow.log_df_and_score(points)
    return ScoredSample(points, log_df, score, flow.half, conditional=flow.family.is_conditional)


def _flow_summary(task: Task, drawn: np.ndarray) -> star_files.FlowSummary:
    flows = products.stored_flows(task.run.products)
    config, stars = task.run.manifest.config, task.stars(products.MAIN)
    weight = np.ones(len(stars)) if stars.weight is None else stars.weight
    return star_files.FlowSummary(
        held_out=tuple(flow.held_out for flow in flows if flow.reason is None),
        rejected={flow.number: flow.reason for flow in flows if flow.reason is not None},
        slopes=slopes(stars.w[:, :3], weight, drawn[:, :3], kind=config.flow_coordinates, sun=config.solar),
    )


def _scored(task: Task, flow: FlowEnsemble, stars: np.ndarray) -> ScoredSample:
    """The first points that are well inside the volume, with ln f and scores of every member."""
    manifest = task.run.manifest
    inside = np.array(manifest.region.contains_points(stars, manifest.config.solar))
    ball = flow.region.spatial_part().bounding_ball()
    if ball is not None:
        reach = (1 - manifest.config.sample.edge) * ball[1]
        inside &= np.linalg.norm(stars[:, :3] - np.asarray(ball[0]), axis=1) < reach
    points = stars[inside][: manifest.config.sample.scored_points].astype(float)
    return _at(flow, points)


STAGES: Mapping[str, Callable[[Task], list[Path]]] = {
    "flows": train_flows,
    "sample": draw_sample,
    "potentials": fit_potentials,
    "scalars": read_off_scalars,
}
"""What to call for each kind of task."""
