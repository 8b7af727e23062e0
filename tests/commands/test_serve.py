"""The server listens to this machine alone unless there is a login, whose secrets are seen by nobody."""

import json
import os
import sys

import pytest

from core.commands import service

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions and exec of POSIX")


@pytest.fixture
def started(monkeypatch):
    """What ``serve`` would start: its words and its environment."""
    found = []
    for name in ("PANEL_BASIC_AUTH", "PANEL_OAUTH_PROVIDER", "PANEL_COOKIE_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(service.os, "execve", lambda program, words, environment: found.append((words, environment)))
    monkeypatch.setattr(service.subprocess, "call", lambda *a, **o: 0)
    return found


@pytest.fixture
def users(home):
    def write(content, mode=0o600):
        path = home / "users.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        return path

    return write


def after(words, name):
    return words[words.index(name) + 1]


def test_by_default_this_machine_is_served(command, started):
    command("serve", "--port", 5999, "--runs", "there")
    ((words, environment),) = started
    assert words[0] == sys.executable
    assert (after(words, "--address"), after(words, "--port")) == ("127.0.0.1", "5999")
    assert after(words, "--plugins") == "dashboard.routes"
    assert environment["DEEP_POTENTIAL_RUNS"] == "there"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.2", "example.org", ""])
def test_an_address_for_others_needs_a_login(address, command, started):
    answer = command("serve", "--address", address)
    assert answer.code == 2
    assert "has no login" in answer.err
    assert "--users FILE" in answer.err
    assert started == []


def test_with_users_others_are_served_and_no_secret_is_in_the_words(users, command, started):
    file = users({"ada": "correct horse"})
    command("serve", "--address", "0.0.0.0", "--users", file, "--origin", "stars.example.org")
    ((words, environment),) = started
    assert after(words, "--allow-websocket-origin") == "stars.example.org"
    assert environment["PANEL_BASIC_AUTH"] == str(file)
    assert len(environment["PANEL_COOKIE_SECRET"]) == 64
    assert not {"correct horse", environment["PANEL_COOKIE_SECRET"]} & set(words)


def test_a_login_by_others_is_a_login(monkeypatch, command, started):
    monkeypatch.setenv("PANEL_OAUTH_PROVIDER", "github")
    command("serve", "--address", "0.0.0.0")
    assert len(started) == 1


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ({"ada": "correct horse"}, 0o644, "others may read the passwords"),
        ({"ada": "short"}, 0o600, "8 or more letters"),
        ({}, 0o600, "8 or more letters"),
        ({"ada": 12345678}, 0o600, "8 or more letters"),
        ("ada:correct horse", 0o600, "cannot be read"),
    ],
)
def test_passwords_that_are_none(content, mode, words, users, command, started):
    answer = command("serve", "--users", users(content, mode))
    assert answer.code == 2
    assert words in answer.err
    assert "correct horse" not in answer.err
    assert started == []
