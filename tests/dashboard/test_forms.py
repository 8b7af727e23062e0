"""A form has one widget for every setting, with its unit and bounds, and knows exactly what was changed."""

import dataclasses

import panel as pn
import pytest

from core.config import Config, preset
from core.settings import replace, settings
from dashboard.forms import ConfigForm, widget

SETTINGS = {s.key: s for s in settings(Config())}


@pytest.fixture
def changes():
    return []


@pytest.fixture
def form(changes):
    form = ConfigForm(Config(), lambda: changes.append(1))
    form.__panel__().collapsed = False
    return form


def widgets_of(form):
    return form._widgets


_WORDS = {"potential.analytic.free": "bulge_mass", "potential.drift": "1,2,3", "scalars.baryons": "mckee2015"}
"""Settings that no number fits."""


def another(s):
    """A value of the setting other than its default, within its bounds."""
    if s.choices:
        return next(choice for choice in s.choices if choice != s.value)
    if s.type is bool:
        return not s.value
    if s.type is str:
        return _WORDS.get(s.key, "30.5")
    step = 1 if s.type is int else 0.001
    up = s.value + step
    return up if s.high is None or up <= s.high else s.value - step


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_has_a_widget_with_its_name_unit_help_and_bounds(key):
    s = SETTINGS[key]
    made = widget(s)
    assert made.value == s.value
    assert made.label == key.rpartition(".")[2].replace("_", " ") + (f" [{s.unit}]" if s.unit else "")
    if s.choices:
        assert made.options == list(s.choices)
    elif s.type in (int, float):
        assert (made.start, made.end) == (s.low, s.high)
    if s.type is not bool:
        assert made.description.lower().startswith(s.doc[:10].lower())
        assert ("at least" in made.description) == (s.low is not None)
        assert ("at most" in made.description) == (s.high is not None)


def test_there_is_one_widget_for_each_setting_and_no_other(form):
    assert list(widgets_of(form)) == list(SETTINGS)
    shown = form.__panel__().select(pn.widgets.Widget)
    assert {id(w) for w in shown} == {id(w) for w in widgets_of(form).values()}
    assert form.__panel__().title == f"all {len(SETTINGS)} settings"


def test_a_folded_form_costs_its_page_nothing(changes):
    """Its 131 widgets took longer than the rest of the page."""
    form = ConfigForm(Config(), lambda: changes.append(1))
    form.adopt(preset("paper"))
    assert not form.__panel__().select(pn.widgets.Widget)
    assert form.overrides == {}
    form.__panel__().collapsed = False
    assert {key: w.value for key, w in widgets_of(form).items()} == {s.key: s.value for s in settings(preset("paper"))}


def test_a_form_that_is_folded_up_again_keeps_what_was_changed(form):
    widgets_of(form)["seed"].value = 7
    form.__panel__().collapsed = True
    assert form.overrides == {"seed": 7}
    form.__panel__().collapsed = False
    assert widgets_of(form)["seed"].value == 7


def test_nothing_is_overridden_at_first(form, changes):
    assert form.overrides == {}
    assert changes == []


def test_what_is_changed_is_overridden_and_what_is_changed_back_is_not(form, changes):
    for key, s in SETTINGS.items():
        value = another(s)
        widgets_of(form)[key].value = value
        assert form.overrides == {key: value}
        assert {s.key: s.value for s in settings(replace(Config(), form.overrides))}[key] == value
        widgets_of(form)[key].value = s.value
        assert form.overrides == {}
    assert len(changes) == 2 * len(SETTINGS)


def test_several_changes_make_the_configuration_that_is_shown(form):
    wanted = {"seed": 7, "flow.members": 6, "flow.halves": False, "potential.solver": "network", "solar.R0": 8.1}
    for key, value in wanted.items():
        widgets_of(form)[key].value = value
    assert form.overrides == wanted
    shown = {key: w.value for key, w in widgets_of(form).items()}
    assert {s.key: s.value for s in settings(replace(Config(), form.overrides))} == shown


def test_another_preset_starts_over(form, changes):
    widgets_of(form)["flow.members"].value = 3
    paper = preset("paper")
    form.adopt(paper)
    assert form.overrides == {}
    assert {key: w.value for key, w in widgets_of(form).items()} == {s.key: s.value for s in settings(paper)}
    widgets_of(form)["flow.members"].value = 3
    assert form.overrides == {"flow.members": 3}
    assert len(changes) == 2


def test_groups_follow_the_sections_of_the_configuration(form):
    captions = [pane.object for pane in form.__panel__().select(pn.pane.HTML) if "<h2" in pane.object]
    sections = {s.key.rpartition(".")[0] or "run" for s in settings(Config())}
    assert len(captions) == len(sections)
    assert ">run</h2>" in captions[0]
    assert any(">flow · velocity · training</h2>" in caption for caption in captions)
    assert {f.name for f in dataclasses.fields(Config)} >= {s.partition(".")[0] for s in sections} - {"run"}
