"""The colours keep their promises: words can be read, and no difference is no colour."""

import re
from pathlib import Path

import numpy as np
import pytest

import dashboard
from core.pipelines import TITLES
from dashboard.plots.palette import DARK, LIGHT, PALETTES, blend

WORDS = ("ink", "muted", "action", "good", "caution")
SHELL = (Path(dashboard.__file__).parent / "assets" / "shell.css").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lightness(colour: str) -> float:
    """L* of CIELAB, 0 to 100."""
    y = luminance(colour)
    return 116 * y ** (1 / 3) - 16 if y > 216 / 24389 else y * 24389 / 27


@pytest.mark.parametrize("theme", PALETTES)
@pytest.mark.parametrize("token", WORDS)
@pytest.mark.parametrize("ground", ["panel", "page"])
def test_words_can_be_read(ground, token, theme):
    """WCAG AA for text of normal size."""
    assert contrast(getattr(PALETTES[theme], token), getattr(PALETTES[theme], ground)) >= 4.5


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_no_difference_has_the_colour_of_the_panel_and_both_signs_are_equally_strong(palette):
    values = np.array([lightness(colour) for colour in palette.diverging])
    assert len(values) % 2 == 1
    assert palette.diverging[len(values) // 2] == palette.panel
    away = np.abs(values - lightness(palette.panel))
    assert np.all(np.diff(away[len(values) // 2 :]) > 0)
    assert np.all(np.diff(away[: len(values) // 2 + 1]) < 0)
    assert np.max(np.abs(away - away[::-1])) < 0.1 * away.max()


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_every_pipeline_has_a_colour_of_its_own(palette):
    assert len({palette.of(name) for name in TITLES}) == len(TITLES)
    assert palette.of("one that nobody knows") in palette.series


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_more_stars_are_further_from_the_panel(palette):
    steps = np.diff([lightness(colour) for colour in palette.sequential])
    assert np.all(steps < 0 if palette is LIGHT else steps > 0)
    assert contrast(palette.sequential[0], palette.panel) < 1.5
    assert contrast(palette.sequential[-1], palette.panel) > 10


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_curves_can_be_seen_on_a_panel_and_told_apart(palette):
    """WCAG asks 3 : 1 of graphics."""
    assert len(set(palette.series)) == len(palette.series) == 8
    assert min(contrast(colour, palette.panel) for colour in palette.series) >= 3


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_the_page_and_the_figures_have_the_same_tokens(palette):
    selector = ":root" if palette is LIGHT else r':root\[data-theme="dark"\]'
    block = re.search(selector + r" \{(.*?)\}", SHELL, re.S)[1]
    css = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    assert {name: css[name] for name in ("page", "panel", "line", *WORDS)} == {
        name: getattr(palette, name) for name in ("page", "panel", "line", *WORDS)
    }
    assert contrast(css["on-action"], css["action"]) >= 4.5


def test_a_blend_passes_through_its_anchors():
    anchors = ["#000000", "#ff0000", "#ffffff"]
    colours = blend(anchors, 5)
    assert colours == ("#000000", "#800000", "#ff0000", "#ff8080", "#ffffff")
    assert blend(anchors)[127] == "#ff0000"
    assert {LIGHT.name, DARK.name} == set(PALETTES)
