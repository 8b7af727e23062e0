"""What each kind of task does: train flows, draw and score samples, fit potentials, read off scalars.

A stage reads the products of the stages before it and writes its own; it can be killed at any moment and called again.
"""

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from core import mocks
from core.catalog.resolve import open_catalogue
from core.diagnostics.scalars import scalar_draws
from core.diagnostics.stationarity import PatternSpeedVerdict, mean_angular_speed, median_share
from core.flow.distribution_function import FlowEnsemble
from core.flow.training import FlowProgress, FlowTrainer, flow_trainer
from core.jobs.checkpoint import load_checkpoint, save_checkpoint
from core.phase_space.axisymmetry import axisymmetrised
from core.phase_space.sample import PhaseSpaceSample, ScoredSample
from core.potential.training import PotentialMember, fit_convex, fit_network_member
from core.runs import artifacts, products, star_files
from core.runs.artifacts import write_json
from core.runs.manifest import TaskSpec
from core.runs.registry import Run


@dataclass(frozen=True)
class Task:
    """A task being executed: its run, its specification, its directory, and where it reports progress.

    ``report(fraction, **values)`` adds a line to the task's progress.
    """

    run: Run
    spec: TaskSpec
    directory: Path
    report: Callable[..., None]

    def seed(self, *words: object) -> int:
        """A seed for the thing called ``words``, derived from the seed of the run."""
        label = zlib.crc32(" ".join(map(str, words)).encode())
        return int(np.random.SeedSequence([self.run.manifest.config.seed, label]).generate_state(1)[0] >> 1)

    def stars(self, pipeline: str) -> PhaseSpaceSample:
        """The stars of the run as the flows of a pipeline see them."""
        manifest = self.run.manifest
        sun = manifest.config.solar
        stars = open_catalogue(manifest.catalogue.id).sample(manifest.region, sun)
        if pipeline == "null":
            return axisymmetrised(np.random.default_rng(self.seed("azimuths")), stars, sun)
        return stars


def train_flows(task: Task) -> list[Path]:
    """Train the members of a batch one after the other; members that are whole on disk are not trained again."""
    pipeline, members = task.spec.parameters["pipeline"], task.spec.parameters["members"]
    config = task.run.manifest.config
    trainer = flow_trainer(
        task.stars(pipeline),
        config.flow,
        config.solar,
        coordinates=config.flow_coordinates,
        seed=task.seed("split"),
    )
    paths = []
    for place, member in enumerate(members):
        path = products.flow_path(task.run.products, pipeline, member)
        if not artifacts.is_whole(path):
            share = lambda f, place=place: (place + f) / len(members)  # noqa: E731
            _train_member(task, trainer, pipeline, member, path, share)
        paths.append(path)
    return paths


def _train_member(
    task: Task, trainer: FlowTrainer, pipeline: str, member: int, path: Path, share: Callable[[float], float]
) -> None:
    half = member % 2 if trainer.config.halves else None
    seed = task.seed("flow", pipeline, member)
    identity = {"member": member, "seed": seed}
    saved = time.monotonic()
    checkpoint = load_checkpoint(task.directory, identity, trainer.template)
    for progress in trainer.train(seed, half, checkpoint):
        checkpoint = progress.checkpoint
        _report_member(task, member, progress, share)
        if time.monotonic() - saved > task.run.manifest.config.jobs.checkpoint_seconds:
            save_checkpoint(task.directory, identity, checkpoint)
            saved = time.monotonic()
    assert checkpoint is not None
    state = trainer.finish(seed, checkpoint)
    products.write_flow_member(
        path,
        architecture=trainer.architecture,
        region=trainer.region,
        proposal=trainer.proposal,
        state=state,
        half=-1 if half is None else half,
        held_out=trainer.held_out_log_df(state),
    )


def _report_member(task: Task, member: int, progress: FlowProgress, share: Callable[[float], float]) -> None:
    # n(x) takes about a fifth of the time of a member.
    done = progress.step / progress.steps
    fraction = 0.2 * done if progress.phase == "density" else 0.2 + 0.8 * done
    task.report(
        share(fraction),
        member=member,
        phase=progress.phase,
        step=progress.step,
        steps=progress.steps,
        loss=progress.loss,
        held_out=progress.held_out,
    )


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
        write_json(paths[2], {"held_out_log_df": products.held_out_log_df(task.run.products)})
    return paths


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
    return ScoredSample(points, log_df, score, flow.half)


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
