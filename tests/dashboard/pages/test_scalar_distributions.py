"""The tables of the scalars page: every error has its column, and correlations are shown where they are known."""

import re

import numpy as np
import pytest
from scipy.special import ndtri

from core.diagnostics.budget import correlations
from core.diagnostics.scalar_draws import ScalarDraws
from core.pipelines import TITLES, UNCERTAINTIES
from dashboard.pages.scalar_distributions import _correlations, _table
from dashboard.plots.distributions import DistributionFigure
from dashboard.plots.palette import LIGHT
from dashboard.runs.run_picker import pattern_speed_words

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 400))


def scalar(name, draws, **more):
    return ScalarDraws(name, name, "km/s", "here", 1.0, {"bootstrap": draws, "baryons": 0 * draws, **more})


@pytest.fixture
def scalars():
    return [scalar("a", X), scalar("b", -X, df_seed=Y), scalar("c", 0 * X)]


def document(scalars):
    relations = correlations(scalars)
    return {s.name: s.to_json() | {"correlations": relations[s.name]} for s in scalars}


def cells(markup):
    return [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", markup)]


def test_errors_stand_beside_the_best_fit_and_apart_by_pipeline(scalars):
    markup = _table(scalars, document(scalars))
    for pipeline in ("bootstrap", "df_seed", "baryons"):
        assert f"σ {TITLES[pipeline]}" in markup
    first = cells(markup)[:4]
    assert first[0].startswith("a")
    assert float(first[2]) == pytest.approx(scalars[0].error, rel=0.06)


def test_correlations_are_a_triangle_of_those_that_vary(scalars):
    (shown,) = _correlations(scalars, document(scalars))
    words = shown[0].object if hasattr(shown[0], "object") else ""
    found = cells(words)
    assert len(found) == 1  # of a and b alone: c never varies
    assert float(found[0].replace("−", "-")) == pytest.approx(-1 / np.sqrt(2), abs=0.06)


def test_runs_without_correlations_show_none(scalars):
    old = {s.name: s.to_json() for s in scalars}
    assert _correlations(scalars, old) == []


@pytest.mark.parametrize("count", range(1, len(UNCERTAINTIES) + 1))
def test_names_lie_aslant_where_they_would_overlap(count):
    draws = dict.fromkeys(UNCERTAINTIES[:count], X)
    drawn = DistributionFigure()
    drawn.show(ScalarDraws("a", "a", "km/s", "here", 0.0, draws), LIGHT, truth=False)
    axis = drawn.figure.xaxis[0]
    assert len(axis.ticker.ticks) == count
    assert list(axis.major_label_overrides.values()) == [TITLES[p] for p in TITLES if p in draws]
    assert (axis.major_label_orientation != "horizontal") == (count > 3)


@pytest.mark.parametrize("error", [None, 0.5])
def test_the_rail_quotes_the_error_of_the_table(error):
    draws = np.array([20.0]) if error is None else 20 + error * ndtri((np.arange(999) + 0.5) / 999)
    one = ScalarDraws("pattern_speed", "Ωp", "km/s/kpc", "here", 20.0, {"bootstrap": draws})
    entry = one.to_json() | {"constrained": True, "verdict": "constrained"}
    assert pattern_speed_words(entry).startswith("20.0<br>" if error is None else "20.0 ± 0.5<br>")


def test_the_pipelines_add_up_in_quadrature_to_the_error():
    moved = ScalarDraws("a", "a", "km/s", "here", 1.0, {"bootstrap": X + 4, "df_seed": Y + 1, "weak_form": 9 * Y})
    row = cells(_table([moved], document([moved])))
    bootstrap, seed, weak_form = (re.match(r"[\d.]+", cell).group() for cell in row[3:6])
    assert np.hypot(float(bootstrap), float(seed)) == pytest.approx(float(row[2]), rel=0.06)
    assert float(weak_form) == pytest.approx(9, rel=0.1)  # shown, but no part of the error


def test_a_shift_is_said_where_most_of_the_error_is_one():
    def row(offset):
        draws = {"bootstrap": X - np.median(X) + 1 + offset, "df_seed": X + 5}
        made = ScalarDraws("a", "a", "km/s", "here", 1.0, draws)
        return cells(_table([made], document([made])))

    assert "shift −3.0" in row(-3.0)[3]
    assert "shift +3.0" in row(3.0)[3]
    assert "shift" not in row(0.5)[3]
    assert "shift" not in row(3.0)[4]  # another flow on the same stars moves nothing that the best fit has not
