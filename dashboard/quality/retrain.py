"""From a choice of stars to a running fit: what it will cost, and the one call that starts it."""

from collections.abc import Callable

import panel as pn

from core.config import Config
from core.errors import DeepPotentialError
from core.flow.halves import fewest_stars, shortage
from core.jobs.graph import estimated_seconds, plan
from core.jobs.machine import this_machine
from core.jobs.status import duration
from core.phase_space.region import Everything, Region
from core.runs.registry import Run
from dashboard.failures import notify
from dashboard.quality.subsets import SubsetPicker
from dashboard.services import Services
from dashboard.session import Session
from dashboard.widgets import grouped, text


def cost(config: Config, stars: int) -> str:
    """The expected duration on this machine, in words."""
    machine = this_machine()
    seconds = estimated_seconds(plan(config, stars, accelerated=machine.accelerated), config, machine)
    return f"about {duration(round(seconds, -1) if seconds > 60 else seconds)} on this machine"


class RetrainButton(pn.viewable.Viewer):
    """Fits the chosen subset of a run's stars with the run's own settings, in the background."""

    def __init__(
        self, session: Session, services: Services, run: Run, subsets: SubsetPicker, started: Callable[[Run], None]
    ):
        super().__init__()
        self.session, self.services, self.run, self.subsets, self._started = session, services, run, subsets, started
        self._button = pn.widgets.Button(color="primary", sizing_mode="stretch_width", margin=(8, 0, 2, 0))
        self._words = text()
        self._button.on_click(self._start)
        session.param.watch(lambda event: self._refresh(), "subset")
        self._refresh()

    @property
    def region(self) -> Region:
        """The chosen subset within the run's own region."""
        return self.run.manifest.region & self.session.region

    def _refresh(self) -> None:
        part = not isinstance(self.session.region, Everything)
        stars = self.subsets.stars.count(self.session.region)
        # Which stars belong to one orbit is not known here: creation asks again, and refuses in words.
        config = self.run.manifest.config
        lacking = shortage(stars, None, config.flow)
        self._button.label = "Retrain on this subset" if part else "Retrain on all stars"
        self._button.disabled = lacking is not None
        words = cost(config, stars)
        if lacking:
            needed = grouped(fewest_stars(config.flow))
            words = f"{grouped(stars)} stars are too few: {lacking.reason}. Choose {needed} or more."
        self._words.object = f'<span class="muted">{words}</span>'

    def _start(self, event: object) -> None:
        try:
            run = self.services.start_fit(
                self.services.catalogue(self.run),
                self.run.manifest.config,
                preset=self.run.manifest.preset,
                region=self.region,
                name=self._name(),
                parent=self.run.id,
            )
        except DeepPotentialError as error:
            notify(error)
            return
        self._started(run)

    def _name(self) -> str:
        return self.subsets.chosen if not isinstance(self.session.region, Everything) else self.run.manifest.name

    def __panel__(self) -> pn.Column:
        return pn.Column(self._button, self._words, sizing_mode="stretch_width", margin=0)
