"""Who guesses passwords waits ever longer, nobody else does; who has logged in may send files."""

import http.client
import json
from contextlib import closing
from urllib.parse import unquote_plus, urlencode, urlparse

import bad_files as bad
import pytest
from dashboard_server import DashboardServer

from core.commands.service import login
from dashboard.access.brake import Brake
from dashboard.upload import HEADER

ADA, BOB = ("192.0.2.2", "ada"), ("192.0.2.2", "bob")


def test_each_guess_beyond_a_few_doubles_the_wait_of_that_visitor_alone():
    now = [0.0]
    brake = Brake(lambda: now[0])
    waits = []
    for _ in range(12):
        waits.append(brake.wait(ADA))
        now[0] += waits[-1]
        assert brake.wait(ADA) == 0
        brake.wrong(ADA)
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert brake.wait(BOB) == brake.wait(("192.0.2.3", "ada")) == 0
    now[0] += 60
    brake.right(ADA)
    brake.wrong(ADA)
    assert brake.wait(ADA) == 0


def test_wrong_attempts_are_forgotten_in_the_end_and_take_no_room_for_ever():
    now = [0.0]
    brake = Brake(lambda: now[0])
    for _ in range(3):
        brake.wrong(ADA)
    assert brake.wait(ADA) == 1
    for number in range(10_000):
        brake.wrong(("192.0.2.4", str(number)))
    assert len(brake._wrong) == 10_000
    for _ in range(3):
        brake.wrong(BOB)
    now[0] += 4000
    brake.wrong(BOB)
    assert brake.wait(BOB) == 0


class Visitor:
    """A browser that keeps its cookies."""

    def __init__(self, url):
        self.address, self.cookies = urlparse(url).netloc, {}

    def ask(self, method, path, body=None, **headers):
        """Status, words or where one is sent."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with closing(http.client.HTTPConnection(self.address, timeout=60)) as connection:
            connection.request(method, path, body, {**headers, "Cookie": cookies})
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status, unquote_plus(answer.headers.get("Location") or answer.read().decode())

    def log_in(self, name, password):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", "/login", urlencode({"username": name, "password": password}), **form)[1]

    def send(self, body):
        return self.ask("POST", "/upload", body, **{"Origin": f"http://{self.address}", HEADER: "s.csv"})


@pytest.fixture
def server(tmp_path, monkeypatch):
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"ada": "correct horse", "bob": "battery staple"}))
    users.chmod(0o600)
    for name, value in login("127.0.0.1", users).items():
        monkeypatch.setenv(name, value)
    server = DashboardServer(tmp_path, ("--plugins", "dashboard.routes"))
    server.start()
    yield server
    server.stop()


def test_a_login_for_real(server, tmp_path):
    stranger, ada = Visitor(server.url), Visitor(server.url)
    assert stranger.ask("GET", "/app")[1].startswith("./login")
    assert stranger.send(bad.csv_bytes())[0] == 403
    for _ in range(3):
        assert "Invalid username or password" in stranger.log_in("ada", "correct house")
    assert "looked at in 1 s" in stranger.log_in("ada", "correct horse")
    assert stranger.ask("GET", "/app")[1].startswith("./login")
    assert ada.log_in("bob", "battery staple") == "/"
    status, answer = ada.send(bad.csv_bytes())
    assert status == 200
    assert (tmp_path / "data" / "catalogues" / json.loads(answer)["id"]).is_dir()
    assert ada.ask("GET", "/app")[0] == 200
    wanted = "/app?page=train&theme=dark"
    assert stranger.ask("GET", f"/login?{urlencode({'next': wanted})}")[0] == 200
    page = stranger.ask("GET", f"/login?{urlencode({'error': '<b>wrong</b>'})}")[1]
    assert "<b>wrong" not in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")  # nothing is asked of another machine
    assert stranger.log_in("bob", "battery staple") == wanted  # a wrong word on the way loses nothing
    assert server.failures == []
