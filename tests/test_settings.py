"""Settings: every value is checked where it enters, and every configuration survives being written down."""

import dataclasses
import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core import settings
from core.config import Config
from core.errors import ConfigError, suggestion
from core.settings import section, setting


@dataclass(frozen=True)
class Inner:
    """A section in a section."""

    steps: int = setting(10, "steps", low=1, high=100)
    rate: float = setting(0.5, "rate", unit="1/s", low=0.0)


@dataclass(frozen=True)
class Outer:
    """One value of each kind."""

    word: str = setting("red", "a colour", choices=("red", "green"), aliases={"crimson": "red"})
    flag: bool = setting(True, "a switch")
    size: float = setting(1.0, "a size", unit="kpc", low=0.1, high=2.0)
    inner: Inner = section(Inner)


def strategy(s: settings.Setting) -> st.SearchStrategy:
    """Values that the setting must accept."""
    if s.choices:
        return st.sampled_from([*s.choices, *s.aliases])
    if s.type is bool:
        return st.booleans()
    low, high = s.low, s.high
    if s.type is int:
        return st.integers(None if low is None else math.ceil(low), None if high is None else int(high)).filter(
            lambda n: abs(n) < 2**53
        )
    if s.type is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return st.one_of(st.just(s.value), st.floats(-1e3, 1e3).map(str))


def overrides(default) -> st.SearchStrategy:
    return st.fixed_dictionaries({}, optional={s.key: strategy(s) for s in settings.settings(default)})


# ---------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("default", [Outer(), Config()], ids=["toy", "config"])
def test_every_configuration_survives_json_and_toml(default):
    @given(overrides(default))
    def law(values):
        # The one pair of values that refuse each other (tests/test_config.py).
        assume(values.get("flow.mode") != "conditional" or values.get("flow.family", "factored") == "factored")
        # A free parameter begins above 0, and only those of the Galaxy can be freed (tests/laws/test_galaxy.py).
        values.pop("potential.analytic.free", None)
        # A model of the baryons has a name or is a document (tests/baryons/test_choice.py).
        values.pop("scalars.baryons", None)
        if values.get("potential.drift", "none") != "none":
            values["potential.drift"] += ",0,-1"  # a velocity
        assume(all(values.get(f"potential.analytic.{mass}") != 0 for mass in ("thin_mass", "halo_mass")))
        config = settings.replace(default, values)
        assert settings.from_dict(default, json.loads(json.dumps(settings.to_dict(config)))) == config
        assert settings.from_toml(default, settings.to_toml(config)) == config

    law()


@given(overrides(Outer()))
def test_what_is_typed_is_what_is_set(values):
    """A value from the command line is text; replacing by it does the same as by the value itself."""
    typed = dict(settings.parse_assignment(f" {key} = {value} ") for key, value in values.items())
    assert settings.replace(Outer(), typed) == settings.replace(Outer(), values)


def test_replacing_leaves_the_rest_and_the_original():
    changed = settings.replace(Outer(), {"inner.steps": "20"})
    assert changed == Outer(inner=Inner(steps=20))
    assert Outer() == Outer(inner=Inner(steps=10))
    assert settings.replace(Outer(), {}) == Outer()


def test_every_setting_tells_a_form_what_it_needs():
    found = {s.key: s for s in settings.settings(settings.replace(Outer(), {"size": 2}))}
    assert list(found) == ["word", "flag", "size", "inner.steps", "inner.rate"]
    size = found["size"]
    assert (size.type, size.value, size.default, size.unit, size.low, size.high) == (float, 2.0, 1.0, "kpc", 0.1, 2.0)
    for s in settings.settings(Config()):
        assert s.doc, s.key
        assert s.default is not dataclasses.MISSING, s.key


def test_the_toml_document_explains_itself():
    text = settings.to_toml(Outer())
    assert "size = 1.0  # a size [kpc]" in text
    assert "[inner]\nsteps = 10  # steps" in text


# ---------------------------------------------------------------------------------------------------------- refusals

WRONG = [
    ("inner.stepz", 1, "unknown setting 'inner.stepz'. Did you mean 'inner.steps'?"),
    ("INNER.STEPS", 1, "Did you mean 'inner.steps'?"),
    ("inner", 1, "unknown setting 'inner'"),
    ("", 1, "unknown setting"),
    ("inner.steps", 0, "inner.steps = 0 is outside its bounds. It must be a whole number, at least 1, at most 100."),
    ("inner.steps", 101, "outside its bounds"),
    ("inner.steps", "2.5", "inner.steps must be a whole number"),
    ("inner.steps", "many", "got 'many'. Its default is 10."),
    ("inner.steps", True, "whole number"),
    ("inner.steps", None, "whole number"),
    ("inner.steps", [1], "whole number"),
    ("inner.steps", {}, "whole number"),
    ("inner.steps", 10**400, "whole number"),
    ("inner.steps", "", "whole number"),
    ("inner.rate", -1e-9, "at least 0 [1/s]"),
    ("inner.rate", "nan", "must be a number"),
    ("inner.rate", math.nan, "must be a number"),
    ("inner.rate", "inf", "must be a number"),
    ("inner.rate", -math.inf, "must be a number"),
    ("size", "0.0999", "at least 0.1, at most 2"),
    ("size", False, "must be a number"),
    ("flag", "perhaps", "true or false"),
    ("flag", 2, "true or false"),
    ("flag", None, "true or false"),
    ("word", "grean", "word has no choice 'grean'. Did you mean 'green'?"),
    ("word", ["red"], "a word"),
    ("word", None, "a word"),
]


@pytest.mark.parametrize(("key", "value", "words"), WRONG, ids=lambda p: repr(p)[:24])
def test_what_does_not_fit_is_refused_in_words(key, value, words):
    with pytest.raises(ConfigError) as refused:
        settings.replace(Outer(), {key: value})
    assert words in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("word", "crimson", "red"),
        ("flag", "YES", True),
        ("flag", "0", False),
        ("inner.steps", "1e1", 10),
        ("inner.steps", 20.0, 20),
        ("inner.steps", 100, 100),
        ("size", " 2 ", 2.0),
    ],
)
def test_several_ways_of_saying_the_same(key, value, stored):
    config = settings.replace(Outer(), {key: value})
    assert {s.key: s.value for s in settings.settings(config)}[key] == stored


@pytest.mark.parametrize("text", ["flow.members", "=4", " = 4", ""])
def test_an_assignment_has_a_key_and_a_value(text):
    with pytest.raises(ConfigError, match="key=value"):
        settings.parse_assignment(text)


def test_the_value_of_an_assignment_may_hold_an_equals_sign():
    assert settings.parse_assignment("a.b=c=d") == ("a.b", "c=d")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flag = true\nsize = big", "line 2"),
        ("size = 1.0\nsize = 1.0", "not TOML"),
        ("inner = 3", "unknown setting 'inner'"),
        ("size = [1.0]", "size must be a number"),
        ("size = 2020-01-01", "size must be a number"),
        ("[inner]\nsteps = 'a'", "inner.steps"),
        ("[word]\nred = 1", "unknown setting 'word.red'"),
    ],
)
def test_a_malformed_document_is_refused_in_words(text, words):
    with pytest.raises(ConfigError, match=words):
        settings.from_toml(Outer(), text)


# ------------------------------------------------------------------------------------------------------- suggestions


@given(st.text(max_size=20), st.sets(st.text(min_size=1, max_size=8), max_size=5))
def test_a_suggestion_names_what_is_known(word, known):
    words = suggestion(word, known)
    assert (words is None) == (not known)
    if words and words.startswith("Known are"):
        assert all(name in words for name in known)
    if words and words.startswith("Did you mean"):
        assert any(repr(name) in words for name in known)
    if word in known:
        assert words
        assert repr(word) in words


def test_names_that_differ_in_case_alone_are_all_offered():
    """r is a distance and R a radius: one must not hide the other."""
    assert suggestion("vZz", {"vz", "vZ", "x"}) == "Did you mean 'vz' or 'vZ'?"
    assert suggestion("qqq", {"r", "R", "Z", "z"}) == "Known are: r, R, z, Z."
