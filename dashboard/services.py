"""What all sessions of a server share: runs and catalogues on disk, their columns, and two threads to compute in.

Caches are bounded and keyed by content, so they are never wrong, only cold. Nothing here belongs to a session.
"""

from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from core.array_types import PerStar
from core.catalog.catalogue import Catalogue
from core.catalog.resolve import demo_catalogues, open_catalogue
from core.catalog.store import CatalogueStore
from core.config import Config
from core.diagnostics.averaging import Averaging
from core.diagnostics.comparison import shared_stars
from core.diagnostics.profiles import Profile
from core.diagnostics.reliability import Reliability
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.slices import Slicer
from core.errors import DeepPotentialError, UnknownRunError
from core.jobs.creation import create_fit
from core.jobs.giving_way import ask_way
from core.jobs.launch import launch_detached
from core.jobs.status import GOING, run_status
from core.phase_space.region import Everything, Region
from core.phase_space.solar_position import SolarPosition
from core.runs import readings
from core.runs.registry import Run, find_run, list_runs
from core.runs.star_files import FLOW_SAMPLE, read_stars
from dashboard.cache import BoundedCache
from dashboard.counting.mapped_stars import MappedPhaseSpace
from dashboard.counting.stars import Stars
from dashboard.memory import FreedMemory, system_trim


class Services:
    """Runs, catalogues and computing for all sessions; ``root`` is the directory of the user's runs."""

    def __init__(self, root: Path, store: CatalogueStore):
        self.root, self.store = root, store
        self.executor = ThreadPoolExecutor(2, thread_name_prefix="compute")
        self.memory = FreedMemory(self.executor, system_trim())
        self._cache = BoundedCache(2**30)
        self._selections = BoundedCache(2**27, most=64)
        self._runs: dict[Path, Run] = {}
        self._started: dict[Hashable, Run] = {}

    def ask_way(self) -> None:
        """A visitor waits for a picture: trainings on this machine leave it the processor for a moment."""
        ask_way(self.root)

    def runs(self) -> list[Run]:
        """All runs, newest first, the demonstration last; a run once opened keeps its opened products."""
        return [self._runs.setdefault(run.path, run) for run in list_runs(self.root)]

    def offered(self, *chosen: str) -> list[Run]:
        """The runs to choose among: those that are not archived, and the ``chosen`` ones, by directory name or id."""
        return [run for run in self.runs() if not run.archived or {run.path.name, run.id} & {*chosen}]

    def run(self, name: str) -> Run:
        """The run of that directory name, id or name; UnknownRunError otherwise."""
        for run in self.runs():
            if name in (run.path.name, run.id):
                return run
        return find_run(name, self.root)

    def default_run(self) -> Run:
        """What a first visitor sees: the newest run with products, else UnknownRunError."""
        for run in self.offered():
            if run.has(FLOW_SAMPLE):
                return run
        raise UnknownRunError("there are no runs yet", remedy="Start one on the page Train.")

    def parent(self, run: Run) -> Run | None:
        """The run whose subset this one was fitted to, where there is one and it is still there."""
        return next((other for other in self.runs() if other.id == run.manifest.parent), None)

    def shared_stars(self, run: Run, other: Run) -> int:
        """How many stars both runs were fitted to."""
        data = self.data(run), self.data(other)
        make = lambda: shared_stars(*(np.asarray(stars.w) for stars in data))  # noqa: E731
        return self._cache.get(("shared", data[0].key, data[1].key), make, lambda count: 8)

    def catalogues(self) -> list[Catalogue]:
        """The stored catalogues, newest first, and the demonstration ones; what cannot be read is left out."""
        found = {c.id: c for c in self.store.list()}
        for key in demo_catalogues():
            with suppress(
                DeepPotentialError
            ):  # a damaged copy must not hide the others; a run of it says what is wrong
                found.setdefault(key, open_catalogue(key, self.store))
        return list(found.values())

    def catalogue(self, run: Run) -> Catalogue:
        """The catalogue of a run."""
        return open_catalogue(run.manifest.catalogue.id, self.store)

    def data(self, run: Run) -> Stars:
        """The stars that a run was fitted to."""
        manifest = run.manifest
        # Not the words for the region, which many a lasso shares; and columns depend on the Sun's place.
        key = ("data", manifest.catalogue.id, manifest.region, manifest.config.solar)
        read = lambda: _data(self.catalogue(run), manifest.region, manifest.config.solar)  # noqa: E731
        return self._stars(key, run, read)

    def flow_sample(self, run: Run) -> Stars:
        """The stars drawn from a run's flow; UnknownRunError where there are none yet."""
        if not run.has(FLOW_SAMPLE):
            raise UnknownRunError(f"run {run.manifest.name!r} has not drawn its sample yet")
        read = lambda: (read_stars(run.products / FLOW_SAMPLE), None)  # noqa: E731
        return self._stars(("flow", run.id), run, read)

    def start_fit(
        self, catalogue: Catalogue, config: Config, *, preset: str, region: Region, name: str, parent: str | None = None
    ) -> Run:
        """Create a run and start its runner as a process that outlives this server.

        Asked again for a fit that has just been started, as by a double click, it gives that one.
        """
        asked = (catalogue.id, config, region, name, parent)
        going = self._started.get(asked)
        if going is not None and going.path.is_dir() and run_status(going).state in ("waiting", *GOING):
            return going
        run = create_fit(
            catalogue,
            config,
            root=self.root,
            preset_name=preset,
            region=region,
            name=name,
            parent=parent,
            command=["dashboard"],
        )
        launch_detached(run)
        self._started[asked] = run
        return run

    def slicer(self, run: Run) -> Slicer:
        """What evaluates slices of a run; UnknownRunError where it has no potentials yet."""
        return readings.slicer(run, self.catalogue(run))

    def reliability(self, run: Run) -> Reliability:
        """What judges places of a run, by the uncertainty pipelines that it has by now."""
        key = ("reliability", run.path, *readings.measured_pipelines(run))
        return self._cache.get(key, lambda: readings.reliability(run), lambda made: 10_000_000)

    def profiles(self, run: Run) -> tuple[Profile, ...]:
        """The profiles of a run in the uncertainty pipelines that it has by now."""
        key = ("profiles", run.path, *readings.measured_pipelines(run))
        make = lambda: readings.profiles(run, self.catalogue(run))  # noqa: E731
        return self._cache.get(key, make, lambda made: 10_000 * len(made))

    def scalars_within(self, run: Run, config: Config, region: Region) -> Mapping[str, ScalarDraws]:
        """The scalars of a run by name, averaged as ``config`` says within ``region``."""
        key = ("scalars", run.path, *readings.measured_pipelines(run), config, region)
        make = lambda: readings.scalars_within(run, self.catalogue(run), config, region)  # noqa: E731
        return {scalar.name: scalar for scalar in self._cache.get(key, make, lambda made: 10_000 * len(made))}

    def scalars(self, run: Run, averaging: Averaging) -> dict[str, Any]:
        """The scalars of a run averaged anew from its potentials; the run itself is not touched."""
        catalogue = self.catalogue(run) if run.manifest.catalogue.synthetic else None
        make = lambda: readings.scalars(run, catalogue, averaging)  # noqa: E731
        key = ("scalars", run.path, *readings.measured_pipelines(run), str(averaging.to_json()))
        return self._cache.get(key, make, lambda made: 100_000 * len(made))

    def prepare(self, run: Run) -> None:
        """Compile what the scalars need, so that the first that are asked for come as fast as the next."""
        # What cannot be read is said where it is asked for.
        with suppress(DeepPotentialError):
            self.scalars(run, Averaging())

    def _stars(self, key: Hashable, run: Run, read: Callable[[], tuple[Any, PerStar | None]]) -> Stars:
        """The stars that ``read`` gives with their weights, made once."""

        def make() -> Stars:
            w, weight = read()
            weight = None if weight is None else np.asarray(weight / np.mean(weight), np.float32)
            return Stars(key, w, run.manifest.config.solar, self._cache, weight, self._selections)

        return self._cache.get((key, "stars"), make, lambda stars: stars.w.nbytes)


def _data(catalogue: Catalogue, region: Region, sun: SolarPosition) -> tuple[Any, PerStar | None]:
    """w and weights of the stars of a catalogue inside a region."""
    if isinstance(region, Everything):
        weighted = catalogue.has("selection_weight")
        return MappedPhaseSpace(catalogue), catalogue.column("selection_weight") if weighted else None
    sample = catalogue.sample(region, sun)
    return np.asfortranarray(sample.w), sample.weight  # so that columns need no copy
