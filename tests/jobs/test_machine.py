"""What the machine has: an accelerator only where JAX has a plugin for one and finds it."""

import importlib.metadata
import importlib.util
import subprocess

import pytest

from core.jobs import machine
from core.jobs.machine import Machine, this_machine


@pytest.fixture(autouse=True)
def forget():
    machine._is_accelerated.cache_clear()
    yield
    machine._is_accelerated.cache_clear()


def pretend(monkeypatch, *, plugin, answer="", code=0):
    asked = []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [group] if plugin else [])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def run(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, code, stdout=answer, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_without_a_plugin_nobody_is_asked(monkeypatch):
    asked = pretend(monkeypatch, plugin=False)
    assert not this_machine().accelerated
    assert asked == []


@pytest.mark.parametrize(("answer", "code", "expected"), [("gpu\n", 0, True), ("cpu\n", 0, False), ("", 1, False)])
def test_with_a_plugin_jax_is_asked_once(monkeypatch, answer, code, expected):
    asked = pretend(monkeypatch, plugin=True, answer=answer, code=code)
    assert [this_machine().accelerated for _ in range(3)] == [expected] * 3
    assert len(asked) == 1


def test_a_machine_says_what_it_has():
    assert this_machine().cores >= 1
    assert str(Machine(2)) == "2 cores"
    assert str(Machine(16, accelerated=True)) == "16 cores and an accelerator"
