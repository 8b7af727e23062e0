"""Train: choose stars, size and settings, start a fit, follow it, and find every run again."""

import html
from collections.abc import Callable

import panel as pn

from core.config import PRESETS, Config
from core.errors import DeepPotentialError
from core.flow.halves import shortage
from core.jobs.creation import fit_config
from core.jobs.status import GOING, run_status
from core.phase_space.region import Everything, Region
from core.runs.registry import Run
from dashboard.failures import notify
from dashboard.forms import ConfigForm
from dashboard.quality.retrain import cost
from dashboard.runs.parent_link import WithParent, alone
from dashboard.runs.run_list import RunList
from dashboard.runs.run_monitor import RunMonitor
from dashboard.services import Services
from dashboard.session import Session
from dashboard.upload import CatalogueUpload, is_offered
from dashboard.widgets import caption, grouped, text

_ALL = "all stars"


class Retraining(pn.viewable.Viewer):
    """The page."""

    def __init__(
        self,
        session: Session,
        services: Services,
        open_run: Callable[[Run], None],
        with_parent: WithParent = alone,
    ):
        super().__init__()
        self.session, self.services = session, services
        self._catalogues = {c.id: c for c in services.catalogues()}
        fill = {"sizing_mode": "stretch_width", "margin": (2, 0, 6, 0)}
        self._catalogue = pn.widgets.Select(label="catalogue", options=self._options(), **fill)
        self._upload = CatalogueUpload(sizing_mode="stretch_width", margin=(2, 0, 6, 0), visible=is_offered())
        self._upload.param.watch(lambda event: self._arrived(event.new), "stored")
        self._subset = pn.widgets.Select(label="subset", options=self._subsets(), **fill)
        self._preset = pn.widgets.RadioButtonGroup(options=list(PRESETS), value="quick", **fill)
        self._frame = pn.widgets.Select(
            label="frame", options={"rotating, Ωp free": "rotating", "inertial": "inertial"}, **fill
        )
        self._name = pn.widgets.TextInput(label="name of the run", placeholder="the catalogue's", **fill)
        self._start = pn.widgets.Button(
            label="Start", color="primary", sizing_mode="stretch_width", margin=(8, 0, 2, 0)
        )
        self._cost = text()
        self._form = ConfigForm(Config(), self._refresh)
        self.monitor = RunMonitor(session, self._finished, curves=True, with_parent=with_parent)
        self.runs = RunList(
            session,
            services,
            open_run=open_run,
            follow=self.monitor.follow,
            with_parent=with_parent,
            deleted=self._deleted,
        )
        for w in (self._catalogue, self._preset, self._frame):
            w.param.watch(lambda event: self._adopt(), "value")
        self._subset.param.watch(lambda event: self._refresh(), "value")
        self._start.on_click(self._started)
        if self._catalogues:
            self._preselect()
            self._adopt()

    def controls(self) -> list[pn.viewable.Viewable]:
        """The form of a new run, for the rail."""
        command = "<code>deep-potential ingest FILE</code>"
        words = f"On the server: {command}. From here:" if is_offered() else f"On the server: {command}."
        add = [caption("Add a catalogue"), text(f'<span class="muted">{words}</span>'), self._upload]
        if not self._catalogues:
            return [caption("New run"), text("No catalogue is stored yet."), *add]
        size = text('<span class="muted">size</span>', margin=0)
        settings = [self._catalogue, self._subset, size, self._preset, self._frame, self._name, self._form]
        return [caption("New run"), *settings, self._start, self._cost, *add]

    def _options(self) -> dict[str, str]:
        return {f"{c.name} · {grouped(len(c))}": key for key, c in self._catalogues.items()}

    def _arrived(self, key: str) -> None:
        """Choose the catalogue that was just sent."""
        first = not self._catalogues
        self._catalogues = {c.id: c for c in self.services.catalogues()}
        self._catalogue.param.update(options=self._options(), value=key)
        if first and pn.state.location is not None:
            pn.state.location.reload = True  # the form was left out for want of stars

    def _subsets(self) -> dict[str, str]:
        return {name: name for name in (_ALL, *self.session.offered)}

    def _region(self) -> Region:
        if self._subset.value == _ALL:
            return Everything()
        return self.session.offered[self._subset.value]

    def _preselect(self) -> None:
        """The catalogue and subset of the run that is looked at."""
        chosen = self.session.region
        self._subset.value = next((name for name, region in self.session.offered.items() if region == chosen), _ALL)
        try:
            run = self.services.run(self.session.run) if self.session.run else self.services.default_run()
        except DeepPotentialError:
            return
        if run.manifest.catalogue.id in self._catalogues:
            self._catalogue.value = run.manifest.catalogue.id

    def _adopt(self) -> None:
        """Another catalogue, size or frame: the settings start over from it."""
        self._form.adopt(
            fit_config(self._catalogues[self._catalogue.value], self._preset.value, frame=self._frame.value)
        )
        self._refresh()

    def _config(self) -> Config:
        catalogue = self._catalogues[self._catalogue.value]
        return fit_config(catalogue, self._preset.value, overrides=self._form.overrides, frame=self._frame.value)

    def _refresh(self) -> None:
        try:
            config = self._config()
            sample = self._catalogues[self._catalogue.value].sample(self._region(), config.solar)
            stars, lacking = len(sample), shortage(len(sample), sample.group, config.flow)
            words = f"too few: {lacking.reason}. {lacking.remedy}" if lacking else cost(config, stars)
            words, self._start.disabled = f"{grouped(stars)} stars, {words}", lacking is not None
        except DeepPotentialError as error:
            words, self._start.disabled = str(error), True
        self._cost.object = f'<span class="muted">{html.escape(words)}</span>'

    def _started(self, event: object) -> None:
        catalogue = self._catalogues[self._catalogue.value]
        region = self._region()
        own = catalogue.name if isinstance(region, Everything) else self._subset.value
        name = self._name.value.strip() or own
        try:
            config = self._config()
            run = self.services.start_fit(catalogue, config, preset=self._preset.value, region=region, name=name)
        except DeepPotentialError as error:
            notify(error)
            return
        self.monitor.follow(run)
        self.runs.refresh()

    def _finished(self, run: Run) -> None:
        self.runs.refresh()
        if pn.state.notifications is not None:
            pn.state.notifications.success(f"Run {run.manifest.name} is done.", duration=6000)

    def _deleted(self, run: Run) -> None:
        """Let go of a run that went to the trash."""
        if self.session.run == run.path.name:
            self.session.run = ""

    def follow_newest(self) -> None:
        """Show the run that is going on, else the one that is looked at."""
        runs = self.services.offered()
        going = [run for run in runs if run_status(run).state in GOING]
        looked_at = [run for run in runs if run.path.name == self.session.run]
        for run in (*going, *looked_at, *runs)[:1]:
            self.monitor.follow(run)

    def __panel__(self) -> pn.Column:
        return pn.Column(self.monitor, self.runs, sizing_mode="stretch_width", margin=0)
