"""The phase space of a stored catalogue, read where it is used: columns that nobody looks at take no memory."""

from typing import Any

import numpy as np

from core.array_types import PerStar, PhaseSpace
from core.catalog.catalogue import Catalogue
from core.catalog.quantities import CARTESIAN


class MappedPhaseSpace:
    """Looks like the ``w`` of a catalogue; a column is mapped when it is asked for, and let go with the last view."""

    def __init__(self, catalogue: Catalogue):
        self._catalogue = catalogue

    def __len__(self) -> int:
        return len(self._catalogue)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes itself."""
        return 0

    def __getitem__(self, place: tuple[Any, Any]) -> Any:
        rows, column = place
        values: PerStar = np.asarray(self._catalogue.column(CARTESIAN[column]))
        return values[rows]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> PhaseSpace:
        return np.stack([self[:, i] for i in range(len(CARTESIAN))], 1).astype(dtype or np.float32, copy=False)
