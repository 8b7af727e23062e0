"""A task being executed, as its stage sees it."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.catalog.resolve import open_catalogue
from core.phase_space.axisymmetry import axisymmetrised
from core.phase_space.bootstrap import bootstrapped
from core.phase_space.sample import PhaseSpaceSample
from core.pipelines import BOOTSTRAP, NULL, OBSERVATIONAL_NOISE
from core.runs.artifacts import sealed
from core.runs.manifest import TaskSpec
from core.runs.registry import Run


@dataclass(frozen=True)
class Task:
    """A task being executed: its run, its specification, its directory, and where it reports progress.

    ``report(fraction, **values)`` adds a line to the task's progress.
    """

    run: Run
    spec: TaskSpec
    directory: Path
    report: Callable[..., None]

    def seed(self, *words: object) -> int:
        """A seed for the thing called ``words``, derived from the seed of the run."""
        label = zlib.crc32(" ".join(map(str, words)).encode())
        return int(np.random.SeedSequence([self.run.manifest.config.seed, label]).generate_state(1)[0] >> 1)

    @property
    def fingerprint(self) -> str:
        """What a state must come from to be gone on with: the same stars, region and settings."""
        values = self.run.manifest.to_json()
        decisive = sealed({key: values[key] for key in ("schema", "catalogue", "region", "config")})
        return str(decisive["sha256"])

    def stars(self, pipeline: str, draw: int = 0) -> PhaseSpaceSample:
        """The stars of the run as the flows of a pipeline see them, in one of its draws."""
        manifest = self.run.manifest
        sun, catalogue = manifest.config.solar, open_catalogue(manifest.catalogue.id)
        rng = np.random.default_rng(self.seed("stars", pipeline, draw))
        if pipeline == OBSERVATIONAL_NOISE:
            return catalogue.resampled(rng, manifest.region, sun)
        stars = catalogue.sample(manifest.region, sun)
        if pipeline == NULL:
            return axisymmetrised(rng, stars, sun)
        return bootstrapped(rng, stars) if pipeline == BOOTSTRAP else stars
