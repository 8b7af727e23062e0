"""Curves of L(Ω_p): comparable with each other, drawn where their marks are, and said in words."""

import json

import numpy as np
import pytest

from core.diagnostics.pattern_speed_profile import PatternSpeedProfile, SpeedMarks, from_json
from core.errors import CorruptArtifactError
from core.potential.profile_loss import ProfileLoss
from core.runs.readings import speed_profile
from core.runs.registry import EMBEDDED_RUNS, find_run

SPEEDS = np.arange(0.0, 61.0)


def parabola(lowest, curvature, least=0.001):
    return least + curvature * (SPEEDS - lowest) ** 2


def profile(common=1.0, **changes):
    """A fit with a share ``common`` of its information in both halves, beside a null test with a tenth of it."""
    own = parabola(20, 1e-5)
    parts = {
        "fit": ProfileLoss(SPEEDS, own, parabola(20, common * 1e-5, 0.0002)),
        "null": ProfileLoss(SPEEDS, parabola(30, 1e-6), None),
        "null_share": 0.1,
    }
    return PatternSpeedProfile(**{**parts, **changes})


MARKS = SpeedMarks(20.0, 0.9, 26.5, (31.0, 32.0), 20.2)


@pytest.mark.parametrize("known", [profile(), profile(null=None, null_share=None)])
def test_it_is_read_back_as_it_was_written(known):
    again = from_json(json.loads(json.dumps(known.to_json())))
    assert again.null_share == known.null_share
    assert again.curves.keys() == known.curves.keys()
    for name, (speeds, rise) in known.curves.items():
        np.testing.assert_array_equal(again.curves[name], (speeds, rise))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.pop("null"),
        lambda values: values["fit"]["own"].pop(),
        lambda values: values["fit"].update(speeds=[], own=[], cross=None),
        lambda values: values["fit"].update(cross="low"),
    ],
)
def test_what_is_damaged_is_refused(spoil):
    values = profile().to_json()
    spoil(values)
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(values)


def test_curves_have_one_unit_and_part_by_the_noise():
    curves = profile(common=0.3).curves
    assert all(np.min(np.abs(rise)) == 0 for _, rise in curves.values())
    own, common, null = (rise for _, rise in curves.values())
    assert own.max() == pytest.approx(1e-5 * 40**2 / 0.001)
    np.testing.assert_allclose(common, 0.3 * own)
    assert null[0] == pytest.approx(1e-6 * 30**2 / 0.001)
    assert profile().rise_at(30.0) == pytest.approx(1.0)


@pytest.mark.parametrize("common", [1.0, 0.0, -0.7])
def test_the_window_holds_every_mark_and_the_curves_about_them(common):
    known = profile(common)
    (low, high), (bottom, top) = known.window(MARKS)
    assert all(low <= at <= high for at in MARKS.places)
    assert bottom < 0 < known.rise_at(26.5) < top
    if common < 0:
        seen = known.curves["fit, products of the halves"][1][(low <= SPEEDS) & (high >= SPEEDS)]
        assert bottom <= seen.min()


def test_the_sentence_says_where_and_by_how_much():
    said = profile().sentence(27.0)
    assert "L(Ωp): lowest at 20.0 km/s/kpc" in said
    assert "products of the halves: lowest at 20.0 km/s/kpc" in said
    assert "null test: lowest at 30.0 km/s/kpc" in said
    assert "at the stars' own 27.0 the first is 49 % above its minimum" in said
    assert "products of the halves: no minimum" in profile(-0.5).sentence(None)


def test_marks_are_those_of_the_scalars():
    entry = {"best": 20, "error": None, "truth": 20.0, "mean_angular_speed": 26.5, "null": [26.0]}
    assert SpeedMarks.of(entry) == SpeedMarks(20.0, None, 26.5, (26.0,), 20.0)
    for damaged in ({}, {"best": "fast"}, {"best": 20, "null": 3}):
        with pytest.raises(CorruptArtifactError):
            SpeedMarks.of(damaged)


def test_the_demonstration_and_its_twin():
    """A real pattern has its minimum near the truth of 20 in squares and products; its twin has none in products."""
    spiral, twin = (speed_profile(find_run(name, EMBEDDED_RUNS)) for name in ("disc-spiral", "disc-axisymmetric"))
    for loss in (spiral.fit.own, spiral.fit.cross):
        assert abs(spiral.fit.speeds[int(np.argmin(loss))] - 20) < 0.5
    assert spiral.null_share < 0.1
    assert "no minimum" in twin.sentence(26.6)
    assert twin.fit.information < 0.1 * spiral.fit.information
