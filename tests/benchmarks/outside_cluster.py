"""Faults of an outside Dask cluster over TLS: a worker, the scheduler, then everything is killed in mid-training.

    python tests/benchmarks/outside_cluster.py

Prints how long the orphaned training lived and whether the resumed run has the bits of an undisturbed one.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
HOME = Path(tempfile.mkdtemp(prefix="deep-potential-"))
os.environ |= {
    "PYTHONPATH": str(ROOT),
    "HOME": str(HOME),
    "DEEP_POTENTIAL_TLS": str(HOME / "tls"),
    "DEEP_POTENTIAL_DATA": str(HOME / "data"),
    "DEEP_POTENTIAL_RUNS": str(HOME / "runs"),
}

import psutil  # noqa: E402
from distributed import Client  # noqa: E402
from small_runs import TINY  # noqa: E402

from core.catalog.resolve import resolve_catalogue  # noqa: E402
from core.jobs.creation import create_fit, fit_config  # noqa: E402
from core.jobs.credentials import credentials  # noqa: E402
from core.jobs.launch import resume_interrupted  # noqa: E402
from core.jobs.status import progress_lines, run_status  # noqa: E402
from core.runs.artifacts import file_digest  # noqa: E402
from core.runs.registry import Run  # noqa: E402

PORT, FLOWS = "47813", "flows-df_seed-00"


def program(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *map(str, arguments)], cwd=ROOT, stderr=(HOME / "log").open("a"))


def dask(kind: str, *arguments: object) -> subprocess.Popen[bytes]:
    key = credentials()
    files = ("--tls-ca-file", key.tls_ca_file, "--tls-cert", key.tls_worker_cert, "--tls-key", key.tls_worker_key)
    return program(f"distributed.cli.dask_{kind}", *arguments, "--dashboard-address", "127.0.0.1:0", *files)


def scheduler() -> subprocess.Popen[bytes]:
    return dask("scheduler", "--host", "127.0.0.1", "--port", PORT, "--protocol", "tls")


def worker() -> subprocess.Popen[bytes]:
    return dask("worker", f"tls://127.0.0.1:{PORT}", "--nthreads", "1", "--no-nanny", "--death-timeout", "120")


class Faults:
    """A run under observation: its processes, and how often a task had two of them."""

    def __init__(self, run: Run):
        self.run, self.doubled = run, 0

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            command = process.info["cmdline"] or []
            if "core.jobs.task" in command and str(self.run.path) in command and process.info["status"] != "zombie":
                found.append(process)
        self.doubled += any(n > 1 for n in Counter(p.info["cmdline"][-1] for p in found).values())
        return found

    def until(self, condition: Callable[[], bool], most: float = 400.0) -> float:
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < most, "it took too long"
            self.processes()
            time.sleep(0.05)
        return time.monotonic() - start

    def trains_on(self) -> None:
        known = len(progress_lines(self.run, FLOWS)[0])
        self.until(lambda: len(progress_lines(self.run, FLOWS)[0]) > known + 3)

    def kill(self, what: str, *victims: subprocess.Popen[bytes]) -> None:
        training = {p.pid for p in self.processes()}
        for victim in victims:
            victim.kill()
            victim.wait()
        seconds = self.until(lambda: not training & {p.pid for p in self.processes()})
        print(f"| {what} | training gone after {seconds:.1f} s |")


def new_run(name: str) -> Run:
    stars = resolve_catalogue(str(HOME / "ball.parquet"))
    config = fit_config(stars, "quick", overrides=TINY)
    return create_fit(stars, config, root=HOME / "runs", preset_name="quick", name=name)


def main() -> None:
    out = HOME / "ball.parquet"
    assert program("core", "mock", "freeman", "--stars", 4000, "--seed", 1, "--out", out).wait() == 0
    whole, run = new_run("undisturbed"), new_run("disturbed")
    assert program("core", "run", whole.path, "--quiet").wait() == 0
    faults, boss, workers = Faults(run), scheduler(), [worker(), worker()]
    runner = program("core", "run", run.path, "--quiet", "--scheduler", f"127.0.0.1:{PORT}")
    faults.trains_on()
    busy = psutil.Process(faults.processes()[0].pid).ppid()
    faults.kill("the worker", *(w for w in workers if w.pid == busy))
    faults.trains_on()
    faults.kill("the scheduler", boss)
    for idle in workers:
        idle.kill()
    boss, workers = scheduler(), [worker()]
    faults.trains_on()
    faults.kill("runner, scheduler and worker at once", runner, boss, *workers)
    boss, workers = scheduler(), [worker()]
    resumed = [r.manifest.name for r in resume_interrupted(HOME / "runs")]
    faults.until(lambda: run_status(run).state == "done")
    digests = [{p.name: file_digest(p) for p in r.products.iterdir()} for r in (whole, run)]
    print(f"| resumed without a click | {', '.join(resumed)} |")
    print(f"| SHA-256 of all products as undisturbed | {digests[0] == digests[1]} |")
    print(f"| moments with two processes of a task | {faults.doubled} |")
    try:
        Client(f"tcp://127.0.0.1:{PORT}", timeout=5)
        print("| client without the key | let in |")
    except OSError as error:
        print(f"| client without the key | {type(error).__name__} |")
    for process in (boss, *workers):
        process.kill()


if __name__ == "__main__":
    main()
