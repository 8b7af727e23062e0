"""Errors add in quadrature over pipelines, and correlations are those of the summed covariances."""

import json

import numpy as np
import pytest

from core.diagnostics.budget import correlations
from core.diagnostics.scalar_draws import ScalarDraws
from core.pipelines import UNCERTAINTIES

RNG = np.random.default_rng(0)


def scalar(name, **pipelines):
    return ScalarDraws(name, name, "km/s", "here", 0.0, {k: np.asarray(v, float) for k, v in pipelines.items()})


def test_the_error_is_the_sum_in_quadrature_of_what_measures_an_uncertainty():
    draws = RNG.normal(size=(2, 40_001))
    one = scalar("a", bootstrap=3 * draws[0], df_seed=4 * draws[1], null=100 * draws[0], weak_form=[7.0])
    assert one.errors == pytest.approx({"bootstrap": 3, "df_seed": 4}, rel=0.03)
    assert one.error == pytest.approx(5, rel=0.03)
    assert one.error == pytest.approx(np.hypot(*one.errors.values()))
    assert scalar("a", bootstrap=[1.0], null=[1.0, 2.0]).error is None


def test_every_pipeline_that_measures_an_uncertainty_counts():
    for name in UNCERTAINTIES:
        assert scalar("a", **{name: [-0.5, 0.5]}).error == pytest.approx(0.34)


def test_correlations_are_symmetric_and_those_of_the_summed_covariances():
    x, y, z = RNG.normal(size=(3, 20_000))
    scalars = [
        scalar("a", bootstrap=x, df_seed=z),
        scalar("b", bootstrap=-2 * x, df_seed=0 * z),
        scalar("c", bootstrap=y),
        scalar("d", bootstrap=0 * x),
    ]
    r = correlations(scalars)
    assert r["a"]["b"] == pytest.approx(-1 / np.sqrt(2), abs=0.02)
    assert abs(r["a"]["c"]) < 0.03
    assert [r[n][n] for n in "abc"] == pytest.approx([1, 1, 1])
    assert all(r[one][other] == r[other][one] for one in "abcd" for other in "abcd")
    assert r["d"] == dict.fromkeys("abcd")  # what never varies goes with nothing
    json.dumps(r, allow_nan=False)


def test_two_draws_say_nothing_of_a_correlation():
    r = correlations([scalar("a", bootstrap=[0.0, 1.0]), scalar("b", bootstrap=[0.0, 2.0])])
    assert r["a"]["b"] is None
