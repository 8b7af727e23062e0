"""The configuration of a fit: its presets hold, its choices agree with the code, and nothing impossible gets in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import settings
from core.config import PRESETS, Config, OptimizationConfig, preset
from core.errors import ConfigError
from core.potential import reference_frame


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_within_bounds_and_survives_being_written(name):
    config = preset(name)
    values = {s.key: s.value for s in settings.settings(config)}
    assert values == {s.key: s.value for s in settings.settings(Config())} | dict(PRESETS[name])
    assert settings.replace(config, values) == config  # every value passes its own bounds
    assert settings.from_toml(Config(), settings.to_toml(config)) == config
    assert settings.from_dict(Config(), json.loads(json.dumps(settings.to_dict(config)))) == config


def test_defaults_pass_their_own_bounds():
    config = Config()
    assert settings.replace(config, {s.key: s.value for s in settings.settings(config)}) == config
    assert preset("quick") == config


def test_the_paper_preset_has_the_ensembles_of_the_paper():
    """PHYSICS 4: 16 flows, 16 potentials, 2²¹ stars of the flow."""
    config = preset("paper")
    assert (config.flow.members, config.potential.members, config.sample.flow_stars) == (16, 16, 2**21)


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown preset 'papre'. Did you mean 'paper'\?"):
        preset("papre")


def test_overrides_win_over_the_preset():
    assert preset("paper", {"flow.members": "3"}).flow.members == 3


def test_linear_is_another_word_for_the_convex_solver():
    assert preset("quick", {"potential.solver": "linear"}) == preset("quick", {"potential.solver": "convex"})


@pytest.mark.parametrize("frame", reference_frame.KINDS)
def test_the_frames_of_the_configuration_are_those_of_the_solver(frame):
    assert preset("quick", {"potential.frame": frame}).potential.frame == frame


@pytest.mark.parametrize(
    ("frame", "chosen", "coordinates"),
    [
        ("rotating", "auto", "disc"),
        ("inertial", "auto", "sphere"),
        ("inertial", "disc", "disc"),
        ("rotating", "sphere", "sphere"),
    ],
)
def test_the_frame_decides_the_coordinates_of_the_flow_unless_they_are_named(frame, chosen, coordinates):
    config = preset("quick", {"potential.frame": frame, "flow.coordinates": chosen})
    assert config.flow_coordinates == coordinates


@pytest.mark.parametrize("speed", ["free", "28.2", "-5", "0"])
def test_the_pattern_speed_is_free_or_a_number(speed):
    assert preset("quick", {"potential.pattern_speed": speed}).potential.pattern_speed == speed


@pytest.mark.parametrize("speed", ["fre", "fast", "nan", "inf", ""])
def test_a_pattern_speed_that_is_neither_is_refused(speed):
    with pytest.raises(ConfigError, match=r"potential\.pattern_speed"):
        preset("quick", {"potential.pattern_speed": speed})


@pytest.mark.parametrize("family", ["joint", "spline", "continuous"])
def test_only_the_factored_family_has_velocities_given_a_place(family):
    with pytest.raises(ConfigError, match=rf"flow\.mode=conditional needs flow\.family=factored; got '{family}'"):
        preset("quick", {"flow.mode": "conditional", "flow.family": family})
    assert preset("quick", {"flow.mode": "conditional"}).flow.family == "factored"


@given(st.integers(0, 10**7), st.floats(0.01, 200), st.integers(10, 10**5), st.integers(16, 4096))
def test_a_descent_is_no_longer_than_its_steps_and_its_passes_allow(rows, epochs, steps, batch):
    length = OptimizationConfig(steps=steps, epochs=epochs, batch=batch).length(rows)
    assert 10 <= length <= steps
    assert length == 10 or length * batch <= epochs * rows


@given(st.integers(0, 10**7), st.booleans(), st.floats(0.001, 0.5))
def test_the_rows_of_a_member_fit_into_the_stars(stars, halves, held_out):
    flow = preset("quick", {"flow.halves": halves, "flow.held_out": held_out}).flow
    rows = flow.training_rows(stars)
    assert rows * (2 if halves else 1) <= stars * (1 - held_out) + 1e-6 * stars
    assert rows >= stars * (1 - held_out) / (2 if halves else 1) - 1
