"""What closed pages held goes back to the system: not once for each, and not before the last of them is gone."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.memory import FreedMemory, system_trim


def trims(trim, *rounds):
    """How often memory had been given back after each round of pages that were closed."""
    counts = []

    async def visits(memory):
        for closed in rounds:
            for _ in range(closed):
                memory.page_closed(None)
            await asyncio.sleep(0.1)
            counts.append(len(given))

    given = []
    # In a thread: where a browser was driven before, this one has an event loop that runs.
    with ThreadPoolExecutor(1) as executor, ThreadPoolExecutor(1) as other:
        memory = FreedMemory(executor, trim and (lambda: given.append(trim())), pause=0.02)
        other.submit(lambda: asyncio.run(visits(memory))).result()
    return counts


def test_however_many_are_closed_together_the_first_and_the_last_of_them_are_waited_for():
    assert trims(lambda: 1, 1, 0, 5, 1) == [1, 1, 3, 4]


def test_a_system_that_knows_no_way_is_left_alone():
    assert trims(None, 3) == [0]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_the_system_gives_back():
    trim = system_trim()
    assert trim is None or trim() in (0, 1)
