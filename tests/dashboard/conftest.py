"""What a server has, without one: a place for runs and catalogues, and finished runs with small products."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from finished_runs import finish_run, write_products
from panel.io.notifications import NotificationArea
from panel.io.state import state

from core.catalog import resolve
from core.catalog.store import CatalogueStore
from core.runs import registry
from core.runs.registry import Run
from dashboard.services import Services
from dashboard.widgets import Latest

FinishedRun = Callable[..., Run]


@pytest.fixture(scope="session")
def products(tmp_path_factory) -> Path:
    """Two flows that were never trained, and two potentials: files that only have to be read."""
    place = tmp_path_factory.mktemp("products")
    write_products(place)
    return place


@pytest.fixture
def services(tmp_path, monkeypatch) -> Iterator[Services]:
    """Runs and catalogues in a place of their own, without the demonstration."""
    monkeypatch.setattr(registry, "EMBEDDED_RUNS", tmp_path / "embedded")
    monkeypatch.setattr(resolve, "DEMO", tmp_path / "embedded")
    services = Services(tmp_path / "runs", CatalogueStore(tmp_path / "data"))
    yield services
    services.executor.shutdown()


@pytest.fixture
def finished_run(services, products) -> FinishedRun:
    """``finished_run(name, run_id, region, **changes)``: a run of stars in a ball, with all that the pages show."""

    def make(*arguments: object, **named: object) -> Run:
        return finish_run(services.root, services.store.root, products, *arguments, **named)

    return make


@pytest.fixture
def notifications(monkeypatch) -> list[object]:
    """What the page tells in its corner."""
    area = NotificationArea()
    monkeypatch.setattr(state, "_notification", area)
    return area.notifications


@pytest.fixture
def idle(monkeypatch) -> list[Callable[[], object]]:
    """Nothing is computed in threads: the list holds what would have been."""
    asked: list[Callable[[], object]] = []
    monkeypatch.setattr(Latest, "request", lambda self, compute, **pause: asked.append(compute))
    return asked
