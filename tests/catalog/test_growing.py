"""A growing column is what its pieces are, joined, and its memory is not twice theirs."""

import tracemalloc

import numpy as np
import pytest

from core.catalog.growing import GrowingColumn


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i2"])
@pytest.mark.parametrize("lengths", [[], [0], [3], [0, 1, 0, 7, 100, 2], [50] * 40])
def test_a_column_is_what_its_pieces_are(lengths, dtype):
    pieces = [np.random.default_rng(i).integers(-9, 9, n).astype(dtype) for i, n in enumerate(lengths)]
    column = GrowingColumn(np.dtype(dtype))
    for piece in pieces:
        column.append(piece)
    whole = column.whole()
    assert whole.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(whole, np.concatenate([np.empty(0, dtype), *pieces]))


def test_a_column_takes_little_more_memory_than_its_values():
    column, piece = GrowingColumn(np.dtype(float)), np.ones(10_000)
    tracemalloc.start()
    try:
        for _ in range(300):
            column.append(piece)
        assert tracemalloc.get_traced_memory()[1] < 1.2 * 300 * piece.nbytes
        column.whole()
        assert tracemalloc.get_traced_memory()[0] < 1.01 * 300 * piece.nbytes
    finally:
        tracemalloc.stop()
