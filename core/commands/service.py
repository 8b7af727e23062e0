"""``serve``, ``doctor``, ``demo``: the dashboard, what a bug report needs, and the demonstration made anew."""

import importlib.metadata
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import click

from core.commands.console import json_option, runs_option, say
from core.errors import InputError
from core.runs.registry import RUNS_VARIABLE, runs_root

ROOT = Path(__file__).resolve().parents[2]


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=5006, show_default=True)
@click.option("--show", is_flag=True, help="Open a browser.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on; others need a login.")
@click.option(
    "--users",
    type=click.Path(path_type=Path),
    help='JSON file {"name": "password"} that only its owner may read: visitors log in.',
)
@click.option("--origin", multiple=True, metavar="HOST[:PORT]", help="Name under which browsers reach the server.")
@runs_option
def serve(port: int, show: bool, address: str, users: Path | None, origin: tuple[str, ...], runs: str | None) -> None:
    """Serve the dashboard: to this machine alone, or to those who log in."""
    environment = {**os.environ, RUNS_VARIABLE: str(runs_root(runs)), **login(address, users)}
    origins = [part for host in origin for part in ("--allow-websocket-origin", host)]
    command = [
        *(sys.executable, "-m", "panel", "serve", str(ROOT / "app.py")),
        *("--address", address, "--port", str(port), "--plugins", "dashboard.routes"),
        *("--setup", str(ROOT / "dashboard" / "startup.py")),
        *origins,
        *(["--show"] if show else []),
    ]
    if os.name == "posix":
        os.execve(sys.executable, command, environment)  # so that whoever stops this process stops the server
    else:
        raise SystemExit(subprocess.call(command, env=environment))


def login(address: str, users: Path | None) -> dict[str, str]:
    """The environment of a server with a login.

    Raises InputError for an address that others can reach where there is no login, and for a file of passwords that is
    none, or that others may read.
    """
    named = {"PANEL_BASIC_AUTH", "PANEL_OAUTH_PROVIDER"} & os.environ.keys()
    if users is None:
        if address not in ("127.0.0.1", "::1", "localhost") and not named:
            raise InputError(
                f"others can reach a server at {address}, and it has no login",
                remedy="Give --users FILE, or leave --address out and put a proxy that asks who they are before it.",
            )
        return {}
    try:
        words = json.loads(users.read_text(encoding="utf-8"))
        closed = os.name != "posix" or not users.stat().st_mode & 0o077
    except (OSError, ValueError) as error:
        raise InputError(
            f"the users cannot be read: {error}", file=users, remedy='It holds JSON: {"name": "password"}.'
        ) from error
    if not isinstance(words, dict) or not words or not all(isinstance(w, str) and len(w) >= 8 for w in words.values()):
        raise InputError(
            "it does not hold a password of 8 or more letters for each user",
            file=users,
            remedy='It holds JSON: {"name": "password"}.',
        )
    if not closed:
        raise InputError("others may read the passwords", file=users, remedy=f"chmod 600 {users}")
    # by the environment: a list of processes shows the words of a command to everyone
    secret = os.environ.get("PANEL_COOKIE_SECRET") or secrets.token_hex(32)
    return {"PANEL_BASIC_AUTH": str(users.absolute()), "PANEL_COOKIE_SECRET": secret}


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say what is installed and where things are: what a bug report needs."""
    from core.catalog.store import data_roots

    facts = {
        "deep-potential": importlib.metadata.version("deep-potential"),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "devices": _devices(),
        "lock": _lock_agreement(),
        "runs": str(runs_root().absolute()),
        "data roots": [str(root.absolute()) for root in data_roots()],
        "free disk": f"{shutil.disk_usage('.').free / 1e9:.1f} GB",
    }
    if as_json:
        say(json.dumps(facts))
        return
    for name, value in facts.items():
        say(f"{name:<16} {', '.join(value) if isinstance(value, list) else value}")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "data" / "demo", help="Directory to replace.")
def demo(out: Path) -> None:
    """Make the embedded demonstration anew: two mocks and a fit of each, in about ten minutes on two cores."""
    from core.jobs.demo import make_demo  # JAX and Dask take seconds to import

    make_demo(out, say)
    say(f"{out}: {sum(f.stat().st_size for f in out.rglob('*') if f.is_file()) / 1e6:.1f} MB")


def _devices() -> list[str]:
    import jax  # takes a second to import

    return [f"{d.platform}: {d.device_kind}" for d in jax.devices()]


def _lock_agreement() -> str:
    """Whether the installed versions are those of the lock beside the code."""
    lock = ROOT / "requirements.lock"
    if not lock.is_file():
        return "no lock beside the code"
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", lock.read_text(), re.M)
    wanted: dict[str, set[str]] = {}
    for name, version in pinned:
        wanted.setdefault(name, set()).add(version)
    different = []
    for name, versions in wanted.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a package of another platform
        if installed not in versions:
            different.append(f"{name} {installed} instead of {' or '.join(sorted(versions))}")
    return "agrees" if not different else "; ".join(different)
