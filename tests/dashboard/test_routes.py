"""Files that are sent to the server: read, refused in one message, or cut; the server goes on and nothing is left."""

import asyncio
import http.client
import json
import logging
import os
import re
import socket
import threading
from contextlib import closing
from types import SimpleNamespace

import bad_files as bad
import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from core.catalog import incoming
from core.catalog.ingest import ingest
from dashboard import routes
from dashboard.access import visitors
from dashboard.upload import HEADER


class Sender:
    """Talks to the server as a page of it does."""

    def __init__(self, port):
        self.port, self.origin = port, f"http://127.0.0.1:{port}"

    def request(self, method, path, body=None, **headers):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def send(self, body, name="stars.csv", path="/upload", **headers):
        return self.request("POST", path, body, **{"Origin": self.origin, HEADER: name, **headers})

    def head(self, size):
        """The start of a request that sends a file of this size."""
        lines = ["POST /upload HTTP/1.1", f"Origin: {self.origin}", f"{HEADER}: s.csv", f"Content-Length: {size}"]
        return "\r\n".join([*lines, f"Host: 127.0.0.1:{self.port}", "", ""]).encode()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The data directory of the server."""
    monkeypatch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DEEP_POTENTIAL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(incoming, "read_guarded", ingest)  # without a process for each file
    return tmp_path / "data"


@pytest.fixture
def server(place):
    """A server of the routes alone, in a thread."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    (listening,) = bind_sockets(0, "127.0.0.1")
    port = listening.getsockname()[1]

    async def serve():
        application = Application(routes.ROUTES)
        application.auth_provider = SimpleNamespace(get_user=None, get_user_async=None)
        application.websocket_origins = {f"localhost:{port}"}
        http_server = HTTPServer(application)
        http_server.add_sockets([listening])
        ready.set()
        await stop.wait()
        http_server.stop()
        await http_server.close_all_connections()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    yield Sender(port)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def left(place):
    return sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_file())


def check_well(server, place):
    """The server goes on, and what was sent has left nothing."""
    assert server.request("GET", "/health") == (200, {"status": "ok"})
    assert left(place) == []


def test_a_file_becomes_a_catalogue(server, place):
    status, answer = server.send(bad.csv_bytes(), "..%2Fmy%20stars.csv.gz.csv", "/upload?recipe=gaia-dr3-rvs")
    assert status == 200
    assert re.search(r"^r < 1 kpc +\d+", answer["table"], re.M)
    assert answer["name"] == "my stars.csv.gz"
    (folder,) = (place / "catalogues").iterdir()
    assert folder.name == answer["id"]
    assert list((place / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("cut.csv", lambda: bad.csv_bytes()[:900], ["cut.csv: line", "values where the header names"]),
        ("bomb.fits", lambda: bad.fits_of_rows(10**12), ["bomb.fits: ", "1000000000000 rows"]),
        ("page.fits", lambda: b"<html>", ["page.fits: this is a web page"]),
        ("pickle.csv", bad.pickled(4), ["pickle.csv: this is a Python pickle"]),
        ("ids.csv", lambda: bad.csv_bytes(bad.ids_twice()), ["ids.csv: column 'source_id': rows 1 and 40"]),
        ("..%2F..%2Fetc%2Fx.csv", lambda: b"a", ["x.csv: its first line"]),
        ("%00%1b.csv", lambda: b"a", ["__.csv: its first line"]),
    ],
)
def test_a_bad_file_is_one_message_with_the_senders_name(name, body, words, server, place):
    status, answer = server.send(body(), name)
    assert status == 422
    for word in words:
        assert word in answer["error"]
    assert str(place) not in answer["error"]
    check_well(server, place)


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Origin": "http://evil.example"}, 403, "from the pages of this server only"),
        ({"Origin": "null"}, 403, "from the pages of this server only"),
        ({"Origin": ""}, 403, "from the pages of this server only"),
        ({"Transfer-Encoding": "chunked"}, 411, "size"),
    ],
)
def test_what_comes_from_elsewhere_is_not_taken(headers, status, words, server, place):
    got, answer = server.send(iter([b"ra,dec"]) if "Transfer-Encoding" in headers else b"ra,dec", **headers)
    assert (got, words in answer["error"]) == (status, True)
    check_well(server, place)


def test_a_form_of_another_page_cannot_send(server, place):
    """It may not set the header."""
    assert server.request("POST", "/upload", b"ra,dec", Origin=server.origin)[0] == 403
    check_well(server, place)


@pytest.mark.parametrize("recipe", ["/etc/passwd", "../x.toml"])
def test_a_recipe_is_no_path(recipe, server, place):
    assert server.send(b"ra,dec", path=f"/upload?recipe={recipe}")[0] == 400
    check_well(server, place)


def test_a_stranger_is_refused(server, place, monkeypatch):
    monkeypatch.setattr(visitors, "is_this_machine", lambda address: False)
    status, answer = server.send(b"ra,dec")
    assert (status, answer["error"]) == (403, visitors.WORDS)
    check_well(server, place)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("largest", "is larger than"), ("quota", "may take"), ("disk", "too full"), ("nothing", "is empty")],
)
def test_what_there_is_no_room_for_is_refused_before_it_comes(setting, words, server, place, monkeypatch):
    match setting:
        case "largest":
            monkeypatch.setattr(incoming, "LARGEST", 3)
        case "quota":
            monkeypatch.setenv(incoming.QUOTA_VARIABLE, "1e-9")
        case "disk":
            monkeypatch.setattr(incoming.shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 29))
    status, answer = server.send(b"" if setting == "nothing" else b"ra,dec")
    assert (status, words in answer["error"]) == (413, True)
    assert left(place) == []


def test_an_upload_that_is_cut_leaves_nothing(server, place):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(server.head(9999) + bad.csv_bytes()[:5000])
        wait_until(lambda: len(left(place)) == 1)
        (path,) = (place / "incoming").iterdir()
        assert path.stat().st_mode & 0o077 == 0
    wait_until(lambda: left(place) == [])
    check_well(server, place)


def test_a_file_is_never_in_memory(server, place):
    """Its pieces are on the disk while the rest is still to come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(server.head(1 << 30) + bytes(1 << 22))
        wait_until(lambda: sum(p.stat().st_size for p in place.rglob("incoming/.*")) >= (1 << 22) - (1 << 16))
    wait_until(lambda: left(place) == [])


def test_the_unexpected_has_an_id_and_is_logged(server, place, monkeypatch, caplog):
    def broken(*arguments, **options):
        raise ZeroDivisionError("a secret of the code")

    monkeypatch.setattr(incoming, "read_guarded", broken)
    with caplog.at_level(logging.ERROR):
        status, answer = server.send(bad.csv_bytes())
    assert status == 500
    assert "secret" not in answer["error"]
    error_id = re.search(r"under ([0-9a-f]{8})", answer["error"])[1]
    assert [record.error_id for record in caplog.records if hasattr(record, "error_id")] == [error_id]
    check_well(server, place)


def test_a_full_disk_is_no_health(server, place, monkeypatch):
    monkeypatch.setattr(routes.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    assert server.request("GET", "/health") == (503, {"status": "disk full"})


def test_what_a_killed_server_left_is_swept(server, place):
    (place / "incoming").mkdir(parents=True)
    old = place / "incoming" / ".old"
    old.touch()
    os.utime(old, (0, 0))
    server.send(b"a")
    assert not old.exists()


def wait_until(done, longest=10.0):
    pause = threading.Event()
    for _ in range(int(longest / 0.02)):
        if done():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come about")
