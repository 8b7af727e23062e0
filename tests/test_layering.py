"""Who may know whom (DESIGN 2): the contracts of pyproject.toml, and what a fresh process really loads."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).parents[1]
PAGES = {"panel", "param", "holoviews", "datashader", "bokeh", "dashboard"}
SLOW_TO_IMPORT = {"jax", "flax", "optax", "distrax", "diffrax", "distributed"}
FLOWS = {"distrax", "diffrax", "core.flow.distribution_function"}
READINGS = """
import sys
from pathlib import Path
from core.catalog.resolve import open_catalogue
from core.catalog.store import CatalogueStore
from core.runs import compared, readings
from core.runs.registry import list_runs

place = Path(sys.argv[1])
run = list_runs(place)[0]
catalogue = open_catalogue(run.manifest.catalogue.id, CatalogueStore(place))
readings.slicer(run, catalogue)
readings.reliability(run)
scalars = {s.name: s for s in readings.scalars_within(run, catalogue, run.manifest.config, run.fitted_region)}
measured = [compared.Measured(letter, run, {}, scalars) for letter in "ab"]
compared.within_common(measured, lambda *given: scalars)
print(*sys.modules)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)


def loaded(*modules: str) -> set[str]:
    """Names of all modules in a fresh process that imports ``modules``."""
    code = "import importlib, sys; [importlib.import_module(m) for m in sys.argv[1:]]; print(*sys.modules)"
    done = run(code, *modules)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_every_contract_holds():
    done = run("from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache", "--no-logo")
    assert done.returncode == 0, done.stdout


def test_no_module_of_core_loads_what_draws():
    modules = [m.name for m in pkgutil.walk_packages(core.__path__, "core.") if m.name != "core.__main__"]
    assert not loaded(*modules) & PAGES


@pytest.mark.parametrize("module", ["core.cli", "core.jobs.task"])
def test_a_process_starts_before_jax_does(module):
    """The command line answers at once, and a task sets up its process before JAX reads the environment."""
    assert not loaded(module) & (PAGES | SLOW_TO_IMPORT)


def test_the_web_process_never_trains():
    training = {"core.flow.training", "core.jobs.runner", "core.jobs.stages", "distributed"}
    assert not loaded("dashboard.shell") & (training | FLOWS)


def test_what_pages_read_of_a_run_needs_no_flow(tmp_path):
    """Else the first visitor of a page waits for libraries and networks that nothing on it asks for."""
    done = run(READINGS, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "jax" in done.stdout.split()
    assert not set(done.stdout.split()) & FLOWS
