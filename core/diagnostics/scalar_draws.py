"""A scalar with its draws in every uncertainty pipeline, its error, and its entry in ``scalars.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.array_types import PerStar
from core.diagnostics.quantities import DARK_MATTER
from core.errors import CorruptArtifactError
from core.pipelines import RESAMPLED, UNCERTAINTIES
from core.units import GEV_CM3_PER_MSUN_PC3


@dataclass(frozen=True)
class ScalarDraws:
    """A scalar with its draws in every uncertainty pipeline; ``best`` is the median over the potential seeds.

    Of the dark matter, ``baryons`` says what was subtracted: model, source, density and error [Msun/pc³].
    """

    name: str
    label: str
    unit: str
    volume: str
    best: float
    pipelines: Mapping[str, PerStar]
    truth: float | None = None
    baryons: Mapping[str, Any] | None = None

    def interval(self, pipeline: str) -> tuple[float, float, float]:
        """16th percentile, median and 84th percentile of a pipeline's draws."""
        low, median, high = np.percentile(self.pipelines[pipeline], [16, 50, 84])
        return float(low), float(median), float(high)

    def shift(self, pipeline: str) -> float:
        """By how much the median of a pipeline's draws is off the best estimate.

        Draws of other stars are to the stars what these are to the Galaxy: what moves all of them alike, noise in the
        scores and the smoothness of the flows, has moved the best estimate as well.
        """
        return self.interval(pipeline)[1] - self.best

    @property
    def errors(self) -> dict[str, float]:
        """Half of the 16–84 % range in every pipeline that measures an uncertainty; with the shift if resampled."""
        found = {}
        for name in UNCERTAINTIES:
            if len(self.pipelines.get(name, ())) > 1:
                low, _, high = self.interval(name)
                found[name] = float(np.hypot((high - low) / 2, self.shift(name) if name in RESAMPLED else 0.0))
        return found

    @property
    def error(self) -> float | None:
        """All uncertainties together, in quadrature; None where no pipeline has two draws."""
        errors = self.errors
        return float(np.sqrt(sum(e**2 for e in errors.values()))) if errors else None

    def to_json(self) -> dict[str, Any]:
        """The entry of ``scalars.json`` (INTERFACES 3)."""
        pipelines = {}
        for name, draws in self.pipelines.items():
            low, median, high = self.interval(name)
            pipelines[name] = {"draws": [float(d) for d in draws], "median": median, "low": low, "high": high}
        return {
            "label": self.label,
            "unit": self.unit,
            "volume": self.volume,
            "best": self.best,
            "truth": self.truth,
            "error": self.error,
            "pipelines": pipelines,
        } | self._in_particle_units()

    def _in_particle_units(self) -> dict[str, Any]:
        """Best estimate and error of the dark matter as an energy density [GeV/cm³]."""
        if self.name.partition("@")[0] not in DARK_MATTER.values():
            return {}
        error = None if self.error is None else self.error * GEV_CM3_PER_MSUN_PC3
        found: dict[str, Any] = {"gev_per_cm3": {"best": self.best * GEV_CM3_PER_MSUN_PC3, "error": error}}
        return found if self.baryons is None else {**found, "baryons": dict(self.baryons)}


def from_json(name: str, entry: Mapping[str, Any]) -> ScalarDraws:
    """The scalar that ``to_json`` wrote; CorruptArtifactError where the entry is not whole."""
    try:
        draws = {pipeline: np.array(p["draws"], float) for pipeline, p in entry["pipelines"].items()}
        words = entry["label"], entry["unit"], entry["volume"]
        return ScalarDraws(name, *words, entry["best"], draws, entry.get("truth"), entry.get("baryons"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CorruptArtifactError(f"the scalar {name} is damaged: {error!r}") from error
