"""Runs beside each other: what they lack is said in place, what is drawn is common, what differs is listed."""

import json

import numpy as np
import panel as pn
import pytest
from small_runs import TINY, waiting_run

from core.config import preset
from core.diagnostics.residual_maps import pooled_rms
from core.errors import UnknownRunError
from core.jobs.ownership import owned, record_state
from core.phase_space.region import Expression
from dashboard import shell
from dashboard.compared.candidates import LETTERS, candidates
from dashboard.compared.scalars import Found, measured, scalar_table
from dashboard.pages.compare import Compare, significance
from dashboard.plots.palette import DARK, LIGHT
from dashboard.runs.run_picker import RunPicker
from dashboard.session import Session
from dashboard.slices.drawn_slices import asked_by


@pytest.fixture
def two(finished_run):
    """A run of all stars and one of the northern half of them, called its subset."""
    whole = finished_run("whole", "20260101-000000-aaaa")
    changed = preset("quick", {**TINY, "seed": 7, "scalars.slab": 0.2})
    same = finished_run("half", "20260102-000000-bbbb", Expression("z > 0"), parent=whole.id, config=changed)
    return whole, same


def page_of(services, *runs, **choices):
    names = ",".join(run if isinstance(run, str) else run.path.name for run in runs)
    return Compare(Session(page="compare", runs=names, **choices), services, print)


def words_of(view):
    return " ".join(str(pane.object) for pane in pn.Column(view).select(pn.pane.HTML))


def drawn(page):
    """What arrives when the threads have done their work."""
    page.slices._arrived(page.slices._compute(asked_by(page.slices.session, judged=False)))
    return page.slices


def test_all_runs_share_the_limits_of_their_colours_and_all_differences_theirs(services, two, idle):
    slices = drawn(page_of(services, *two, two[0].path.name))
    assert list(slices.figures) == ["A", "B"]
    assert list(slices.differences) == ["B"]
    for figures in (slices.figures, slices.differences):
        assert len({(f._mapper.low, f._mapper.high) for three in figures.values() for f in three}) == 1
    for a, b, less in zip(slices.figures["A"], slices.figures["B"], slices.differences["B"], strict=True):
        images = [np.array(f._source.data["image"][0]) for f in (a, b, less)]
        np.testing.assert_array_equal(images[2], images[1] - images[0])
        assert tuple(less._mapper.palette) == LIGHT.diverging
        assert less._mapper.low == -less._mapper.high
    slices.session.theme = "dark"
    assert slices.differences["B"][0].figure.background_fill_color == DARK.panel


def test_a_tap_moves_the_planes_of_all_runs(services, two, idle):
    slices = drawn(page_of(services, *two))
    asked = len(idle)
    slices._tapped({"x": 0.25, "y": -0.5})
    assert (slices.session.at_x, slices.session.at_y) == (0.25, -0.5)
    assert len(idle) > asked
    slices._redraw()
    slices._arrived(slices._compute(asked_by(slices.session, judged=False)))
    cuts = [f._cuts.data_source.data for three in slices.figures.values() for f in three if f.a == "x"]
    assert {(cut["x0"][1] + cut["x1"][1]) / 2 for cut in cuts} == {0.25}


def test_what_a_run_lacks_is_said_in_its_column_and_the_others_are_shown(services, two, idle):
    begun = waiting_run(services.root, "begun", "20260103-000000-cccc")
    newer = waiting_run(services.root, "newer", "20260104-000000-dddd")
    file = newer.path / "run.json"
    file.write_text(file.read_text().replace('"schema": 2', '"schema": 3'))
    (two[1].products / "potential-potential_seed.safetensors").write_bytes(b"spoilt")
    record_state(begun, "running", started=1.0)
    with owned(begun):
        page = page_of(services, two[0], two[1], begun, newer.path.name)
    assert list(page.slices.figures) == ["A"]
    assert page.slices.differences == {}
    reasons = {key: words_of(view) for key, view in page.slices.reasons.items()}
    assert "is damaged" in reasons["B"]
    assert "No potential yet: the run is going on" in reasons["C"]
    assert "has schema 3, this program reads 2" in reasons["D"]
    words = words_of(page)
    assert "C: run &#x27;begun&#x27; has no scalars yet" in words
    assert "not trained yet" in words
    assert [m.letter for m in page.measured] == ["A", "B", "C"]


def test_nothing_readable_is_still_a_page(services, two, idle):
    for run in two:
        (run.path / "run.json").write_text("{")
    page = page_of(services, *two)
    assert page.looking_at == page.controls()[1:] == []
    assert words_of(page).count('role="alert"') == 2


def test_the_first_choice_is_a_run_and_its_parent_else_the_newest_other(services, finished_run, two):
    other = finished_run("other", "20260103-000000-cccc")
    chosen = lambda **c: [x.run for x in candidates(Session(**c), services)]  # noqa: E731
    assert chosen(run=two[1].path.name) == list(two)
    assert chosen(run=two[0].path.name) == [two[0], other]
    assert chosen() == [other, two[1]]
    assert chosen(runs=f"{two[1].id},{two[0].path.name},{two[1].path.name}") == [two[1], two[0]]
    many = candidates(Session(runs="a,b,c,d,e"), services)
    assert [c.letter for c in many] == list(LETTERS)
    assert all(c.run is None and "there is no run" in c.error for c in many)


def test_without_another_run_the_page_says_what_to_do(services, finished_run, idle):
    page = page_of(services, finished_run())
    assert "Nothing to compare with" in words_of(page)
    assert page.picker._add.disabled
    with pytest.raises(UnknownRunError):
        services.run("nobody")


def test_runs_are_added_replaced_and_removed(services, finished_run, two, idle):
    other = finished_run("other", "20260103-000000-cccc")
    a, b, c = (run.path.name for run in (*two, other))
    asked = []
    page = Compare(Session(runs=f"{a},{b}"), services, asked.append)
    first, second = page.picker.__panel__().select(pn.widgets.Select)
    assert set(first.options.values()) == {a, c}
    second.value = c
    page.picker._add.clicks += 1
    remove = [w for w in page.picker.__panel__().select(pn.widgets.Button) if w.label == "Remove"]
    remove[0].clicks += 1
    assert asked == [[a, c], [a, b, c], [b]]


def test_shared_stars_and_other_volumes_are_said_before_the_numbers(services, two, idle):
    page = page_of(services, *two)
    share = services.shared_stars(two[1], two[0])
    assert share == two[1].manifest.stars
    page.scalars._say(page.scalars._find())
    words = words_of(page.scalars)
    assert f"{share} of the {share} stars of B are in A too" in words.replace("\u202f", "")
    page.scalars._say(Found({"B": 0}, ()))
    assert "B shares no star with A" in words_of(page.scalars)
    page.scalars._say(Found({"B": None}, ()))
    assert "cannot be told" in words_of(page.scalars)


def with_scalars(run, change):
    """A run that measured something else."""
    file = run.products / "scalars.json"
    document = json.loads(file.read_text())
    change(document["pattern_speed"])
    file.write_text(json.dumps(document))
    (run.path / "tasks" / "scalars" / "DONE").unlink()


def test_the_table_holds_differences_in_sigma_or_why_there_are_none(services, two):
    table = lambda: scalar_table(measured(candidates(Session(runs=",".join(r.path.name for r in two)), services)))  # noqa: E731
    same = table()
    assert same.count("σ") == 1
    assert ">0.0 σ<" in same
    with_scalars(two[1], lambda speed: speed.update(best=speed["best"] + 10 * speed["error"]))
    apart = table()
    assert 'class="caution">7.1 σ<' in apart  # ten errors of one are 10/√2 of both
    edit = lambda **changes: json.loads((two[1].products / "scalars.json").read_text()) | changes  # noqa: E731
    document = edit()
    document["pattern_speed"]["constrained"] = False
    (two[1].products / "scalars.json").write_text(json.dumps(document))
    assert "not constrained in B" in table()
    document["pattern_speed"]["volume"] = "elsewhere"
    (two[1].products / "scalars.json").write_text(json.dumps(document))
    assert "other volume" in table()


def test_only_what_differs_between_the_settings_is_listed(services, two, idle):
    words = words_of(page_of(services, *two))
    for part in ("seed", "scalars.slab [kpc]", "region", "z &gt; 0"):
        assert part in words
    assert "learning_rate" not in words
    alike = words_of(page_of(services, two[0]))
    assert "The same stars and the same settings." in alike


def test_profiles_of_both_runs_are_drawn_over_each_other(services, two, idle):
    panel = page_of(services, *two).profiles
    panel._arrived(panel._compute())
    names = {r.name for cell in panel._cells for r in cell[0].object.renderers if r.name}
    assert {"A · whole", "B · half"} <= names
    words = words_of(panel)
    assert "whole" in words
    assert "half" in words


def test_significance_is_that_of_the_flow_page(services, finished_run):
    assert "expected" in significance(services, finished_run())
    assert significance(services, waiting_run(services.root, "begun", "20260103-000000-cccc")) == "–"
    assert np.isnan(pooled_rms([]))


def test_a_run_leads_to_the_comparison_with_its_parent(services, two, monkeypatch, idle):
    monkeypatch.setattr(shell, "services", lambda: services)
    session = Session(page="scalars", run=two[1].path.name)
    with_parent = shell._to_parent(session, services)
    assert with_parent(two[0]) is None
    picker = RunPicker(session, services, print, with_parent)
    assert picker._parent.button.visible
    picker._parent.button.clicks += 1
    assert (session.page, session.runs) == ("compare", f"{two[0].path.name},{two[1].path.name}")
    rail, main, looking_at = shell._parts(session)
    assert looking_at.startswith("whole · half")
    assert len(main.select(pn.pane.Bokeh)) >= 9
    assert len(rail.select(pn.widgets.Select)) >= 4
