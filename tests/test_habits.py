"""What pre-commit runs, and the promises of the locks (DESIGN 7) and of the manner (STYLE)."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {
    "requirements.lock": PROJECT["dependencies"],
    "requirements-dev.lock": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"],
}
LONGEST = 420
"""Lines of a module: past 300, STYLE asks for the second idea; here the asking ends."""


@pytest.mark.parametrize("tool", ["ruff check", "ruff format --check", "mypy"])
def test_the_code_passes(tool):
    done = subprocess.run([sys.executable, "-m", *tool.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_is_long():
    modules = [path for package in ("core", "dashboard") for path in (ROOT / package).rglob("*.py")]
    lengths = {str(m.relative_to(ROOT)): len(m.read_text(encoding="utf-8").splitlines()) for m in modules}
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address_and_a_hash_for_everything(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.M).strip())
    assert [e for e in entries if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", e, re.S)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_direct_dependency_within_its_bounds(lock):
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.M):
        pins.setdefault(canonicalize_name(name), []).append(version)
    for requirement in map(Requirement, LOCKS[lock]):
        pinned = pins.get(canonicalize_name(requirement.name), [])
        assert pinned, requirement
        assert all(requirement.specifier.contains(version, prereleases=True) for version in pinned), requirement


def test_direct_dependencies_are_bounded_on_both_sides():
    """Without an upper bound the resolver of the next lock picks alphas that do not import."""
    for requirement in map(Requirement, LOCKS["requirements-dev.lock"]):
        operators = {s.operator for s in requirement.specifier}
        assert operators in ({">=", "<"}, {"=="}), requirement
