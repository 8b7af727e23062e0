"""Where the scalars are averaged and what is subtracted: drawn, edited, and averaged anew from the run's potentials.

The choice lives in the session, so in the address; each widget changes its own part of it and nothing else.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import panel as pn
import param

from core.baryons.choice import KEY, chosen_model
from core.baryons.literature import LITERATURE
from core.baryons.model import MIDPLANE
from core.diagnostics.averaging import PREFIX, Averaging, from_json
from core.diagnostics.volumes import Outlines, own_volume
from core.errors import DeepPotentialError, RegionError
from core.runs import readings
from core.runs.registry import Run
from core.settings import settings
from dashboard.failures import alert, notify
from dashboard.forms import widget
from dashboard.plots.volumes import legend, volume_sketches
from dashboard.services import Services
from dashboard.session import Session, decoded, encoded
from dashboard.widgets import Latest, caption, card, later, text, unseen, with_document

_LENGTHS = tuple(f"{PREFIX}{name}" for name in ("inner", "outer", "slab", "height"))


@dataclass(frozen=True)
class Averaged:
    """The scalars of an averaging, and how its volumes look."""

    averaging: Averaging
    document: dict[str, Any]
    outlines: Outlines


class AveragingPanel(pn.viewable.Viewer):
    """The panel; ``show`` is called with what is to be seen whenever that changes."""

    def __init__(self, session: Session, services: Services, run: Run, show: Callable[[Averaged], None]):
        super().__init__()
        self.session, self.services, self.run, self._shown_by = session, services, run, show
        self._own = Averaged(Averaging(), run.scalars, readings.outlines(run, Averaging()))
        self.shown = self._own
        self._latest = Latest(services, self._arrived)
        self._sketches, self._status, self._volumes = text(), text(), pn.Column(sizing_mode="stretch_width", margin=0)
        of_run = {s.key: s for s in settings(run.manifest.config)}
        self._lengths = {key: widget(of_run[key]) for key in _LENGTHS}
        for key, length in self._lengths.items():
            length.param.watch(lambda event, key=key: self._set(key, event.new), "value")
        fill = {"sizing_mode": "stretch_width", "margin": (4, 0)}
        self._typed = pn.widgets.TextInput(
            label="add a volume of your own", placeholder="thin: abs(Z) < 0.1 & r < 0.5", **fill
        )
        self._typed.param.watch(self._add, "value")
        self._baryons = pn.widgets.Select(label="baryons subtracted for ρDM", **fill)
        self._baryons.param.watch(lambda event: self._set(KEY, event.new), "value")
        self._file = pn.widgets.FileInput(
            accept=".toml",
            sizing_mode="stretch_width",
            margin=(2, 0, 6, 0),
            stylesheets=[_FILE_BUTTON],
            **unseen("a model of the baryons, a TOML file"),
        )
        self._file.param.watch(self._uploaded, "value")
        self._reset = pn.widgets.Button(label="Reset to the run's own", sizing_mode="stretch_width", margin=(6, 0))
        self._reset.on_click(lambda event: self._choose(Averaging()))
        session.param.watch(lambda event: with_document(self.request), "averaging")
        session.param.watch(lambda event: with_document(self._draw), "theme")
        # The first numbers asked for should come as fast as the next.
        Latest(services, lambda nothing: None).request(later(services.prepare, run))
        self._draw()
        self.request() if self.session.averaging else self._follow(Averaging())

    @property
    def averaging(self) -> Averaging:
        """What the address asks for; the run's own where it cannot be read."""
        try:
            return from_json(decoded(self.session.averaging)) if self.session.averaging else Averaging()
        except (ValueError, DeepPotentialError):
            return Averaging()

    def request(self) -> None:
        """Average as the session asks."""
        averaging = self.averaging
        self._follow(averaging)
        if averaging.is_of_run:
            self._latest.request(lambda: self._own)
        else:
            self._status.object = '<p class="muted">averaging anew …</p>'
            self._latest.request(later(self._compute, averaging))

    def _compute(self, averaging: Averaging) -> Averaged | DeepPotentialError:
        try:
            seen = readings.outlines(self.run, averaging)
            return Averaged(averaging, self.services.scalars(self.run, averaging), seen)
        except DeepPotentialError as error:
            return error

    def _arrived(self, found: Averaged | DeepPotentialError) -> None:
        self.shown = self._own if isinstance(found, DeepPotentialError) else found
        self._status.object = alert(found).object if isinstance(found, DeepPotentialError) else ""
        self._draw()
        self._shown_by(self.shown)

    def _draw(self) -> None:
        palette = self.session.palette
        self._sketches.object = volume_sketches(self.shown.outlines, palette) + legend(self.shown.outlines, palette)

    def _choose(self, averaging: Averaging) -> None:
        self.session.averaging = "" if averaging.is_of_run else encoded(averaging.to_json())

    def _set(self, key: str, value: Any) -> None:
        """Change one setting; what is as the run has it is no change."""
        averaging = self.averaging
        changes = {k: v for k, v in averaging.changes.items() if k != key}
        if value is not None and value != self._of_run(key):
            changes[key] = value
        try:
            self._choose(replace(averaging, changes=changes))
        except DeepPotentialError as error:
            notify(error)

    def _of_run(self, key: str) -> Any:
        return getattr(self.run.manifest.config.scalars, key.removeprefix(PREFIX))

    def _add(self, event: param.parameterized.Event) -> None:
        if not event.new.strip():
            return
        averaging = self.averaging
        try:
            volume = own_volume(event.new, _free_number(averaging))
            added = replace(averaging, own=(*averaging.own, volume))
        except RegionError as error:
            notify(error)
            return
        # The browser is still busy with what was typed: emptied now, the field would keep it.
        with_document(setattr, self._typed, "value", "")
        self._choose(added)

    def _remove(self, name: str) -> None:
        averaging = self.averaging
        self._choose(replace(averaging, own=tuple(v for v in averaging.own if v.name != name)))

    def _uploaded(self, event: param.parameterized.Event) -> None:
        try:
            document = event.new.decode() if event.new else ""
            if document:
                chosen_model(document, 0.0, 0.0)
                self._set(KEY, document)
        except (UnicodeDecodeError, DeepPotentialError) as error:
            notify(error if isinstance(error, DeepPotentialError) else RegionError("the file is not text"))

    def _follow(self, averaging: Averaging) -> None:
        """Let the widgets say what the session has."""
        for key, length in self._lengths.items():
            length.value = averaging.changes.get(key, self._of_run(key))
        chosen = averaging.changes.get(KEY, self._of_run(KEY))
        self._baryons.param.update(options=self._models(chosen), value=chosen)
        self._volumes[:] = [self._row(v.name, str(v.region)) for v in averaging.own]
        self._reset.visible = not averaging.is_of_run

    def _models(self, chosen: str) -> dict[str, str]:
        """The models by their words; a document of the run or of the visitor is among them."""
        scalars = self.run.manifest.config.scalars
        offered = dict.fromkeys((MIDPLANE, *LITERATURE, scalars.baryons, chosen))
        models = {c: chosen_model(c, scalars.baryon_density, scalars.baryon_error) for c in offered}
        return {f"{m.name}: {m.midplane[0]:.4f} ± {m.midplane[1]:.4f} at Z = 0": c for c, m in models.items()}

    def _row(self, name: str, words: str) -> pn.Row:
        remove = pn.widgets.Button(label="Remove", color="light", margin=(2, 0))
        remove.on_click(lambda event: self._remove(name))
        label = text(f'<strong>{html.escape(name)}</strong> <span class="muted">{html.escape(words)}</span>')
        return pn.Row(label, remove, sizing_mode="stretch_width", margin=0)

    def __panel__(self) -> pn.Column:
        lengths = pn.FlexBox(*self._lengths.values(), gap="0 12px", margin=0, sizing_mode="stretch_width")
        for length in self._lengths.values():
            length.styles = {"flex": "1 1 110px"}
        places = pn.Column(lengths, self._typed, self._volumes, margin=0, styles=_HALF)
        own = text('<span class="muted">or a model of your own, a TOML file</span>', margin=(2, 0))
        model = pn.Column(self._baryons, own, self._file, self._reset, self._status, margin=0, styles=_HALF)
        sketches = pn.Column(self._sketches, margin=0, styles={"flex": "1 1 300px", "min-width": "0"})
        parts = pn.FlexBox(sketches, places, model, gap="4px 24px", margin=0, sizing_mode="stretch_width")
        return card(caption("Averaging volumes"), parts)


_FILE_BUTTON = (
    "::file-selector-button { background: var(--soft); color: var(--ink); border: 1px solid var(--line); "
    "border-radius: 4px; padding: 3px 8px; font: inherit; }"
)
"""The browser's own button would be white in the dark."""

_HALF = {"flex": "1 1 240px", "min-width": "0"}


def _free_number(averaging: Averaging) -> int:
    """The first number whose name no volume has."""
    names = {volume.name for volume in averaging.own}
    return next(i for i in range(1, len(names) + 2) if f"V{i}" not in names)
