"""What a server bears: ``python tests/benchmarks/server.py [visits] [together] [alive] [bombs]``; all by default.

* ``visits``: 200 visitors, who come four at a time and go, over all pages of the demonstration; how memory has grown.
* ``together``: 30 visitors at once; what each of them costs.
* ``alive``: how long ``/health`` takes while two fits are trained and a gigabyte is sent.
* ``bombs``: files that are made to fill memory or to leave the machine: how soon each is refused, and at what peak.

A visitor is what a browser is to the server: it asks for the page, opens its connection, pulls the document, says that
it is ready and takes all that is sent. Wall times mean something on a quiet machine only; the load is said beside them.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import multiprocessing
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import psutil
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import bad_files as bad
from dashboard_server import DashboardServer
from server_meter import ServerMeter

PAGES = ("quality", "potential", "scalars", "train", "compare")
READY = {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}
QUIET = 2.0
"""Seconds without a word after which a page has all that it shows."""
EXPIRY = 45.0
"""Seconds after which a server has thrown away what nobody looks at."""
BOMBS = {
    "gzip": ("b.csv.gz", bad.gzip_bomb),
    "parquet": ("b.parquet", bad.parquet_bomb),
    "HDF5 of 10¹² rows": ("b.h5", bad.hdf5_bomb),
    "HDF5 that leads elsewhere": ("e.h5", bad.hdf5_elsewhere),
    "HDF5, virtual": ("v.h5", bad.hdf5_virtual),
    "FITS of 10¹² rows": ("b.fits", bad.content(lambda: bad.fits_of_rows(10**12))),
    "VOTable of entities": ("b.vot", bad.content(bad.votable_of_entities)),
    "VOTable from elsewhere": ("e.vot", bad.content(bad.votable_from_elsewhere)),
    "pickle": ("b.csv", bad.content(bad.pickled(4))),
}
Row = tuple[str, str, str]


def main() -> None:
    parts = {"visits": visits, "together": together, "alive": alive}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*parts, "bombs", []], default=[])
    parser.add_argument("--visits", type=int, default=200)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| what | measured | bar |\n|---|---|---|", flush=True)
    for name, part in parts.items():
        if not options.parts or name in options.parts:
            with tempfile.TemporaryDirectory() as place:
                server = DashboardServer(Path(place), ("--plugins", "dashboard.routes"))
                server.start()
                try:
                    show(part(server, options.visits))
                    assert not server.failures, server.failures
                finally:
                    server.stop()
    if not options.parts or "bombs" in options.parts:
        show(bombs())


def show(rows: Iterator[Row]) -> None:
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


async def visit(url: str) -> WebSocketClientConnection:
    """A visitor who has seen the page and keeps it open."""
    patience = {"connect_timeout": 300, "request_timeout": 300}
    page = await AsyncHTTPClient().fetch(url, **patience)
    token = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
    address = urlparse(url)
    origin = {"Origin": f"http://{address.netloc}"}
    request = HTTPRequest(f"ws://{address.netloc}{address.path}/ws", headers=origin, **patience)
    connection = await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=1 << 30)
    for _ in range(3):  # header, metadata and content of a welcome
        await connection.read_message()
    await say(connection, "PULL-DOC-REQ", {})
    event = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": READY}
    await asyncio.sleep(0.5)
    await say(connection, "PATCH-DOC", {"events": [event]})
    with suppress(TimeoutError):
        while await asyncio.wait_for(connection.read_message(), QUIET) is not None:
            pass
    return connection


async def say(connection: WebSocketClientConnection, kind: str, content: dict[str, object]) -> None:
    for part in ({"msgid": str(next(_NUMBERS)), "msgtype": kind}, {}, content):
        await connection.write_message(json.dumps(part))


_NUMBERS = itertools.count()


def meter_of(server: DashboardServer) -> ServerMeter:
    assert server.process is not None
    return ServerMeter(psutil.Process(server.process.pid), server.place / "lags")


def visits(server: DashboardServer, count: int) -> Iterator[Row]:
    """Visitors who come four at a time and go."""
    meter, memory, urls = meter_of(server), {}, itertools.cycle(f"{server.url}?page={page}" for page in PAGES)

    async def come() -> None:
        for number in range(4, count + 1, 4):
            for connection in await asyncio.gather(*(visit(next(urls)) for _ in range(4))):
                connection.close()
            if number in (20, count):
                await asyncio.sleep(EXPIRY)
                memory[number] = meter.memory

    asyncio.run(come())
    yield f"memory after 20 visits and after {count}", f"{memory[20]:.0f}, {memory[count]:.0f} MB", "≤ 50 MB more"


def together(server: DashboardServer, count: int) -> Iterator[Row]:
    """Visitors at once, after some who warmed the server up."""
    meter, guests = meter_of(server), 30

    async def come() -> float:
        for page in PAGES * 2:
            (await visit(f"{server.url}?page={page}")).close()
        await asyncio.sleep(EXPIRY)
        before = meter.memory
        urls = [f"{server.url}?page={PAGES[i % len(PAGES)]}" for i in range(guests)]
        there = await asyncio.gather(*(visit(url) for url in urls))
        meter.rest()
        more = meter.memory - before
        for connection in there:
            connection.close()
        return more / guests

    yield f"memory of each of {guests} visitors at once", f"{asyncio.run(come()):.1f} MB", "≤ 10 MB"


def alive(server: DashboardServer, count: int) -> Iterator[Row]:
    """Whether the server answers while it is busy."""
    size = 1 << 30
    many = ("--set", "flow.velocity.training.epochs=100000", "--set", "flow.velocity.training.steps=10000000")
    for name in ("one", "two"):
        server.command("fit", "disc-spiral", "--name", name, "--detach", *many)
    while list(server.states().values()).count("running") < 2:
        time.sleep(1)
    time.sleep(20)  # they compile first
    sender = multiprocessing.Process(target=send, args=(server.url, size))
    sender.start()
    waits = []
    while sender.is_alive():
        waits.append(1000 * health(server.url))
        time.sleep(0.05)
    for name in ("one", "two"):
        server.command("cancel", name)
    while "running" in server.states().values():
        time.sleep(1)
    median, late = np.percentile(waits, [50, 99])
    told = f"median {median:.0f}, p99 {late:.0f}, worst {max(waits):.0f} ms of {len(waits)}"
    yield "/health beside two trainings and 1 GiB sent and read", told, "p99 ≤ 500 ms"


def health(url: str) -> float:
    """Seconds until the server says that it is well."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection(urlparse(url).netloc, timeout=60)
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()
    return time.perf_counter() - start


def send(url: str, size: int) -> None:
    """A file of so many bytes, whose stars are the same over and over: it is read to its end, then refused."""
    text = bad.csv_bytes()
    head, rows = text.split(b"\n", 1)
    block = rows * ((1 << 20) // len(rows))
    connection = http.client.HTTPConnection(urlparse(url).netloc, timeout=1800)
    blocks = itertools.chain([head + b"\n"], itertools.repeat(block, size // len(block)))
    length = len(head) + 1 + len(block) * (size // len(block))
    headers = {"Origin": f"http://{urlparse(url).netloc}", "X-Deep-Potential": "s.csv", "Content-Length": str(length)}
    start = time.perf_counter()
    connection.request("POST", "/upload", blocks, headers)
    answer = connection.getresponse()
    words = json.loads(answer.read()).get("error", "")
    print(f"| (the upload: {time.perf_counter() - start:.0f} s) | {answer.status}: {words[:60]} | |", flush=True)


def bombs() -> Iterator[Row]:
    """Each in a process of its own, whose one child reads it."""
    for name, (file, make) in BOMBS.items():
        with tempfile.TemporaryDirectory() as place, multiprocessing.get_context("spawn").Pool(1) as pool:
            make(Path(place) / file)
            wall, cpu, peak, words = pool.apply(refused, (Path(place), file))
        yield f"{name}: {words[:60]}…", f"{wall:.1f} s, {cpu:.1f} CPU-s, {peak:.0f} MB", "≤ 10 s, ≤ 2048 MB"


def refused(place: Path, file: str) -> tuple[float, float, float, str]:
    """Seconds of the clock and of the processor, and megabytes, until a file is refused, and in what words."""
    from core.catalog.guarded import read_guarded
    from core.catalog.store import CatalogueStore
    from core.errors import InputError

    start = time.perf_counter()
    try:
        read_guarded(place / file, store=CatalogueStore(place / "data"))
        words = "LET IN"
    except InputError as error:
        words = error.reason
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, words


if __name__ == "__main__":
    main()
