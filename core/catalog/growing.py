"""A column that grows at its end: a table is read in chunks, and no memory holds its stars twice."""

import numpy as np


class GrowingColumn:
    """Values of one ``dtype`` to which more are added."""

    def __init__(self, dtype: np.dtype):
        self._values, self._length = np.empty(0, dtype), 0

    def append(self, values: np.ndarray) -> None:
        """Take a copy of further values."""
        end = self._length + len(values)
        if end > len(self._values):
            # The system moves the pages of a large array where it can; an eighth to spare keeps copies few elsewhere.
            self._values.resize(end + end // 8, refcheck=False)
        self._values[self._length : end] = values
        self._length = end

    def whole(self) -> np.ndarray:
        """All values; none may be added after that."""
        self._values.resize(self._length, refcheck=False)
        return self._values
