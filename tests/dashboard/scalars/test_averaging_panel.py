"""The panel of the averaging volumes: what is edited is in the address, is drawn, and leaves the run as it is."""

import json

import numpy as np
import pytest

from core.config import preset
from core.diagnostics.averaging import from_options
from core.diagnostics.volumes import outlines, own_volume
from core.phase_space.region import Shell
from dashboard.pages.scalar_distributions import ScalarDistributions
from dashboard.plots.palette import DARK, LIGHT
from dashboard.plots.volumes import legend, volume_sketches
from dashboard.scalars.averaging_panel import AveragingPanel
from dashboard.session import Session, decoded, encoded


@pytest.fixture
def run(finished_run):
    return finished_run()


@pytest.fixture
def panel(services, run, idle):
    return AveragingPanel(Session(), services, run, lambda found: None)


def choice(panel):
    return decoded(panel.session.averaging) if panel.session.averaging else None


def test_an_edit_is_in_the_address_and_back_is_nothing(panel):
    outer = panel._lengths["scalars.outer"]
    outer.value = 0.6
    assert choice(panel) == {"changes": {"scalars.outer": 0.6}, "own": []}
    assert panel._reset.visible
    panel._typed.value = "thin: abs(z) < 0.1"
    panel._typed.value = "r < 0.5"
    assert [name for name, _ in choice(panel)["own"]] == ["thin", "V1"]
    assert panel._typed.value == ""
    outer.value = panel.run.manifest.config.scalars.outer
    assert choice(panel)["changes"] == {}
    panel._remove("V1")
    panel._remove("thin")
    assert panel.session.averaging == ""
    assert not panel._reset.visible


def test_the_address_sets_the_widgets_and_reset_unsets_them(services, run, idle):
    averaging = from_options({"scalars.slab": 0.2, "scalars.baryons": "mckee2015"}, ["r < 0.5"])
    panel = AveragingPanel(Session(averaging=encoded(averaging.to_json())), services, run, lambda found: None)
    assert panel.averaging == averaging
    assert panel._lengths["scalars.slab"].value == 0.2
    assert panel._baryons.value == "mckee2015"
    assert len(panel._volumes) == 1
    panel._reset.clicks += 1
    assert panel.session.averaging == ""
    assert panel._lengths["scalars.slab"].value == 0.3
    assert panel._baryons.value == "midplane"
    assert len(panel._volumes) == 0


@pytest.mark.parametrize(
    "text", ["nonsense", "~{", '~{"own": 3}', "~[]", '~{"changes": {"flow.members": 1}, "own": []}']
)
def test_an_address_that_cannot_be_read_leaves_the_runs_own(services, run, idle, text):
    assert AveragingPanel(Session(averaging=text), services, run, lambda found: None).averaging.is_of_run


def test_what_is_no_volume_is_said_and_changes_nothing(panel, notifications):
    for text in ("vphi > 200", "rr < 1", "r <"):
        panel._typed.value = text
    assert len(notifications) == 3
    assert panel.session.averaging == ""


def test_a_model_of_ones_own_is_offered_and_a_bad_file_is_said(panel, notifications):
    head = b'name = "mine"\ndensity_unit = "Msun/pc3"\nlength_unit = "pc"\n'
    disc = b'[[component]]\nname = "d"\ndensity = 0.08\nerror = 0.01\nprofile = "sech2"\nscale_height = 300\n'
    panel._file.value = head + disc
    assert choice(panel)["changes"]["scalars.baryons"] == (head + disc).decode()
    assert any("mine: 0.0800 ± 0.0100" in words for words in panel._baryons.options)
    panel._file.value = disc
    panel._file.value = b"\xff\xfe"
    assert len(notifications) == 2
    assert "length_unit" in choice(panel)["changes"]["scalars.baryons"]


def test_numbers_averaged_anew_are_told_from_the_runs_own(services, run, idle):
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    session = Session()
    page = ScalarDistributions(session, services, run)
    assert "the run's own numbers" in page._origin.object
    session.averaging = encoded(from_options({"scalars.outer": 0.5}, ["thin: abs(z) < 0.1"]).to_json())
    page.averaging._arrived(page.averaging._compute(page.averaging.averaging))
    assert "Averaged anew" in page._origin.object
    assert "scalars.outer = 0.5; thin: abs(z) &lt; 0.1" in page._origin.object
    assert "density@thin" in page.document
    assert all(entry["reaveraged"] for entry in page.document.values())
    assert json.loads(json.dumps(page.document))
    assert "density@thin" in page._figures
    session.averaging = encoded(from_options({"scalars.outer": 0.95}, []).to_json())
    page.averaging._arrived(page.averaging._compute(page.averaging.averaging))
    assert "reaches beyond" in page.averaging._status.object
    assert page.document == run.scalars
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_sketches_show_what_there_is(palette):
    own = [own_volume("<b>: r < 0.3", 1), own_volume("x > 0.5", 2)]
    disc = outlines(preset("quick"), Shell(1.0), own)
    sphere = outlines(preset("quick", {"potential.frame": "inertial"}), Shell(1.0))
    assert volume_sketches(disc, palette).count("<svg") == 2
    assert volume_sketches(disc, palette).count("<path") > volume_sketches(sphere, palette).count("<path")
    words = legend(disc, palette)
    assert "&lt;b&gt;" in words
    assert "<b>" not in words
    assert "slab" not in legend(sphere, palette)


def test_the_shadow_of_a_volume_has_its_area():
    (shadow,) = outlines(preset("quick"), Shell(1.0), [own_volume("r < 0.5", 1)]).own
    assert np.mean(shadow.xy) == pytest.approx(np.pi * 0.25 / 4, rel=0.05)
