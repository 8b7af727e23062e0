"""``serve``, ``doctor``, ``demo``: the dashboard, what a bug report needs, and the demonstration made anew."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

from core.commands.console import json_option, runs_option, say
from core.runs.registry import RUNS_VARIABLE, runs_root

ROOT = Path(__file__).resolve().parents[2]


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=5006, show_default=True)
@click.option("--show", is_flag=True, help="Open a browser.")
@runs_option
def serve(port: int, show: bool, runs: str | None) -> None:
    """Serve the dashboard to this machine alone."""
    address = ["--address", "127.0.0.1", "--port", str(port)]
    command = [
        sys.executable,
        "-m",
        "panel",
        "serve",
        str(ROOT / "app.py"),
        *address,
        *(["--show"] if show else []),
    ]
    environment = {**os.environ, RUNS_VARIABLE: str(runs_root(runs))}
    raise SystemExit(subprocess.call(command, env=environment))


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
