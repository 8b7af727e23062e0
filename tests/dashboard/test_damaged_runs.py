"""A damaged run takes down neither the list of runs nor a page: what cannot be read is said in its place."""

import json
import re
from contextlib import suppress

import numpy as np
import panel as pn
import pytest
from small_runs import waiting_run

from core.diagnostics.scalar_draws import from_json
from core.errors import CorruptArtifactError, UnknownRunError
from core.export.provenance import read_provenance
from core.runs.seals import changed_products
from core.runs.star_files import FLOW_SAMPLE, FLOW_SUMMARY, read_summary
from dashboard import shell
from dashboard.runs.run_picker import RunPicker, pattern_speed_words, run_facts
from dashboard.session import PAGES, Session

DAMAGED = '<span class="caution">damaged</span>'
SCALARS = "scalars.json"


@pytest.fixture(autouse=True)
def served(services, monkeypatch, idle):
    """The pages are those of this place; what they compute in threads is not asked for."""
    monkeypatch.setattr(shell, "services", lambda: services)
    monkeypatch.setattr(type(pn.state), "add_periodic_callback", lambda *_, **__: None)


def words_of(view):
    """Everything that a view says."""
    return " ".join(str(pane.object) for pane in view.select(pn.pane.HTML))


def alerts_of(view):
    return [pane.object for pane in view.select(pn.pane.HTML) if 'role="alert"' in str(pane.object)]


def edit(path, change):
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def unsealed(run):
    """A run whose task left no digest of its scalars."""
    (run.path / "tasks" / "scalars" / "DONE").unlink()


def without(*keys):
    def change(document):
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        return document

    return change


def changed_summary(**values):
    """Damage that is good JSON: the summary of the flows with other values."""
    return lambda run: edit(run.products / FLOW_SUMMARY, lambda d: {**d, **values})


DAMAGE = {
    "scalars cut": (lambda run: (run.products / SCALARS).write_text('{"pattern_sp'), {"Ωp"}),
    "scalars changed": (lambda run: edit(run.products / SCALARS, lambda d: {**d, "more": 1}), {"Ωp"}),
    "scalars not text": (lambda run: (run.products / SCALARS).write_bytes(b"\xff\xfe\x00"), {"Ωp"}),
    "unsealed scalars cut": (lambda run: (unsealed(run), (run.products / SCALARS).write_text("{")), {"Ωp"}),
    "unsealed scalars a list": (lambda run: (unsealed(run), edit(run.products / SCALARS, lambda d: [d])), {"Ωp"}),
    "no verdict": (lambda r: (unsealed(r), edit(r.products / SCALARS, without("pattern_speed", "verdict"))), {"Ωp"}),
    "no draws": (lambda r: (unsealed(r), edit(r.products / SCALARS, without("pattern_speed", "pipelines"))), {"Ωp"}),
    "digests cut": (lambda run: (run.path / "tasks" / "scalars" / "DONE").write_text("{"), {"Ωp", "flows"}),
    "summary cut": (lambda run: (run.products / FLOW_SUMMARY).write_text("{"), {"flows"}),
    "summary empty": (lambda run: (run.products / FLOW_SUMMARY).write_text("{}"), {"flows"}),
    "summary a list": (lambda run: (run.products / FLOW_SUMMARY).write_text("[1]"), {"flows"}),
    "summary of no flow": (changed_summary(held_out_log_df=[]), {"flows"}),
    "summary in words": (changed_summary(held_out_log_df=["much"]), {"flows"}),
    "rejections of nobody": (changed_summary(rejected=[{}]), {"flows"}),
    "slopes in words": (changed_summary(log_density_slopes=["steep"]), {"flows"}),
}


def test_a_whole_run_introduces_itself(finished_run):
    facts = run_facts(finished_run())
    assert facts == {
        "stars": "<strong>2\u202f000</strong>",
        "flows": "2 × factored",
        "held-out ln f": "−15.25",
        "Ωp": '28.0 ± 0.9<br><span class="good">constrained</span>',
    }


def test_a_run_that_has_just_begun_has_few_facts(services):
    assert list(run_facts(waiting_run(services.root))) == ["stars"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_facts_are_said_to_be(damage, finished_run):
    spoil, titles = DAMAGE[damage]
    run = finished_run()
    spoil(run)
    facts = run_facts(run)
    assert {title for title, words in facts.items() if words == DAMAGED} == titles
    assert facts["stars"] == "<strong>2\u202f000</strong>"


@pytest.mark.parametrize("damage", ["scalars changed", "no draws", "summary cut"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_a_damaged_run_opens(page, damage, finished_run):
    """Only the scalars' own page has nothing else to show."""
    spoil, titles = DAMAGE[damage]
    finished_run("other", "20260102-000000-bbbb")
    run = finished_run("spoilt", "20260103-000000-cccc")
    spoil(run)
    rail, main, looking_at = shell._parts(Session(page=page, run=run.path.name))
    if page not in ("train", "compare"):
        picker = rail.select(pn.widgets.Select)[0]
        assert picker.value == run.path.name
        assert list(picker.options) == ["spoilt", "other"]
        assert DAMAGED in words_of(rail)
        assert looking_at.startswith("spoilt")
    expected = int(titles == {"Ωp"} and page in ("potential", "scalars"))
    assert len(alerts_of(main)) == expected
    pictures = len(main.select(pn.pane.Bokeh)) + len(main.select(pn.pane.HoloViews))
    assert pictures > 0 or (page == "scalars" and expected)


def test_no_flipped_byte_of_any_product_gets_through(finished_run):
    """The end of a task knows of each; a run that is started again makes it anew."""
    run = finished_run()
    marker = run.path / "tasks" / "scalars" / "DONE"
    for path in run.products.iterdir():
        content = path.read_bytes()
        for place in np.linspace(0, len(content) - 1, 40).astype(int):
            path.write_bytes(content[:place] + bytes([content[place] ^ 0x04]) + content[place + 1 :])
            assert changed_products(run.path, marker) == [str(path.relative_to(run.path))]
        path.write_bytes(content)
    assert changed_products(run.path, marker) == []


def test_no_flipped_byte_of_the_provenance_gets_through(finished_run):
    run = finished_run()
    path, made = run.path / "provenance.json", read_provenance(run)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x04]) + content[place + 1 :])
        with suppress(CorruptArtifactError):
            assert read_provenance(run) == made  # white space alone may change


def lose_catalogue(run, services):
    (services.catalogue(run).path / "catalogue.json").unlink()


def spoil_catalogue(run, services):
    (services.catalogue(run).path / "catalogue.json").write_text("{")


def spoil_column(run, services):
    file = services.catalogue(run).path / "columns" / "vx.npy"
    file.write_bytes(file.read_bytes()[:-5])


def spoil_sample(run, services):
    (run.products / FLOW_SAMPLE).write_bytes(b"PAR1")


def spoil_flow(run, services):
    path = run.products / "flow-df_seed-000.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def spoil_potential(run, services):
    path = run.products / "potential-potential_seed.safetensors"
    path.write_bytes(path.read_bytes()[:100])


REFUSED = {
    "lost catalogue": (lose_catalogue, "quality", "scalars", "there is no catalogue"),
    "lost catalogue of a potential": (lose_catalogue, "potential", "train", "there is no catalogue"),
    "spoilt catalogue": (spoil_catalogue, "quality", "train", "the catalogue in .* cannot be read"),
    "spoilt column": (spoil_column, "quality", "train", r"vx\.npy"),
    "spoilt sample": (spoil_sample, "quality", "potential", r"flow_sample\.parquet cannot be read"),
    "spoilt flow": (spoil_flow, "potential", "quality", r"flow-df_seed-000\.safetensors is damaged"),
    "spoilt flow of scalars": (spoil_flow, "scalars", "quality", r"flow-df_seed-000\.safetensors is damaged"),
    "spoilt potential": (spoil_potential, "potential", "scalars", r"potential_seed\.safetensors is damaged"),
}
"""What is spoilt, the page that needs it, and one that does not."""


@pytest.mark.parametrize("case", REFUSED)
def test_a_page_says_in_its_place_what_it_misses(case, finished_run, services, caplog):
    spoil, page, other, words = REFUSED[case]
    run = finished_run()
    spoil(run, services)
    rail, main, _ = shell._parts(Session(page=page))
    (alert,) = alerts_of(main)
    assert re.search(words, alert)
    assert rail.select(pn.widgets.Select)[0].value == run.path.name
    assert not alerts_of(shell._parts(Session(page=other))[1])
    assert not caplog.records


def test_an_error_while_a_view_is_built_is_the_pages_not_the_documents(finished_run, monkeypatch, caplog):
    def broken(self):
        raise ZeroDivisionError("secret")

    finished_run()
    monkeypatch.setattr(shell.PotentialSlices, "__panel__", broken)
    _, main, looking_at = shell._parts(Session(page="potential"))
    assert "log under" in alerts_of(main)[0]
    assert len(caplog.records) == 1
    assert looking_at.startswith("ball")


SPECIFICATION = {
    "cut": lambda text: text[: len(text) // 2],
    "newer": lambda text: text.replace('"schema": 2', '"schema": 3'),
    "changed": lambda text: text.replace('"stars": 2000', '"stars": 2001'),
    "a list": lambda text: "[]",
    "empty": lambda text: "",
}


@pytest.mark.parametrize("damage", SPECIFICATION)
def test_a_directory_without_a_readable_specification_hides_no_other_run(damage, services, finished_run):
    whole = finished_run("whole", "20260101-000000-aaaa")
    spoilt = finished_run("spoilt", "20260102-000000-bbbb")
    assert services.default_run() == spoilt
    file = spoilt.path / "run.json"
    file.write_text(SPECIFICATION[damage](file.read_text()))
    (services.root / "20260103-000000-cccc-nothing").mkdir()
    (services.root / "20260104-000000-dddd-file").write_text("no directory")
    assert services.runs() == [whole]
    assert services.default_run() == whole
    assert list(RunPicker(Session(), services, print)._choice.options) == ["whole"]
    _, main, _ = shell._parts(Session(page="quality", run=spoilt.path.name))
    assert "run.json" in alerts_of(main)[0]


PLAIN = (None, "words", 5, [], {}, [None], {"a": "b"})


@pytest.mark.parametrize("key", ["id", "name", "stars", "catalogue", "region", "config", "tasks", "preset", "created"])
def test_a_specification_without_a_seal_is_read_or_left_out(key, services, finished_run):
    """Runs of the first days have none: whatever a value has become, the list of runs stands."""
    run = finished_run()
    file = run.path / "run.json"
    values = json.loads(file.read_text())
    del values["sha256"]
    for value in PLAIN:
        file.write_text(json.dumps({**values, key: value}))
        assert services.runs() in ([], [run]) or services.runs()[0].path == run.path


STATES = {
    "no state": ("state.json", "{}"),
    "state of another kind": ("state.json", "[1]"),
    "state of words": ("state.json", '{"state": 5}'),
    "progress of another kind": ("tasks/scalars/progress.jsonl", '5\n[]\n{"time": 1}\n{"time": "x", "fraction": 1}\n'),
    "error of another kind": ("tasks/sample-df_seed/error.json", "[]"),
}


@pytest.mark.parametrize("case", STATES)
def test_the_list_of_all_runs_stands(case, finished_run):
    name, content = STATES[case]
    (finished_run().path / name).write_text(content)
    rail, main, _ = shell._parts(Session(page="train"))
    assert not alerts_of(main)
    assert "ball" in words_of(main)
    assert "New run" in words_of(rail)


def test_without_runs_the_pages_say_what_to_do(services):
    for page in ("quality", "potential", "scalars"):
        rail, main, looking_at = shell._parts(Session(page=page))
        assert "Start one on the page Train" in alerts_of(main)[0]
        assert (rail.select(pn.widgets.Select)[0].value, looking_at) == (None, "")
    with pytest.raises(UnknownRunError):
        services.default_run()


def test_another_run_is_gone_to(services, finished_run):
    runs = [finished_run(name, f"2026010{i}-000000-0000") for i, name in enumerate(("ball", "disc", "ball"), 1)]
    waiting_run(services.root, "unborn", "20260109-000000-0000")
    chosen = []
    picker = RunPicker(Session(run=runs[1].path.name), services, chosen.append)
    assert list(picker._choice.options) == [f"ball · {runs[2].id}", "disc", f"ball · {runs[0].id}"]
    assert picker._choice.value == runs[1].path.name
    picker._choice.value = runs[0].path.name
    assert chosen == [runs[0]]


def test_damaged_entries_are_errors_of_ours(tmp_path):
    for speed in ({}, [], None, {"best": "x"}, {"best": 1, "pipelines": {"df_seed": {"draws": ["x"]}}}):
        with pytest.raises(CorruptArtifactError, match="pattern_speed is damaged"):
            pattern_speed_words(speed)
    for entry in ({}, {"pipelines": {"df_seed": {"draws": ["x"]}}}, {"pipelines": {}}):
        with pytest.raises(CorruptArtifactError, match="the scalar surface_density is damaged"):
            from_json("surface_density", entry)
    (tmp_path / FLOW_SUMMARY).write_text('{"held_out_log_df": 5}')
    with pytest.raises(CorruptArtifactError, match=r"flow\.json is damaged"):
        read_summary(tmp_path / FLOW_SUMMARY)
