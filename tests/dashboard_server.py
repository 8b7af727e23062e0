"""A dashboard in a process of its own, for the browser tests and the benchmarks of the pages."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


def find_chromium() -> str | None:
    """The executable of a Chromium, if there is one."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


@dataclass
class DashboardServer:
    """A dashboard in a process of its own, with runs and data in a place of its own; ``arguments`` for the server."""

    place: Path
    arguments: tuple[str, ...] = ()
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        roots = {"DEEP_POTENTIAL_RUNS": str(self.place / "runs"), "DEEP_POTENTIAL_DATA": str(self.place / "data")}
        return {**os.environ, **roots}

    def command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "core", *arguments]
        subprocess.run(command, check=True, cwd=ROOT, env=self.environment, capture_output=True)

    def states(self) -> dict[str, str]:
        """State of every run by its name."""
        command = [sys.executable, "-m", "core", "status", "--json"]
        answer = subprocess.run(command, check=True, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        return {run["name"]: run["state"] for run in json.loads(answer.stdout)}

    def directory(self, name: str) -> str:
        """Name of the directory of a run; "demonstration" is the first that comes with the program."""
        own = [p.name for p in sorted((self.place / "runs").glob("*")) if p.name.endswith(name)]
        return own[0] if own else sorted(p.name for p in (ROOT / "data" / "demo" / "runs").iterdir())[0]

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/app"
        command = [sys.executable, "-m", "panel", "serve", "app.py", "--address", "127.0.0.1", "--port", str(port)]
        command += self.arguments
        with (self.place / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}?page=train", timeout=30).read()
                return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError(f"the server did not answer:\n{self.log[-3000:]}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    @property
    def failures(self) -> list[str]:
        """Tracebacks in the log that pass through our code: a message to a tab that has just closed is no failure."""
        ours = str(ROOT / "core"), str(ROOT / "dashboard")
        return [part for part in self.log.split("Traceback")[1:] if any(path in part for path in ours)]

    @property
    def log(self) -> str:
        return (self.place / "server.log").read_text()
