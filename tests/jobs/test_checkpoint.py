"""Two generations of a training's state: one damaged file costs an interval, never the training."""

import jax.numpy as jnp
import numpy as np
import pytest

from core.flow.training import Checkpoint
from core.jobs.checkpoint import GENERATIONS, load_checkpoint, save_checkpoint
from core.jobs.events import events

IDENTITY = {"member": 1, "seed": 7}


def state(step, phase=1):
    return Checkpoint(jnp.asarray(phase), {"w": jnp.full((2, 3), float(step))}, {"step": jnp.asarray(step)})


def template(phase):
    return state(0, phase)


def load(directory, identity=IDENTITY):
    return load_checkpoint(directory, identity, template)


def step_of(checkpoint):
    return None if checkpoint is None else int(checkpoint.descent["step"])


def test_the_state_of_another_fit_is_kept_aside_and_the_reader_is_told(tmp_path):
    mine, others = {**IDENTITY, "of": "mine"}, {**IDENTITY, "of": "others"}
    save_checkpoint(tmp_path, others, state(1))
    content = (tmp_path / GENERATIONS[0]).read_bytes()
    assert load(tmp_path, mine) is None
    save_checkpoint(tmp_path, mine, state(2))
    assert step_of(load(tmp_path, mine)) == 2
    assert (tmp_path / f"other-{GENERATIONS[0]}").read_bytes() == content
    (event,) = events(tmp_path)
    assert event.message.startswith(f"checkpoint {GENERATIONS[0]} is of another fit: it is kept as other-")


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_nothing_was_stored(tmp_path):
    assert load(tmp_path) is None


def test_the_newest_is_read_with_every_leaf(tmp_path):
    for step in range(1, 6):
        save_checkpoint(tmp_path, IDENTITY, state(step, phase=step % 2))
        found = load(tmp_path)
        assert (step_of(found), int(found.phase)) == (step, step % 2)
        np.testing.assert_array_equal(found.networks["w"], np.full((2, 3), float(step)))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(GENERATIONS)


@pytest.mark.parametrize("saved", [2, 3])
def test_a_damaged_newest_falls_back_to_the_other(saved, tmp_path):
    for step in range(1, saved + 1):
        save_checkpoint(tmp_path, IDENTITY, state(step))
    newest = tmp_path / GENERATIONS[(saved - 1) % 2]
    damage(newest)
    assert step_of(load(tmp_path)) == saved - 1
    save_checkpoint(tmp_path, IDENTITY, state(9))  # replaces the damaged one, not the last that is whole
    assert step_of(load(tmp_path)) == 9
    damage(newest)
    assert step_of(load(tmp_path)) == saved - 1


def test_no_flipped_byte_and_no_truncation_costs_more_than_a_generation(tmp_path):
    """At 300 places of the newest file the one before it is used, and the reader of the run is told."""
    for step in (1, 2):
        save_checkpoint(tmp_path, IDENTITY, state(step))
    newest = tmp_path / GENERATIONS[1]
    content = newest.read_bytes()
    places = np.linspace(0, len(content) - 1, 200).astype(int)
    spoilt = [content[:i] + bytes([content[i] ^ 0x10]) + content[i + 1 :] for i in places]
    spoilt += [content[:i] for i in np.linspace(0, len(content) - 1, 100).astype(int)]
    for number, damaged in enumerate(spoilt, 1):
        newest.write_bytes(damaged)
        assert step_of(load(tmp_path)) == 1
        assert len(events(tmp_path)) == number
    assert events(tmp_path)[-1].message == f"checkpoint {newest.name} is damaged: the other one is used"


def test_two_damaged_ones_start_the_training_again(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, IDENTITY, state(step))
    for name in GENERATIONS:
        damage(tmp_path / name)
    assert load(tmp_path) is None


def test_the_state_of_another_member_is_ignored(tmp_path):
    save_checkpoint(tmp_path, {**IDENTITY, "member": 0}, state(1))
    assert load(tmp_path) is None
    save_checkpoint(tmp_path, IDENTITY, state(2))
    assert step_of(load(tmp_path)) == 2
    assert step_of(load(tmp_path, {**IDENTITY, "member": 0})) == 1
    assert load(tmp_path, {**IDENTITY, "seed": 8}) is None
