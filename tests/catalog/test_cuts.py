"""Conditions on columns, and the table that counts who survives them."""

import numpy as np
import pytest

from core.catalog.cuts import NARROW_SPACE, Cut, CutFlow, CutStep, compile_cut, nearest
from core.errors import ConfigError
from core.phase_space.expression import compile_expression

COLUMNS = {"a": np.array([1.0, 2.0, np.nan, 4.0]), "b": np.array([1.0, 0.0, 1.0, -1.0])}


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("a > 1.5", [False, True, False, True]),
        ("a / b > 1", [False, True, False, False]),
        ("log10(b) >= 0 | a < 3", [True, True, True, False]),
        ("1 < a < 3 & b == 0", [False, True, False, False]),
        ("~(a > 1.5)", [True, False, True, False]),
    ],
)
def test_conditions(keep, expected):
    assert Cut("cut", keep).passed(COLUMNS.__getitem__).tolist() == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a + 1",
        "1 < 2",
        "a >",
        "__import__('os') > 1",
        "a.b > 1",
        "a[0] > 1",
        "f(a) > 1",
        "lambda: a",
        "a" * 3000,
    ],
)
def test_malformed_conditions(text):
    with pytest.raises(ConfigError) as caught:
        compile_cut(text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("keep", ["abs(a, a, a) > 1", "sqrt() > a", "a > 9 ** 9 ** 9", "a > 1 / 0"])
def test_conditions_that_cannot_be_evaluated(keep):
    with pytest.raises(ConfigError, match="cannot be evaluated"):
        Cut("cut", keep).passed(COLUMNS.__getitem__)


def test_regions_still_know_only_coordinates():
    assert compile_expression("abs(z) < 0.1").names == {"z"}
    assert compile_expression("ruwe < 1.4", frozenset({"ruwe"})).names == {"ruwe"}


def test_nearest_cuts_a_long_list_short():
    many = [f"c{i}" for i in range(152)]
    assert nearest("parallaxe", [*many, "parallax"]) == "Did you mean 'parallax'?"
    assert "152 columns" in nearest("parallax", many)


FLOW = CutFlow(
    (
        CutStep("read", 5612),
        CutStep("radial velocity present", 4980),
        CutStep("ruwe < 1.4", None, "skipped"),
        CutStep("r < 1 kpc", 100),
    )
)


def test_one_line():
    assert str(FLOW).replace(NARROW_SPACE, " ") == (
        "5 612 read → radial velocity present 4 980 → ruwe < 1.4 skipped → r < 1 kpc 100"
    )


def test_table():
    assert FLOW.table().replace(NARROW_SPACE, " ").splitlines() == [
        "read                     5 612",
        "radial velocity present  4 980  −632",
        "ruwe < 1.4                   –  skipped",
        "r < 1 kpc                  100  −4 880",
    ]


def test_json_round_trip():
    assert CutFlow.from_json(FLOW.to_json()) == FLOW
    assert FLOW.survivors == 100


def test_the_cut_that_removed_the_last_stars():
    flow = CutFlow((CutStep("read", 3), CutStep("b", 0), CutStep("c", 0)))
    assert flow.last_blow().label == "b"
