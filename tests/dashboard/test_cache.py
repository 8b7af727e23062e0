"""A cache is bounded and never wrong, whoever asks."""

import threading

import numpy as np
import pytest

from dashboard.cache import BoundedCache


def fill(cache, key, size=10):
    made = []
    value = cache.get(key, lambda: made.append(key) or f"value of {key}", lambda value: size)
    assert value == f"value of {key}"
    return bool(made)


def test_a_value_is_made_once_while_there_is_room():
    cache = BoundedCache(30)
    assert [fill(cache, key) for key in "abcabc"] == [True, True, True, False, False, False]


def test_the_least_recently_used_goes_first():
    cache = BoundedCache(30)
    for key in "abcad":
        fill(cache, key)
    assert [fill(cache, key) for key in "acd"] == [False, False, False]  # a was used after b
    assert fill(cache, "b")


def test_the_sizes_kept_never_exceed_the_limit_unless_one_value_does():
    cache = BoundedCache(100)
    for key, size in enumerate(np.random.default_rng(0).integers(1, 60, 200).tolist()):
        fill(cache, key, size)
        kept = [size for _, size in cache._values.values()]
        assert sum(kept) == cache._size <= 100
    fill(cache, "huge", 1000)
    assert list(cache._values) == ["huge"]
    assert not fill(cache, "huge", 1000)
    assert fill(cache, "small", 1)
    assert list(cache._values) == ["small"]


def test_many_threads_find_what_they_ask_for_and_the_books_are_right():
    cache, wrong = BoundedCache(50), []

    def work(seed):
        for key in np.random.default_rng(seed).integers(0, 12, 500).tolist():
            if cache.get(key, lambda key=key: 2 * key, lambda value: 10) != 2 * key:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache._size == 10 * len(cache._values) <= 50


def test_what_cannot_be_made_is_not_kept():
    cache = BoundedCache(30)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0, lambda value: 1)
    assert fill(cache, "a")


def test_the_number_of_values_is_bounded_too():
    cache = BoundedCache(1000, most=3)
    for key in "abcd":
        fill(cache, key, 0)
    assert list(cache._values) == ["b", "c", "d"]


def test_what_is_being_made_is_waited_for():
    cache, begun, go_on, made = BoundedCache(30), threading.Event(), threading.Event(), []

    def make():
        made.append(1)
        begun.set()
        go_on.wait(10)
        return "value"

    first, second = (threading.Thread(target=cache.get, args=("a", make, len)) for _ in range(2))
    first.start()
    begun.wait(10)
    second.start()
    assert fill(cache, "b")  # others do not wait
    go_on.set()
    first.join()
    second.join()
    assert made == [1]


def test_who_waited_for_what_could_not_be_made_tries_it():
    cache = BoundedCache(30)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0, lambda value: 1)
    assert not cache._making
    assert fill(cache, "a")
