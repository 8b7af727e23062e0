"""What closed pages held goes back to the system: once for all that were closed together, and again for later ones."""

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
    with ThreadPoolExecutor(1) as executor:
        asyncio.run(visits(FreedMemory(executor, trim and (lambda: given.append(trim())), pause=0.02)))
    return counts


def test_pages_that_are_closed_together_are_one_reason():
    assert trims(lambda: 1, 5, 0, 1) == [1, 1, 2]


def test_a_system_that_knows_no_way_is_left_alone():
    assert trims(None, 3) == [0]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_the_system_gives_back():
    trim = system_trim()
    assert trim is None or trim() in (0, 1)
