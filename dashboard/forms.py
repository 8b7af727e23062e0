"""Forms generated from the settings of a configuration: one widget for each value, with its unit, bounds and help."""

from collections.abc import Callable
from typing import Any

import panel as pn

from core.config import Config
from core.settings import Setting, settings
from dashboard.widgets import caption


def widget(s: Setting) -> pn.widgets.Widget:
    """The widget of one setting; its tooltip is the setting's documentation."""
    unit = f" [{s.unit}]" if s.unit else ""
    options: dict[str, Any] = {
        "label": f"{s.key.rpartition('.')[2].replace('_', ' ')}{unit}",
        "description": _help(s),
        "value": s.value,
        "sizing_mode": "stretch_width",
        "margin": (4, 0),
    }
    if s.choices:
        return pn.widgets.Select(options=list(s.choices), **options)
    if s.type is bool:
        options.pop("description")
        return pn.widgets.Checkbox(**options)
    if s.type is int:
        return pn.widgets.IntInput(start=_whole(s.low), end=_whole(s.high), **options)
    if s.type is float:
        return pn.widgets.FloatInput(start=s.low, end=s.high, format="0.[000000]", **options)
    return pn.widgets.TextInput(**options)


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def _help(s: Setting) -> str:
    bounds = [f"at least {s.low:g}" if s.low is not None else "", f"at most {s.high:g}" if s.high is not None else ""]
    limits = ", ".join(b for b in bounds if b)
    return f"{s.doc[:1].upper()}{s.doc[1:]}." + (f" ({limits})" if limits else "")


class ConfigForm(pn.viewable.Viewer):
    """All settings of a configuration, folded up, and which of them were changed.

    Widgets are made when the form is first unfolded: they are more than the rest of a page, and few visitors need them.
    """

    def __init__(self, config: Config, changed: Callable[[], None]):
        super().__init__()
        self._config, self._changed = config, changed
        self._widgets: dict[str, pn.widgets.Widget] = {}
        title = f"all {len(list(settings(config)))} settings"
        self._card = pn.Card(title=title, collapsed=True, sizing_mode="stretch_width", margin=(4, 0))
        self._card.param.watch(lambda event: self._make(), "collapsed")

    def adopt(self, config: Config) -> None:
        """Start over from another configuration."""
        self._config = config
        self._widgets = {}
        self._card.objects = []
        if not self._card.collapsed:
            self._make()

    def _make(self) -> None:
        if self._widgets:
            return
        groups: dict[str, list[Any]] = {}
        for s in settings(self._config):
            group = s.key.rpartition(".")[0] or "run"
            self._widgets[s.key] = widget(s)
            self._widgets[s.key].param.watch(lambda event: self._changed(), "value")
            groups.setdefault(group, [caption(group.replace(".", " · "))]).append(self._widgets[s.key])
        self._card.objects = [pn.Column(*g, sizing_mode="stretch_width", margin=(0, 10)) for g in groups.values()]

    @property
    def overrides(self) -> dict[str, Any]:
        """The values that differ from those of the configuration."""
        start = {s.key: s.value for s in settings(self._config)}
        return {key: w.value for key, w in self._widgets.items() if w.value != start[key]}

    def __panel__(self) -> pn.Card:
        return self._card
