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


class State(NamedTuple):
    """Everything that a descent needs to go on: a pytree."""

    parameters: Any
    mean: Any
    optimizer: Any
    step: jax.Array
    best: Any
    best_loss: jax.Array
    reports_since_best: jax.Array


@dataclass(frozen=True)
class Progress:
    """Where a descent stands: mean loss since the last report, and that of the held-out rows."""

    step: int
    steps: int
    loss: float
    held_out: float
    state: State = field(repr=False)


@dataclass(frozen=True, eq=False)
class Descent:
    """A loss and how to minimise it; what is compiled for it is shared by all runs of the same length.

    ``decay`` masks the weight decay, leaf by leaf.
    """

    loss: Loss
    config: OptimizationConfig
    decay: Any = True

    def run(
        self, initial: Any, data: Any, held_out: Any, *, key: jax.Array, resume: State | None = None
    ) -> Iterator[Progress]:
        """Descend from ``initial`` parameters; ``state.best`` of the last Progress is the answer.

        ``data`` is a pytree of arrays whose leading axis is rows, already in random order: batches are consecutive
        rows. ``held_out`` is scored by the same loss at each report, on the running mean of the parameters.
        Raises TrainingError when a loss stops being finite.
        """
        rows = len(jax.tree.leaves(data)[0])
        program = _compiled(self, rows)
        # A batch that starts near the end is still one slice: the first rows follow the last.
        data = jax.tree.map(lambda a: jnp.concatenate([a, a[: program.batch]]), data)
        state = self.start(initial) if resume is None else resume
        while int(state.step) < program.steps and int(state.reports_since_best) < self.config.patience:
            state, loss = program.advance(state, data, key)
            state, judged = program.judge(state, held_out, key)
            if not np.isfinite(float(judged)):
                raise TrainingError(f"the loss is no longer finite at step {int(state.step)} of {program.steps}")
            yield Progress(int(state.step), program.steps, float(loss), float(judged), state)

    def start(self, parameters: Any) -> State:
        """The state before the first step."""
        # The moments do not depend on the schedule's length: any will do.
        optimizer = _optimizer(self.config, self.config.steps, self.decay)
        return State(
            parameters=parameters,
            mean=parameters,
            optimizer=optimizer.init(parameters),
            step=jnp.zeros((), jnp.int32),
            best=parameters,
            best_loss=jnp.full((), jnp.inf, jnp.float32),
            reports_since_best=jnp.zeros((), jnp.int32),
        )


class _Program(NamedTuple):
    steps: int
    batch: int
    advance: Callable[[State, Any, jax.Array], tuple[State, jax.Array]]
    judge: Callable[[State, Any, jax.Array], tuple[State, jax.Array]]


@lru_cache(maxsize=32)
def _compiled(descent: Descent, rows: int) -> _Program:
    config = descent.config
    batch, steps = min(config.batch, rows), config.length(rows)
    chunk = max(1, -(-steps // REPORTS))
    optimizer = _optimizer(config, steps, descent.decay)
    step = _one_step(descent.loss, optimizer, max(config.averaging * steps, 10.0), batch, rows)

    def advance(state: State, data: Any, key: jax.Array) -> tuple[State, jax.Array]:
        count = jnp.minimum(chunk, steps - state.step)
        body = lambda _, carry: step(carry[0], carry[1], data, key)  # noqa: E731
        state, total = jax.lax.fori_loop(0, count, body, (state, jnp.zeros_like(state.best_loss)))
        return state, total / count

    def judge(state: State, held_out: Any, key: jax.Array) -> tuple[State, jax.Array]:
        value = descent.loss(state.mean, held_out, key).astype(state.best_loss.dtype)
        better = value < state.best_loss
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), state.mean, state.best)
        since = jnp.where(better, 0, state.reports_since_best + 1)
        loss = jnp.minimum(value, state.best_loss)
        return state._replace(best=best, best_loss=loss, reports_since_best=since), value

    return _Program(steps, batch, jax.jit(advance), jax.jit(judge))


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


def _optimizer(config: OptimizationConfig, steps: int, decay: Any) -> optax.GradientTransformation:
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, max(int(0.03 * steps), 10), max(steps, 11), config.learning_rate * 1e-3
    )
    adamw = optax.adamw(schedule, weight_decay=config.weight_decay, mask=decay)
    return optax.chain(optax.clip_by_global_norm(1.0), adamw)
