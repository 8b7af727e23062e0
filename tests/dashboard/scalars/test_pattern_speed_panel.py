"""The card on Ω_p: a verdict, the curves with all marks, and in words what is missing where they are not known."""

import json

import numpy as np
import pytest
from bokeh.models import BoxAnnotation, GlyphRenderer, Span
from small_runs import TINY, waiting_run

from core.config import preset
from core.diagnostics.pattern_speed_profile import PatternSpeedProfile, SpeedMarks
from core.errors import CorruptArtifactError
from core.potential.profile_loss import ProfileLoss
from core.runs.products import SPEED_PROFILE
from core.runs.registry import EMBEDDED_RUNS, find_run
from dashboard.plots.palette import DARK, LIGHT
from dashboard.plots.pattern_speed import pattern_speed_figure
from dashboard.scalars.pattern_speed_panel import PatternSpeedPanel, absence, legend
from dashboard.session import Session

SPEEDS = np.arange(0.0, 61.0)
OWN = 1e-3 + 1e-5 * (SPEEDS - 20) ** 2
PROFILE = PatternSpeedProfile(ProfileLoss(SPEEDS, OWN, OWN - 5e-4), ProfileLoss(SPEEDS, OWN, None), 0.9)
MARKS = SpeedMarks(20.0, 0.9, 26.5, (31.0, 32.0), 20.2)


@pytest.fixture
def run(tmp_path):
    made = waiting_run(tmp_path)
    made.products.mkdir(exist_ok=True)
    return made


@pytest.fixture(scope="module")
def speed():
    return find_run("disc-spiral", EMBEDDED_RUNS).scalars["pattern_speed"]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_every_mark_is_drawn_within_the_ranges(palette):
    fig = pattern_speed_figure(PROFILE, MARKS, palette)
    assert {r.name for r in fig.select(GlyphRenderer)} == {*PROFILE.curves, "null draws"}
    assert sorted(s.location for s in fig.select(Span)) == [20.0, 20.2, 26.5]
    band = fig.select_one(BoxAnnotation)
    assert (band.left, band.right) == (pytest.approx(19.1), pytest.approx(20.9))
    assert fig.x_range.start <= 19.1
    assert fig.x_range.end >= 32
    assert fig.background_fill_color == palette.panel


def test_what_is_not_known_is_not_marked():
    bare = SpeedMarks(20.0, None, None, (), None)
    alone = PatternSpeedProfile(ProfileLoss(SPEEDS, OWN, None))
    fig = pattern_speed_figure(alone, bare, LIGHT)
    assert {r.name for r in fig.select(GlyphRenderer)} == {"fit"}
    assert [s.location for s in fig.select(Span)] == [20.0]
    assert fig.select_one(BoxAnnotation) is None
    words = legend(alone, bare, LIGHT)
    assert not any(word in words for word in ("truth", "null test", "stars", "error"))


def test_the_card_shows_the_verdict_and_its_curves(run, speed):
    (run.products / SPEED_PROFILE).write_text(json.dumps(PROFILE.to_json()))
    session = Session()
    panel = PatternSpeedPanel(session, run, speed)
    assert "is not the error of Ωp" in panel._said.object
    before = panel._curves[0].object
    session.theme = "dark"
    assert panel._curves[0].object is not before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Fit the stars again"),
        ({"potential.solver": "network"}, "this run has network"),
        ({"potential.pattern_speed": "25"}, "given as 25"),
    ],
)
def test_a_run_without_curves_says_why(tmp_path, speed, settings, said):
    run = waiting_run(tmp_path, config=preset("quick", {**TINY, **settings}))
    assert said in absence(run)
    panel = PatternSpeedPanel(Session(), run, speed)
    assert said in panel._said.object
    assert not panel._curves.visible


def test_damage_is_said(run, speed):
    (run.products / SPEED_PROFILE).write_text('{"fit": 3}')
    panel = PatternSpeedPanel(Session(), run, speed)
    assert any("damaged" in str(getattr(part, "object", "")) for part in panel._card.select())
    with pytest.raises(CorruptArtifactError):
        PatternSpeedPanel(Session(), run, {"best": "fast"})
