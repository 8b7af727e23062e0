"""What each kind of task does: train flows, draw and score samples, fit potentials, read off scalars.

A stage reads the products of the stages before it and writes its own; it can be killed at any moment and called again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from core import mocks
from core.catalog.resolve import open_catalogue
from core.diagnostics.scalars import scalar_draws
from core.diagnostics.star_counts import slopes
from core.diagnostics.stationarity import PatternSpeedVerdict, mean_angular_speed, median_share
from core.flow.distribution_function import FlowEnsemble
from core.jobs.execution import Task
from core.jobs.flow_training import train_flows
from core.phase_space.sample import ScoredSample
from core.potential.training import PotentialMember, fit_convex, fit_network_member
from core.runs import products, star_files
from core.runs.artifacts import write_json
from core.runs.registry import Run


def draw_sample(task: Task) -> list[Path]:
    """Draw stars from the flows for the comparison with the data, and score the first of them for the potential."""
    pipeline = task.spec.parameters["pipeline"]
    config = task.run.manifest.config
    flow = products.read_flow(task.run.products, pipeline)
    count = config.sample.flow_stars if pipeline == products.MAIN else config.sample.scored_points
    stars = flow.sample(jax.random.key(task.seed("sample", pipeline)), count)
    task.report(0.5)
    paths = [task.run.products / f"scored-{pipeline}.safetensors"]
    products.write_scored(paths[0], _scored(task, flow, stars))
    task.report(0.9)
    if pipeline == products.MAIN:
        paths += [task.run.products / star_files.FLOW_SAMPLE, task.run.products / star_files.FLOW_SUMMARY]
        star_files.write_stars(paths[1], stars)
        star_files.write_summary(paths[2], _flow_summary(task, stars))
    return paths


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
    log_df, score = flow.log_df_and_score(points)
    return ScoredSample(points, log_df, score, flow.half, conditional=flow.family.is_conditional)


def fit_potentials(task: Task) -> list[Path]:
    """The potentials of a pipeline: one per seed on the best estimate of f, or one per flow."""
    pipeline, flows = task.spec.parameters["pipeline"], task.spec.parameters["flows"]
    config = task.run.manifest.config
    sample = products.read_scored(task.run.products / f"scored-{flows}.safetensors")
    members = []
    if pipeline == "df_seed":
        weights = None
        if config.potential.solver == "convex":
            # The weights need the scatter of all members; each flow alone then uses them.
            weights = fit_convex(sample, config.potential, config.solar, seed=task.seed(0), bootstrap=False)[1].weights
        for i in range(sample.members):
            members.append(_fit_member(task, sample.member(i), task.seed(0), weights, i / sample.members))
    else:
        count = task.spec.parameters["members"]
        for i in range(count):
            members.append(_fit_member(task, sample, task.seed("potential", i), None, i / count))
    speed = mean_angular_speed(sample.w, config.solar) if config.potential.frame == "rotating" else None
    path = products.potentials_path(task.run.products, pipeline)
    products.write_potentials(path, config.potential, members, speed)
    return [path]


def _fit_member(
    task: Task, sample: ScoredSample, seed: int, weights: np.ndarray | None, done: float
) -> PotentialMember:
    config = task.run.manifest.config
    if config.potential.solver == "convex":
        member, _ = fit_convex(
            sample, config.potential, config.solar, seed=seed, bootstrap=weights is None, weights=weights
        )
        task.report(done)
        return member
    for progress, fitted in fit_network_member(sample, config.potential, config.solar, seed=seed):
        share = progress.step / progress.steps / max(1, task.spec.parameters["members"])
        task.report(done + share, step=progress.step, loss=progress.loss, held_out=progress.held_out)
        member = fitted
    return member


def read_off_scalars(task: Task) -> list[Path]:
    """The scalars of every pipeline, with the truth where the stars are a mock's."""
    run, config = task.run, task.run.manifest.config
    pipelines = [p for p in ("potential_seed", "df_seed") if run.has(f"potential-{p}.safetensors")]
    truth = open_catalogue(run.manifest.catalogue.id).truth
    system = mocks.from_truth(truth) if truth else None
    scalars = scalar_draws(
        {p: run.potentials(p) for p in pipelines},
        config,
        products.read_flow(run.products).region,
        truth=system,
        true_pattern_speed=system.pattern_speed if system else None,
    )
    document: dict[str, Any] = {scalar.name: scalar.to_json() for scalar in scalars}
    if "pattern_speed" in document:
        document["pattern_speed"] |= _verdict(run).to_json()
    path = run.products / "scalars.json"
    write_json(path, document)
    return [path]


def _verdict(run: Run) -> PatternSpeedVerdict:
    _, members, speed = products.read_members(run.products, "potential_seed")
    null: tuple[float, ...] = ()
    if run.has("potential-null.safetensors"):
        draws = run.potentials("null").pattern_speed
        null = tuple(draws.tolist()) if draws is not None else ()
    return PatternSpeedVerdict(median_share([m.noise_share for m in members]), speed, null)


STAGES: Mapping[str, Callable[[Task], list[Path]]] = {
    "flows": train_flows,
    "sample": draw_sample,
    "potentials": fit_potentials,
    "scalars": read_off_scalars,
}
"""What to call for each kind of task."""
