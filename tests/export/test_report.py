"""The report: every section is there, numbers are the run's, nothing is loaded from outside, and words stay words."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from finished_runs import SLOPES, finish_run, write_products
from small_runs import TINY, waiting_run

from core.catalog import resolve
from core.config import preset
from core.diagnostics.pattern_speed_profile import PatternSpeedProfile
from core.errors import CorruptArtifactError, InputError, UnknownRunError
from core.export import provenance
from core.export.figures import projection
from core.export.report import report_html, write_report
from core.phase_space.sample import PhaseSpaceSample
from core.phase_space.solar_position import SolarPosition
from core.potential.profile_loss import ProfileLoss
from core.runs import registry
from core.runs.artifacts import read_json, write_json
from core.runs.products import SPEED_PROFILE
from core.runs.star_files import FLOW_SUMMARY, FlowSummary, write_summary

HOSTILE = "\"><script>alert('1')&<img src=x onerror=y>"
SECTIONS = ["trust", "scalars", "profiles", "slices", "flow", "tasks", "provenance", "sources"]


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    place = tmp_path_factory.mktemp("products")
    write_products(place)
    return place


@pytest.fixture
def made(tmp_path, monkeypatch, products):
    """``made(**changes)``: a finished run of stars in a ball, without the demonstration."""
    monkeypatch.setattr(registry, "EMBEDDED_RUNS", tmp_path / "embedded")
    monkeypatch.setattr(resolve, "DEMO", tmp_path / "embedded")
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path / "data"))
    return lambda *a, **named: finish_run(tmp_path / "runs", tmp_path / "data", products, *a, **named)


def parsed(document):
    """The document as a tree: it is well-formed XML after its first line."""
    return ElementTree.fromstring(document)


def words(element):
    return " ".join("".join(element.itertext()).split())


def section(tree, name):
    return next(e for e in tree.iter("section") if e.get("id") == name)


def test_the_report_of_a_run(made):
    run = made()
    document = report_html(run)
    assert document.startswith("<!DOCTYPE html>")
    tree = parsed(document)
    assert [e.get("id") for e in tree.iter("section")] == SECTIONS

    # Numbers are those of scalars.json, and every pipeline has its column.
    shown = {e.get("id"): float(e.get("value")) for e in tree.iter("data") if e.get("id")}
    assert shown == {f"best-{name}": entry["best"] for name, entry in run.scalars.items()}
    medians = [float(e.get("value")) for e in section(tree, "scalars").iter("data") if not e.get("id")]
    assert medians == [
        entry["pipelines"][p]["median"] for entry in run.scalars.values() for p in ("df_seed", "potential_seed")
    ]
    held_out = [float(e.get("value")) for e in section(tree, "flow").iter("data")]
    assert held_out == [-15.0, -15.5]

    # Three projections in three columns, two quantities on three planes, four profiles or fewer.
    figures = {name: len(list(section(tree, name).iter("figure"))) for name in SECTIONS}
    assert (figures["flow"], figures["slices"], figures["scalars"]) == (9, 6, 1)
    assert 1 <= figures["profiles"] <= 4
    rows = [words(row) for row in section(tree, "flow").iter("tr")]
    assert "agrees" in rows[1]
    assert "differs" in rows[2]
    assert len(rows) == 1 + len(SLOPES)
    trust = words(section(tree, "trust"))
    assert "Constrained: noise share 0.10" in trust
    assert "differs from the stars' at r 0.5–1 kpc" in trust
    for task in run.manifest.tasks:
        assert task.kind.split("s")[0] in words(section(tree, "tasks"))
    origin = words(section(tree, "provenance"))
    for fact in (run.id, run.manifest.catalogue.id, "quick", "flow.members"):
        assert fact in origin


def test_nothing_is_loaded_from_outside(made):
    document = report_html(made())
    tree = parsed(document)
    for element in tree.iter():
        for name, value in element.attrib.items():
            if name in ("src", "href", "srcset", "data", "action", "poster"):
                assert value.startswith("data:image/png;base64,"), (element.tag, name)
            assert not name.startswith("on")
    assert not {e.tag for e in tree.iter()} & {"script", "link", "iframe", "object", "embed", "base"}
    style = "".join(e.text for e in tree.iter("style"))
    assert not re.search(r"url\(|@import", style)
    assert "http" not in re.sub(r"http-equiv", "", document)


def test_hostile_words_stay_words(made):
    run = made(HOSTILE)
    write_summary(
        run.products / FLOW_SUMMARY, FlowSummary((-15.0,), {1: HOSTILE}, (replace(SLOPES[0], where=HOSTILE),))
    )
    scalars = read_json(run.products / "scalars.json")
    scalars["pattern_speed"] |= {"label": HOSTILE, "unit": HOSTILE, "volume": HOSTILE, "reason": HOSTILE}
    write_json(run.products / "scalars.json", scalars)
    (run.path / "tasks" / "scalars" / "DONE").unlink()
    write_json(run.path / "tasks" / "scalars" / "DONE", {})
    tree = parsed(report_html(run))
    assert not list(tree.iter("script"))
    assert not list(tree.iter("img"))
    assert next(tree.iter("title")).text == f"{HOSTILE} · Deep Potential"
    for name in ("trust", "scalars", "flow"):
        assert HOSTILE in words(section(tree, name)), name


def test_the_loss_against_pattern_speed_is_among_what_may_be_believed(made):
    run, speeds = made(), np.arange(0.0, 61.0)
    assert not list(section(parsed(report_html(run)), "trust").iter("figure"))
    loss = ProfileLoss(speeds, 1e-3 + 1e-5 * (speeds - 28) ** 2, None)
    write_json(run.products / SPEED_PROFILE, PatternSpeedProfile(loss, loss, 0.9).to_json())
    trust = section(parsed(report_html(run)), "trust")
    assert len(list(trust.iter("figure"))) == 1
    assert "lowest at 28.0 km/s/kpc" in words(trust)
    assert "not the error" in words(trust)
    assert len(list(trust.iter("polyline"))) == 2


@pytest.mark.parametrize("warning", [None, "only 40 % of the volume lies where the fit is reliable"])
def test_an_averaging_volume_that_is_largely_unreliable_is_named(warning):
    scalars = {"vertical_force": {"label": "Kz", "reliability": {}, "warning": warning}}
    maps = [projection("x", "y", *[PhaseSpaceSample(np.zeros((9, 6), np.float32))] * 2, SolarPosition())]
    found = provenance.verdicts(scalars, FlowSummary((), {}, ()), maps, "r < 1")
    (verdict,) = [v for v in found if v.about == "Averaging volumes"]
    assert verdict.good == (warning is None)
    assert (f"Kz: {warning}" in verdict.words) == (warning is not None)


def test_an_inertial_frame_has_no_profiles(made):
    run = made(config=preset("quick", {**TINY, "potential.frame": "inertial"}))
    tree = parsed(report_html(run))
    assert [e.get("id") for e in tree.iter("section")] == [name for name in SECTIONS if name != "profiles"]


def test_settings_that_are_not_the_presets_are_told(made):
    run = made(config=preset("quick", {"flow.members": 6, "potential.pattern_speed": "28.2"}))
    found = {key: (usual, value) for key, usual, value, _ in provenance.changed_settings(run)}
    assert found == {"flow.members": ("4", "6"), "potential.pattern_speed": ("free", "28.2")}
    assert provenance.changed_settings(made("other", "20260101-000000-0001", config=preset("quick"))) == []


def test_an_unfinished_run_has_no_report(made, tmp_path):
    run = waiting_run(tmp_path / "runs", run_id="20260101-000000-0002")
    with pytest.raises(UnknownRunError, match=r"not finished: its state is waiting.*deep-potential run 20260101"):
        report_html(run)
    run = made()
    (run.products / "scalars.json").unlink()
    with pytest.raises(UnknownRunError, match=r"lacks scalars.json"):
        report_html(run)


def test_damage_is_told(made):
    run = made()
    (run.path / "provenance.json").write_text('{"packages": 3}')
    with pytest.raises(CorruptArtifactError, match=r"provenance.json is damaged"):
        report_html(run)


def test_a_place_that_cannot_be_written_is_told(made, tmp_path, monkeypatch):
    monkeypatch.setattr("core.export.report.report_html", lambda run: "é")
    run = made()
    with pytest.raises(InputError, match=r"cannot be written.*Check the directory"):
        write_report(run, tmp_path / "nowhere" / "report.html")
    write_report(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == "é"


def test_weighted_stars_count_by_their_weights():
    w = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    double = PhaseSpaceSample(w, weight=np.full(500, 2.0, np.float32))
    flow, sun = PhaseSpaceSample(w), SolarPosition()
    plain, weighted = (projection("x", "y", stars, flow, sun) for stars in (flow, double))
    np.testing.assert_allclose(weighted.data, plain.data)  # weights are relative
    assert plain.data.sum() == pytest.approx(500, abs=1)
    assert plain.rms == 0
