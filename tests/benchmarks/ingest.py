"""Ingest of a catalogue of Gaia's size from every kind of file, and what opening it again takes.

    python tests/benchmarks/ingest.py --stars 5600000 --kinds fits parquet csv

Ten columns of random numbers, seven of 8 bytes and three of 4: 68 bytes a star. Each file is read by its own process,
as the command line does it; its peak memory is compared with the raw numbers. Opening again is a process that finds the
catalogue and sums a column; private memory is what that process holds that no other may share.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
RAW_BYTES = 7 * 8 + 3 * 4

OPEN_AGAIN = """
import json, sys, time
start = time.perf_counter()
from core.catalog.store import CatalogueStore
imported = time.perf_counter()
catalogue = CatalogueStore.default().open(sys.argv[1])
total = float(catalogue.column("x").sum()) + float(catalogue.column("ra").sum())
done = time.perf_counter()
rollup = open("/proc/self/smaps_rollup").read().split()
private = sum(int(rollup[rollup.index(f"Private_{kind}:") + 1]) for kind in ("Clean", "Dirty"))
print(json.dumps({"seconds": done - imported, "imports": imported - start, "private": private / 1000}))
"""


def stars(n: int) -> dict[str, np.ndarray]:
    """Columns of the Gaia archive with values that pass every check."""
    rng = np.random.default_rng(0)
    parallax = rng.uniform(1.0, 5.0, n)
    return {
        "source_id": np.arange(n, dtype=np.int64) * 3 + 2**61 + 1,
        "ra": rng.uniform(0, 360, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
        "parallax": parallax,
        "pmra": rng.normal(0, 20, n),
        "pmdec": rng.normal(0, 20, n),
        "radial_velocity": rng.normal(0, 30, n),
        "parallax_error": rng.uniform(0.01, 0.03, n).astype(np.float32),
        "radial_velocity_error": rng.uniform(0.2, 2, n).astype(np.float32),
        "ruwe": rng.uniform(0.9, 1.3, n).astype(np.float32),
    }


def write(path: Path, n: int) -> None:
    """The file of ``n`` stars that ``path``'s suffix asks for."""
    columns = stars(n)
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet
    from astropy.table import Table

    if path.suffix == ".csv":
        pyarrow.csv.write_csv(pa.table(columns), path)
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.table(columns), path)
    else:
        Table(columns).write(path)


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Seconds, peak megabytes (of the process or its child, the larger) and standard output of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1000, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stars", type=int, default=5_600_000)
    parser.add_argument("--kinds", nargs="+", default=["fits", "parquet", "csv"])
    options = parser.parse_args()
    raw = RAW_BYTES * options.stars / 1e6
    print(f"{options.stars:,} stars, {raw:.0f} MB of numbers, load {os.getloadavg()[0]:.1f}")
    print("| file | MB | ingest s | peak MB | peak/raw | second open s | its imports s | private MB |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / f"stars.{kind}"
            # in a process of its own: a child's peak begins with what its parent holds
            maker = multiprocessing.get_context("spawn").Process(target=write, args=(file, options.stars))
            maker.start()
            maker.join()
            os.sync()  # else the store waits for the disk to take this file first
            environment = {**os.environ, "DEEP_POTENTIAL_DATA": f"{place}/data", "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-m", "core", "ingest", str(file), "--recipe", "gaia-dr3-rvs", "--json"]
            seconds, peak, answer = measured(command, environment)
            again = [sys.executable, "-c", OPEN_AGAIN, json.loads(answer)["id"]]
            opened = json.loads(measured(again, environment)[2])
            print(
                f"| {kind} | {file.stat().st_size / 1e6:.0f} | {seconds:.1f} | {peak:.0f} | {peak / raw:.1f} "
                f"| {opened['seconds']:.2f} | {opened['imports']:.2f} | {opened['private']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
