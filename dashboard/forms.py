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
    """All settings of a configuration, and which of them were changed."""

    def __init__(self, config: Config, changed: Callable[[], None]):
        super().__init__()
        self._changed = changed
        self._body = pn.Column(sizing_mode="stretch_width", margin=0)
        self._start: dict[str, Any] = {}
        self._widgets: dict[str, pn.widgets.Widget] = {}
        self.adopt(config)

    def adopt(self, config: Config) -> None:
        """Start over from another configuration."""
        self._start, self._widgets = {}, {}
        groups: dict[str, list[Any]] = {}
        for s in settings(config):
            group = s.key.rpartition(".")[0] or "run"
            self._start[s.key] = s.value
            self._widgets[s.key] = widget(s)
            self._widgets[s.key].param.watch(lambda event: self._changed(), "value")
            groups.setdefault(group, [caption(group.replace(".", " · "))]).append(self._widgets[s.key])
        self._body.objects = [pn.Column(*group, sizing_mode="stretch_width", margin=0) for group in groups.values()]

    @property
    def count(self) -> int:
        """Number of settings."""
        return len(self._widgets)

    @property
    def overrides(self) -> dict[str, Any]:
        """The values that differ from those of the start."""
        return {key: w.value for key, w in self._widgets.items() if w.value != self._start[key]}

    def __panel__(self) -> pn.Column:
        return self._body
