"""The specification of a run: what is written is what is read, and what is not understood is refused."""

import json

import pytest
from small_runs import manifest

from core.config import PRESETS, preset
from core.errors import ConfigError, CorruptArtifactError, DeepPotentialError
from core.jobs.graph import plan
from core.phase_space.region import Box, Ellipse, Everything, Expression, Shell
from core.runs.artifacts import write_json
from core.runs.manifest import SCHEMA, provenance, read_manifest

REGIONS = [
    Everything(),
    Shell(1.0, 0.1),
    Box((("x", -0.5, 0.5), ("vphi", 150.0, 260.0))),
    ~Expression("z > 0") & Shell(0.7) | Ellipse("x", "y", (0.0, 0.1), (0.2, 0.3)),
]


@pytest.mark.parametrize("region", REGIONS, ids=str)
@pytest.mark.parametrize("name", PRESETS)
def test_what_is_written_is_what_is_read(name, region, tmp_path):
    config = preset(name)
    written = manifest(config=config, region=region, tasks=plan(config, 100_000), preset=name, parent="another")
    write_json(tmp_path / "run.json", written.to_json())
    assert read_manifest(tmp_path / "run.json") == written


def test_a_changed_setting_is_damage(tmp_path):
    values = manifest().to_json()
    values["config"]["seed"] += 1
    write_json(tmp_path / "run.json", values)
    with pytest.raises(CorruptArtifactError, match=r"run\.json is damaged"):
        read_manifest(tmp_path / "run.json")


@pytest.mark.parametrize("schema", [0, SCHEMA + 1, "1", None])
def test_another_schema_is_refused_with_a_remedy(schema, tmp_path):
    write_json(tmp_path / "run.json", manifest().to_json() | {"schema": schema})
    with pytest.raises(ConfigError, match=r"run\.json: .*schema .* this program reads 2\. Open it with the version"):
        read_manifest(tmp_path / "run.json")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"schema": 1}', "\udc80"])
def test_what_is_no_manifest_is_refused(content, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DeepPotentialError, match=r"run\.json"):
        read_manifest(path)


def test_tasks_are_found_by_id_and_kind():
    found = manifest()
    assert {t.kind for t in found.tasks} == {"flows", "sample", "potentials", "scalars"}
    assert found.task("scalars") is found.tasks_of("scalars")[0]
    with pytest.raises(ConfigError, match="no task 'scalar'"):
        found.task("scalar")


def test_provenance_names_code_packages_and_command():
    facts = json.loads(json.dumps(provenance(["deep-potential", "fit", "ball"])))
    assert facts["command"] == ["deep-potential", "fit", "ball"]
    assert {"jax", "numpy", "distrax"} <= facts["packages"].keys()
    assert all(facts[key] for key in ("version", "python", "platform"))
