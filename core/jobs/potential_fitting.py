"""The stage that fits potentials: each pipeline of :mod:`core.pipelines` changes one thing from fit to fit."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from core.array_types import PerStar
from core.config import Config
from core.diagnostics.stationarity import mean_angular_speed
from core.errors import TrainingError
from core.flow.training import Checkpoint
from core.jobs.checkpoint import finished_draw, load_checkpoint, load_draw, save_checkpoint
from core.jobs.execution import Task
from core.phase_space.sample import ScoredSample
from core.phase_space.solar_position import SolarPosition
from core.pipelines import DF_SEED, RESAMPLED, SOLAR_POSITION, WEAK_FORM
from core.potential.training import DIRECT_SOLVERS, PotentialMember, fit_network_member, network_template
from core.potential.weak_form import fit_weak_form, weak_config
from core.runs import products
from core.runs.artifacts import write_json


def fit_potentials(task: Task) -> list[Path]:
    """The potentials of a pipeline, one for each of its draws; those that cannot be fitted are left out, and named."""
    pipeline, config = task.spec.parameters["pipeline"], task.run.manifest.config
    if pipeline == WEAK_FORM:
        return _preview(task, config)
    kind = "resampled" if pipeline in RESAMPLED else pipeline
    draws = list(_DRAWS.get(kind, _seeds)(task, config))
    members, suns, left_out = [], [], {}
    for number, draw in enumerate(draws):
        if isinstance(draw, str):
            left_out[number] = draw
            continue
        try:
            members.append(_finished(task, config, number, draw, len(draws)))
        except TrainingError as error:
            left_out[number] = str(error)
            continue
        suns.append(draw.sun)
    if 2 * len(members) < len(draws):
        reasons = "; ".join(f"draw {number}: {reason}" for number, reason in left_out.items())
        raise TrainingError(f"only {len(members)} of {len(draws)} draws can be used, too few. {reasons}")
    sample = next(draw.sample for draw in draws if not isinstance(draw, str))
    speed = mean_angular_speed(sample.w, config.solar) if config.potential.frame == "rotating" else None
    path = products.potentials_path(task.run.products, pipeline)
    varied = suns if pipeline == SOLAR_POSITION else ()
    products.write_potentials(path, config.potential, members, speed, suns=varied, left_out=left_out)
    return [path]


def _preview(task: Task, config: Config) -> list[Path]:
    """The potentials of the weak form, from the stars alone; where there can be none, why: nothing else needs them."""
    stars = task.stars(products.MAIN)
    path = products.potentials_path(task.run.products, WEAK_FORM)
    rejection = products.rejection_of_preview(task.run.products)
    try:
        members = fit_weak_form(stars, config.potential, config.solar, seed=task.seed(WEAK_FORM))
    except TrainingError as error:
        # What an earlier attempt left.
        path.unlink(missing_ok=True)
        write_json(rejection, {"reason": str(error)})
        return [rejection]
    rejection.unlink(missing_ok=True)
    speed = mean_angular_speed(stars.w, config.solar) if config.potential.frame == "rotating" else None
    products.write_potentials(path, weak_config(config.potential), members, speed)
    return [path]


@dataclass(frozen=True)
class _Draw:
    """What one potential is fitted to, and how: ``resampled`` points, or ``weights`` found before."""

    sample: ScoredSample
    sun: SolarPosition
    seed: int
    resampled: bool = False
    weights: PerStar | None = None


_Draws = Iterator[_Draw | str]
"""A draw, or why there is none."""


def _scored(task: Task, draw: int | None = None) -> ScoredSample:
    return products.read_scored(products.scored_path(task.run.products, task.spec.parameters["flows"], draw))


def _seeds(task: Task, config: Config) -> _Draws:
    """The best estimate of f, with another seed and other points each time."""
    sample = _scored(task)
    for i in range(task.spec.parameters["members"]):
        yield _Draw(sample, config.solar, task.seed("potential", i), resampled=True)


def _flows(task: Task, config: Config) -> _Draws:
    """One flow each time."""
    sample, weights = _scored(task), None
    if fit := DIRECT_SOLVERS.get(config.potential.solver):
        # The weights need the scatter of all members; each flow alone then uses them.
        weights = fit(sample, config.potential, config.solar, seed=task.seed(0), bootstrap=False)[1].weights
    for i in range(sample.members):
        yield _Draw(sample.member(i), config.solar, task.seed(0), weights=weights)


def _suns(task: Task, config: Config) -> _Draws:
    """The best estimate of f, seen from another place at another velocity each time."""
    sample = _scored(task)
    for i in range(task.spec.parameters["members"]):
        sun = config.solar.drawn(np.random.default_rng(task.seed("sun", i)))
        yield _Draw(sample, sun, task.seed(0))


def _resampled(task: Task, config: Config) -> _Draws:
    """The flows of other stars each time; they too are on two halves."""
    for i in range(task.spec.parameters["members"]):
        rejection = products.rejection_of_draw(task.run.products, task.spec.parameters["pipeline"], i)
        if rejection.is_file():
            yield products.read_reason(rejection)
        else:
            yield _Draw(_scored(task, i), config.solar, task.seed(0))


_DRAWS: Mapping[str, Callable[[Task, Config], _Draws]] = {
    DF_SEED: _flows,
    SOLAR_POSITION: _suns,
    "resampled": _resampled,
}


def _finished(task: Task, config: Config, number: int, draw: _Draw, draws: int) -> PotentialMember:
    """The potential of a draw, which is kept while the others are fitted, and read back either way."""
    pipeline, flows = task.spec.parameters["pipeline"], task.spec.parameters["flows"]
    source = products.scored_path(task.run.products, flows, number if pipeline in RESAMPLED else None)
    path = finished_draw(task.directory, number, source)
    if (member := load_draw(task.directory, path)) is not None:
        return member
    products.write_potentials(path, config.potential, [_fitted(task, config, path.stem, number, draw, draws)], None)
    return products.read_members_in(path)[1][0]


def _fitted(task: Task, config: Config, name: str, number: int, draw: _Draw, draws: int) -> PotentialMember:
    done, share = number / draws, 1 / draws
    if fit := DIRECT_SOLVERS.get(config.potential.solver):
        member, _ = fit(
            draw.sample, config.potential, draw.sun, seed=draw.seed, bootstrap=draw.resampled, weights=draw.weights
        )
        task.report(done + share)
        return member
    identity = {"member": name, "seed": draw.seed, "of": task.fingerprint}
    template = Checkpoint(jnp.zeros((), jnp.int32), {}, network_template(config.potential))
    found, saved = load_checkpoint(task.directory, identity, lambda phase: template), time.monotonic()
    resume = None if found is None else found.descent
    training = fit_network_member(draw.sample, config.potential, draw.sun, seed=draw.seed, resume=resume)
    for progress, fitted in training:
        part = share * progress.step / progress.steps
        task.report(done + part, step=progress.step, loss=progress.loss, held_out=progress.held_out)
        member = fitted
        if time.monotonic() - saved > config.jobs.checkpoint_seconds:
            save_checkpoint(task.directory, identity, template._replace(descent=progress.state))
            saved = time.monotonic()
    return member
