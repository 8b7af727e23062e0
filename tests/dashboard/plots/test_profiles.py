"""Profiles as figures: a band for every pipeline in its colour, truth or published values, doubt faded."""

from dataclasses import replace

import numpy as np
import pytest
from bokeh.models import BoxAnnotation, Whisker
from small_runs import TINY

from core.config import preset
from core.diagnostics.profiles import Band, Profile
from core.diagnostics.published import Published
from dashboard.plots.palette import DARK, LIGHT
from dashboard.plots.profiles import profile_figure
from dashboard.session import Session
from dashboard.slices.profile_panel import ProfilePanel, legend

AT = np.linspace(-1, 1, 21)


def profile(*, truth=True, published=(), pipelines=("potential_seed", "df_seed", "a_new<one>")):
    bands = {name: Band(AT**2 + i, AT**2 + i + 1, AT**2 + i + 2) for i, name in enumerate(pipelines)}
    trusted = (np.abs(AT) > 0.15) & (np.abs(AT) < 0.85)
    return Profile("density", "ρ", "Msun/pc³", "Z", AT, bands, AT + 9 if truth else None, trusted, published)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_every_pipeline_is_drawn_in_its_colour(palette):
    figure = profile_figure(profile(), palette)
    lines = {r.name: r for r in figure.renderers if r.name}
    alone = profile_figure(profile(pipelines=("potential_seed",)), palette)
    assert len({lines[name].glyph.line_color for name in profile().pipelines}) == 3
    for name in profile().pipelines:
        assert lines[name].glyph.line_color in palette.series
        np.testing.assert_array_equal(lines[name].data_source.data["median"], profile().pipelines[name].median)
    # The same one, whatever else is drawn.
    (single,) = (r for r in alone.renderers if r.name == "potential_seed")
    assert single.glyph.line_color == lines["potential_seed"].glyph.line_color
    np.testing.assert_array_equal(lines["truth"].data_source.data["y"], AT + 9)
    assert figure.background_fill_color == palette.panel
    assert (figure.xaxis.axis_label, figure.yaxis.axis_label) == ("Z  [kpc]", "ρ  [Msun/pc³]")
    assert figure.y_range.start < 0 < 10 < figure.y_range.end


def test_what_is_not_trusted_is_faded():
    spans = profile().doubtful
    np.testing.assert_allclose(spans, [(-1, -0.85), (-0.15, 0.15), (0.85, 1)])
    figure = profile_figure(profile(), LIGHT)
    assert sorted((b.left, b.right) for b in figure.select(BoxAnnotation)) == spans
    assert replace(profile(), trusted=np.ones(21, bool)).doubtful == []
    np.testing.assert_allclose(replace(profile(), trusted=np.zeros(21, bool)).doubtful, [(-1, 1)])


def test_published_values_have_their_bars_and_their_room():
    real = profile(truth=False, published=(Published("density", 1.1, 20.0, 3.0, "Somebody 2001"),))
    figure = profile_figure(real, LIGHT)
    (bars,) = figure.select(Whisker)
    assert (bars.source.data["low"], bars.source.data["high"]) == ([17], [23])
    assert figure.x_range.end > 1.1
    assert figure.y_range.end > 23
    assert "Somebody 2001" in legend((real,), LIGHT)
    assert "truth" not in legend((real,), LIGHT)


def test_the_legend_names_what_is_drawn_and_nothing_else():
    words = legend((profile(),), LIGHT)
    assert "DF seed" in words
    assert "bootstrap" not in words
    assert "a new&lt;one&gt;" in words
    assert "truth" in words
    assert LIGHT.of("df_seed") in words


def test_the_panel_draws_what_arrives_and_follows_the_theme(services, finished_run, idle):
    session, run = Session(), finished_run()
    panel = ProfilePanel(session, services, run)
    assert len(idle) == 1
    assert services.profiles(run) is services.profiles(run)
    panel._arrived((profile(), profile(truth=False)))
    assert len(panel._cells) == 2
    drawn = panel._cells[0][0].object
    assert drawn.background_fill_color == LIGHT.panel
    session.theme = "dark"
    assert panel._cells[0][0].object.background_fill_color == DARK.panel
    panel._arrived(())
    assert not panel._card.visible


def test_an_inertial_frame_has_no_profiles(services, finished_run, idle):
    run = finished_run(config=preset("quick", {**TINY, "potential.frame": "inertial"}))
    assert services.profiles(run) == ()
    assert not ProfilePanel(Session(), services, run)._card.visible
    assert idle == []
