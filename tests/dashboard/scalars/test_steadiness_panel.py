"""The panel on stationarity: a sentence, two maps on one scale, and nothing where nothing is known."""

import json

import numpy as np
import pytest
from bokeh.models import LinearColorMapper
from small_runs import waiting_run

from core.diagnostics.steadiness import Steadiness, SteadinessMap
from core.runs.products import STEADINESS
from dashboard.plots.palette import DARK, LIGHT
from dashboard.plots.steadiness import steadiness_figures
from dashboard.scalars.steadiness_panel import SteadinessPanel, words
from dashboard.session import Session


def found(unexplained=0.04):
    edges = np.linspace(-1, 1, 11)
    shares = np.full((10, 10), unexplained)
    shares[0, 0], shares[7, 8] = np.nan, 2 * unexplained
    points = np.full((10, 10), 500)
    maps = tuple(
        SteadinessMap(axes, edges, shares * k, shares / 2, shares / 3, points) for axes, k in (("xy", 1), ("xz", 2))
    )
    return Steadiness(unexplained, 0.02, 0.05, maps)


@pytest.fixture
def run(tmp_path):
    made = waiting_run(tmp_path)
    made.products.mkdir(exist_ok=True)
    return made


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_both_planes_share_one_scale_in_per_cent(palette):
    figures = steadiness_figures(found(), palette)
    mappers = [fig.select_one(LinearColorMapper) for fig in figures]
    assert [(m.low, m.high) for m in mappers] == [(0, pytest.approx(16))] * 2
    assert [(f.xaxis.axis_label[0], f.yaxis.axis_label[0]) for f in figures] == [("x", "y"), ("x", "z")]
    assert {f.background_fill_color for f in figures} == {palette.panel}


def test_the_verdict_is_said_and_its_place(run):
    (run.products / STEADINESS).write_text(json.dumps(found().to_json()))
    session = Session()
    panel = SteadinessPanel(session, run)
    assert panel._card.visible
    assert len(panel._cells) == 2
    said = words(panel.found)
    assert "caution" in said
    assert "near x = 0.7, y = 0.5 kpc" in said
    assert '"good"' in words(found(0.01))
    session.theme = "dark"
    assert len(panel._cells) == 2


def test_a_run_that_does_not_know_shows_nothing(run):
    assert not SteadinessPanel(Session(), run)._card.visible


def test_a_damaged_file_is_said_and_hinders_nothing(run):
    (run.products / STEADINESS).write_text('{"maps": 3}')
    panel = SteadinessPanel(Session(), run)
    assert panel._card.visible
    said = [getattr(part, "object", "") for part in panel._card.select()]
    assert any("damaged" in str(words) for words in said)
