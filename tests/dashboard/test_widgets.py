"""Numbers as a reader expects them, and work in threads of which only the latest counts."""

import asyncio
import html
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import panel as pn
import pytest
from panel.io.state import state

from core.errors import RegionError
from dashboard.failures import notify
from dashboard.widgets import Latest, Together, card, empty, facts, grouped, later, number


def in_a_loop(story):
    """Run a coroutine in a thread of its own: where browser tests ran before, this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, story()).result()


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (0.0, 3, "0"),
        (-0.5, 3, "−0.5"),
        (3.14159, 3, "3.14"),
        (3.14159, 5, "3.1416"),
        (-15.157, 5, "−15.157"),
        (1e-7, 3, "1e−07"),
        (123.4, 2, "123"),
        (99.7, 2, "100"),
        (999.4, 3, "999"),
        (999.7, 3, "1\u202f000"),
        (1000, 3, "1\u202f000"),
        (-1234567, 3, "−1\u202f234\u202f567"),
        (1234.5, 3, "1\u202f234"),
        (float("nan"), 3, "–"),
        (float("-inf"), 3, "−inf"),
    ],
)
def test_numbers_have_a_minus_sign_and_thin_spaces(value, digits, words):
    assert number(value, digits) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0"), (999, "999"), (1000, "1\u202f000"), (5_600_000, "5\u202f600\u202f000")]
)
def test_counts_are_grouped(count, words):
    assert grouped(count) == words


def test_names_and_words_are_text_and_values_may_be_markup():
    assert facts({"a < b": "<strong>5</strong>"}) == (
        '<dl class="facts"><dt>a &lt; b</dt><dd><strong>5</strong></dd></dl>'
    )
    assert html.escape("no <runs>") in empty("no <runs>", "do & be").object


def test_a_card_says_how_it_shares_a_row():
    shared = card(pn.pane.HTML("x"), flex="1 1 300px", visible=False)
    assert shared.styles["flex"] == "1 1 300px"
    assert not shared.visible
    assert "flex" not in card().styles


class Work:
    """Computations that wait until they are let go."""

    def __init__(self):
        self.begun: list[str] = []
        self._gates: dict[str, threading.Event] = {}

    def __call__(self, name, error=None):
        self._gates[name] = threading.Event()
        return later(self._compute, name, error)

    def _compute(self, name, error):
        self.begun.append(name)
        assert self._gates[name].wait(10)
        if error is not None:
            raise error
        return name

    def let_go(self, name):
        self._gates[name].set()


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it took too long")


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def shown():
    return []


@pytest.fixture
def latest(services, shown):
    return Latest(services, shown.append)


def test_a_result_is_applied(latest, work, shown):
    async def story():
        for name in ("a", "b"):
            latest.request(work(name))
            work.let_go(name)
            await until(lambda name=name: shown[-1:] == [name])

    in_a_loop(story)
    assert shown == ["a", "b"]


def test_a_live_part_shows_what_was_under_way_too(services, work, shown):
    latest = Latest(services, shown.append, live=True)

    async def story():
        for name in "abc":
            latest.request(work(name))
            if name == "a":
                await until(lambda: work.begun == ["a"])
        work.let_go("a")
        await until(lambda: shown == ["a"])
        work.let_go("c")
        await until(lambda: shown == ["a", "c"])

    in_a_loop(story)
    assert work.begun == ["a", "c"]


def test_what_waits_for_a_pause_gives_way_to_what_is_asked_meanwhile(latest, work, shown):
    async def story():
        latest.request(work("patient"), pause=30.0)
        await asyncio.sleep(0.05)
        assert work.begun == []
        latest.request(work("a"))
        work.let_go("a")
        await until(lambda: shown == ["a"])
        latest.request(work("rested"), pause=0.05)
        work.let_go("rested")
        await until(lambda: shown == ["a", "rested"])

    in_a_loop(story)
    assert work.begun == ["a", "rested"]


def test_only_the_latest_of_many_requests_is_applied_and_those_between_are_not_computed(latest, work, shown):
    async def story():
        for name in "abcd":
            latest.request(work(name))
            if name == "a":
                await until(lambda: work.begun == ["a"])
        work.let_go("a")
        await until(lambda: work.begun == ["a", "d"])
        work.let_go("d")
        await until(lambda: shown)
        latest.request(work("e"))
        work.let_go("e")
        await until(lambda: len(shown) == 2)

    in_a_loop(story)
    assert shown == ["d", "e"]
    assert work.begun == ["a", "d", "e"]


def test_an_error_of_ours_is_notified_and_the_next_request_works(latest, work, shown, notifications):
    async def story():
        latest.request(work("a", RegionError("no such thing")))
        work.let_go("a")
        await until(lambda: notifications)
        latest.request(work("b"))
        work.let_go("b")
        await until(lambda: shown)

    in_a_loop(story)
    assert [n.message for n in notifications] == ["no such thing"]
    assert shown == ["b"]


def test_an_error_of_what_is_no_longer_wanted_is_nobodys_business(latest, work, shown, notifications):
    async def story():
        latest.request(work("a", RegionError("no such thing")))
        await until(lambda: work.begun)
        latest.request(work("b"))
        work.let_go("a")
        work.let_go("b")
        await until(lambda: shown)

    in_a_loop(story)
    assert not notifications
    assert shown == ["b"]


def test_any_other_error_is_told_by_an_id_and_what_was_asked_meanwhile_is_done(
    latest, work, shown, notifications, monkeypatch, caplog
):
    """As Panel runs coroutines on a page: with the page's handler of errors."""

    def execute(self, callback, schedule="auto"):
        async def handled():
            try:
                await callback()
            except Exception as error:  # noqa: BLE001
                notify(error)

        if asyncio.iscoroutinefunction(callback):
            tasks.append(asyncio.ensure_future(handled()))
        else:
            callback()

    tasks = []
    monkeypatch.setattr(type(state), "execute", execute)

    async def story():
        latest.request(work("a", KeyError("secret")))
        await until(lambda: work.begun)
        latest.request(work("b"))
        work.let_go("a")
        work.let_go("b")
        await until(lambda: shown)
        latest.request(work("c"))
        work.let_go("c")
        await until(lambda: len(shown) == 2)
        await asyncio.gather(*tasks)

    with caplog.at_level(logging.ERROR):
        in_a_loop(story)
    assert shown == ["b", "c"]
    assert len(notifications) == 1
    assert "secret" not in notifications[0].message
    assert caplog.records[0].message.split()[-1] in notifications[0].message


@pytest.mark.parametrize("context", [None, SimpleNamespace(destroyed=True), SimpleNamespace(destroyed=False)])
def test_what_arrives_after_the_visitor_has_left_is_dropped(latest, shown, context):
    """The models of a closed page have lost their values: nothing can be drawn in them."""
    latest._document = SimpleNamespace(session_context=context)
    latest._show(0, "a")
    assert shown == (["a"] if context and not context.destroyed else [])


@pytest.mark.parametrize("last", ["shown", "refused"])
def test_parts_that_are_shown_together_wait_for_the_slowest_of_them(last, services, work, shown, notifications):
    """Also where the slowest has nothing to show."""
    together = Together(lambda: shown.append("all"))
    parts = [Latest(services, shown.append, together=together) for _ in range(2)]
    error = RegionError("no such thing") if last == "refused" else None

    async def story():
        for part, name, failure in zip(parts, "ab", (None, error), strict=True):
            part.request(work(name, failure))
        work.let_go("a")
        await until(lambda: work.begun == ["a", "b"])
        await asyncio.sleep(0.05)
        assert shown == []
        work.let_go("b")
        await until(lambda: "all" in shown)

    in_a_loop(story)
    assert shown == (["a", "all"] if error else ["a", "b", "all"])
    assert len(notifications) == bool(error)
