"""The one optax loop: compiled chunks of steps that yield their progress and a state to resume from.

It never prints, draws or writes. The whole state (parameters, their running mean, optimiser moments, step, best so
far) is one pytree, and the batch of a step depends on the step alone, so a resumed run is bit-identical to an
undisturbed one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from core.config import OptimizationConfig
from core.errors import TrainingError

Loss = Callable[[Any, Any, jax.Array], jax.Array]
"""``loss(parameters, batch, key)`` of one member, a scalar."""

REPORTS = 40
"""How often a descent reports, and checks its held-out loss."""

_QUIET_REPORTS = 3
"""Reports in a row without a change of what is watched, after which a descent has settled."""


class State(NamedTuple):
    """Everything that a descent needs to go on: a pytree."""

    parameters: Any
    mean: Any
    optimizer: Any
    step: jax.Array
    best: Any
    best_loss: jax.Array
    reports_since_best: jax.Array
    watched: jax.Array
    change: jax.Array
    reports_unchanged: jax.Array


@dataclass(frozen=True)
class Progress:
    """Where a descent stands: mean loss since the last report, and that of the held-out rows.

    ``change`` is how much the watched values moved since the last report, relative to their size; infinite at first,
    and where nothing is watched. Of members that descend together these are means over those that are finite.
    """

    step: int
    steps: int
    loss: float
    held_out: float
    change: float
    state: State = field(repr=False)


@dataclass(frozen=True, eq=False)
class Descent:
    """A loss and how to minimise it; what is compiled for it is shared by all runs of the same length.

    ``watch(parameters, held_out)`` gives values whose standing still ends the descent (``config.settled``): the scores
    of some stars, which go on changing when the likelihood does not.
    """

    loss: Loss
    config: OptimizationConfig
    watch: Callable[[Any, Any], jax.Array] | None = None

    def run(
        self,
        initial: Any,
        data: Any,
        held_out: Any,
        *,
        key: jax.Array,
        resume: State | None = None,
        together: bool = False,
    ) -> Iterator[Progress]:
        """Descend from ``initial`` parameters; ``state.best`` of the last Progress is the answer.

        ``data`` is a pytree of arrays whose leading axis is rows, already in random order: batches are consecutive
        rows. ``held_out`` is scored by the same loss at each report, on the running mean of the parameters.
        With ``together`` every argument has a leading axis of members, which one compiled program moves at once.
        Raises TrainingError when a loss stops being finite: of members together, when those of all do.
        """
        axis = 1 if together else 0
        rows = jax.tree.leaves(data)[0].shape[axis]
        program = _compiled(self, rows, together)
        # A batch that starts near the end is still one slice: the first rows follow the last.
        wrapped = slice(None, program.batch)
        head = (slice(None), wrapped) if together else wrapped
        data = jax.tree.map(lambda a: jnp.concatenate([a, a[head]], axis), data)
        state = resume
        if state is None:
            state = jax.vmap(self.start)(initial, held_out) if together else self.start(initial, held_out)
        while (step := int(np.max(state.step))) < program.steps and not self._is_over(state):
            count = min(program.chunk, program.steps - step)
            state, loss = program.advance(state, data, key, jnp.asarray(count))
            state, judged = program.judge(state, held_out, key)
            values = np.asarray(judged)
            finite = np.isfinite(values)
            if not finite.any():
                raise TrainingError(f"the loss is no longer finite at step {step + count} of {program.steps}")
            loss, change = np.asarray(loss)[finite].mean(), np.asarray(state.change)[finite].mean()
            report = float(loss), float(values[finite].mean()), float(change)
            yield Progress(step + count, program.steps, *report, state)

    @property
    def _watches(self) -> bool:
        """Only where it can end the descent: the scores take seconds to compile."""
        return self.watch is not None and self.config.settled > 0

    def _is_over(self, state: State) -> bool:
        """Whether all members have stopped getting better, or changing."""
        settled = np.asarray(state.reports_unchanged) >= _QUIET_REPORTS
        return bool(np.all((np.asarray(state.reports_since_best) >= self.config.patience) | settled))

    def start(self, parameters: Any, held_out: Any) -> State:
        """The state before the first step."""
        # The moments do not depend on the schedule's length: any will do.
        optimizer = _optimizer(self.config, self.config.steps, 1)
        watched = jnp.zeros(1)
        if self.watch is not None and self._watches:
            shape = jax.eval_shape(self.watch, parameters, held_out)
            watched = jnp.zeros(shape.shape, shape.dtype)
        return State(
            parameters=parameters,
            mean=parameters,
            optimizer=optimizer.init(parameters),
            step=jnp.zeros((), jnp.int32),
            best=parameters,
            best_loss=jnp.full((), jnp.inf, jnp.float32),
            reports_since_best=jnp.zeros((), jnp.int32),
            watched=watched,
            change=jnp.full((), jnp.inf, jnp.float32),
            reports_unchanged=jnp.zeros((), jnp.int32),
        )


class _Program(NamedTuple):
    steps: int
    batch: int
    chunk: int
    advance: Callable[[State, Any, jax.Array, jax.Array], tuple[State, jax.Array]]
    judge: Callable[[State, Any, jax.Array], tuple[State, jax.Array]]


@lru_cache(maxsize=32)
def _compiled(descent: Descent, rows: int, together: bool) -> _Program:
    config = descent.config
    batch, steps = min(config.batch, rows), config.length(rows)
    chunk = max(1, -(-steps // REPORTS))
    optimizer = _optimizer(config, steps, rows)
    step = _one_step(descent.loss, optimizer, max(config.averaging * steps, 10.0), batch, rows)

    def advance(state: State, data: Any, key: jax.Array, count: jax.Array) -> tuple[State, jax.Array]:
        body = lambda _, carry: step(carry[0], carry[1], data, key)  # noqa: E731
        state, total = jax.lax.fori_loop(0, count, body, (state, jnp.zeros_like(state.best_loss)))
        return state, total / count

    def judge(state: State, held_out: Any, key: jax.Array) -> tuple[State, jax.Array]:
        value = descent.loss(state.mean, held_out, key).astype(state.best_loss.dtype)
        better = value < state.best_loss
        # Once not finite, never again: of members together one that diverged must not pass for one that has trained.
        alive = jnp.isfinite(value) & ~jnp.isnan(state.best_loss)
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), state.mean, state.best)
        best = jax.tree.map(lambda leaf: jnp.where(alive, leaf, jnp.nan), best)
        since = jnp.where(better, 0, state.reports_since_best + 1)
        loss = jnp.where(alive, jnp.minimum(value, state.best_loss), jnp.nan)
        state = state._replace(best=best, best_loss=loss, reports_since_best=since)
        return (_watched(descent, state, held_out) if descent._watches else state), value

    if together:
        advance, judge = jax.vmap(advance, (0, 0, 0, None)), jax.vmap(judge)
    return _Program(steps, batch, chunk, jax.jit(advance), jax.jit(judge))


def _watched(descent: Descent, state: State, held_out: Any) -> State:
    """The state with the change of the watched values since the last report: median of lengths, over the last axis."""
    assert descent.watch is not None
    now = descent.watch(state.mean, held_out)
    length = lambda values: jnp.median(jnp.linalg.norm(values, axis=-1))  # noqa: E731
    # Before the first report there is nothing to compare with.
    change = jnp.where(jnp.any(state.watched != 0), length(now - state.watched) / length(now), jnp.inf)
    quiet = change < descent.config.settled
    return state._replace(
        watched=now,
        change=change.astype(state.change.dtype),
        reports_unchanged=jnp.where(quiet, state.reports_unchanged + 1, 0),
    )


def _one_step(
    loss: Loss, optimizer: optax.GradientTransformation, span: float, batch: int, rows: int
) -> Callable[..., tuple[State, jax.Array]]:
    per_pass = max(1, rows // batch)

    def step(state: State, total: jax.Array, data: Any, key: jax.Array) -> tuple[State, jax.Array]:
        # Consecutive rows of shuffled data: a slice costs a tenth of a gather. Every pass starts at another row, so
        # that batches are not the same in each.
        start = jax.random.randint(jax.random.fold_in(key, state.step // per_pass), (), 0, rows)
        first = (start + state.step % per_pass * batch) % rows
        part = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, first, batch), data)
        value, gradient = jax.value_and_grad(loss)(state.parameters, part, jax.random.fold_in(key, state.step))
        updates, moments = optimizer.update(gradient, state.optimizer, state.parameters)
        parameters = optax.apply_updates(state.parameters, updates)
        count = state.step.astype(total.dtype)
        keep = jnp.minimum(1 - 1 / span, (1 + count) / (10 + count))
        mean = jax.tree.map(lambda m, p: (keep * m + (1 - keep) * p).astype(m.dtype), state.mean, parameters)
        moved = state._replace(parameters=parameters, mean=mean, optimizer=moments, step=state.step + 1)
        return moved, total + value.astype(total.dtype)

    return step


def _optimizer(config: OptimizationConfig, steps: int, rows: int) -> optax.GradientTransformation:
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, max(int(0.03 * steps), 10), max(steps, 11), config.learning_rate * 1e-3
    )
    adamw = optax.adamw(schedule, weight_decay=config.decay(rows))
    return optax.chain(optax.clip_by_global_norm(1.0), adamw)
