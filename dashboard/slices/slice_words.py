"""What a figure of a slice says in words: quantity, range, and the value under the crosshair."""

import html
from collections.abc import Sequence

import numpy as np

from core.diagnostics.field_quantities import DARK_MATTER, FIELDS
from core.diagnostics.reliability import OUTSIDE, WORDS
from core.diagnostics.slices import FieldProfile, FieldSlice
from core.diagnostics.turned_axes import AXES, along_axes
from core.units import GEV_CM3_PER_MSUN_PC3
from dashboard.plots.field_limits import shown_range
from dashboard.slices.drawn_slices import Drawn, Value
from dashboard.widgets import facts, number


def plane_words(field: FieldSlice, view: str, under: Value, levels: Sequence[float]) -> str:
    """The caption of a plane with contours at ``levels``, as HTML."""
    quantity = FIELDS[field.quantity]
    unit = "" if view == "signal to noise" else f" {quantity.unit}"
    span = shown_range([field], view)
    part = "where trusted" if field.trusted.any() else "in the region"
    values = f"{number(span[0])} to {number(span[1])}{unit} {part}" if span else "not known here"
    parts = [f"{quantity.label}, {view} {_where(field)}: {values}"]
    if len(levels) > 1:
        parts.append(f"contours every {number(levels[1] - levels[0])}")
    return _caption([*parts, value_words(field.quantity, under)])


def class_words(field: FieldSlice, classes: np.ndarray) -> str:
    """The caption of a plane that shows the reliability of its places."""
    known = classes[classes != OUTSIDE]
    shares = [f"{words} {100 * np.mean(known == c):.0f} %" for c, words in WORDS.items()] if len(known) else []
    return _caption([f"Reliability {_where(field)}: {', '.join(shares) or 'nothing of the region is here'}"])


def profile_words(profile: FieldProfile, under: Value) -> str:
    """The caption of a profile."""
    quantity, along = FIELDS[profile.quantity], along_axes(profile.at, profile.turn)
    others = [f"{_axis(a, profile.turn)} = {_kpc(along[a])}" for a in AXES if a != profile.axis]
    shown = profile.median[np.isfinite(profile.median)]
    values = f"{number(shown.min())} to {number(shown.max())} {quantity.unit}" if len(shown) else "not known here"
    dashed = "" if profile.truth is None else ", dashed the truth"
    return _caption(
        [
            f"{quantity.label} along {_axis(profile.axis, profile.turn)} through {', '.join(others)}: {values}",
            value_words(profile.quantity, under),
            f"median with 16–84 % and all potentials{dashed}",
        ]
    )


def arrow_words(longest: float) -> str:
    """The scale of the arrows, as HTML; nothing where there are none."""
    words = f"Arrows: the force in the plane, the longest {number(longest)} (km/s)²/kpc."
    return f'<p class="muted">{words}</p>' if longest > 0 else ""


def value_words(quantity: str, value: Value) -> str:
    """A value with its spread, for ρ_DM as an energy density too."""
    median, spread, _ = value
    words = f"at the crosshair {number(median, 4)} ± {number(spread, 2)} {FIELDS[quantity].unit}"
    return f"{words} ({_energy(median, spread)})" if quantity == DARK_MATTER else words


def under_crosshair(drawn: Drawn) -> str:
    """All values at the crosshair, as HTML."""
    rows = {"x, y, z [kpc]": ", ".join(_plain(v) for v in drawn.asked.place)}
    for name, (median, spread, truth) in drawn.under.items():
        value = f'<span class="value"><strong>{number(median, 4)}</strong> ± {number(spread, 2)}</span>'
        more = [] if name != DARK_MATTER or not np.isfinite(median) else [_energy(median, spread)]
        more += [] if truth is None else [f"truth {number(truth, 4)}"]
        rows[f"{FIELDS[name].label} [{FIELDS[name].unit}]"] = value + "".join(
            f'<br><span class="muted">{words}</span>' for words in more
        )
    return facts(rows)


def _energy(median: float, spread: float) -> str:
    return f"{number(median * GEV_CM3_PER_MSUN_PC3)} ± {number(spread * GEV_CM3_PER_MSUN_PC3, 2)} GeV/cm³"


def _where(field: FieldSlice) -> str:
    return f"at {_axis(field.normal, field.turn)} = {_kpc(field.offset)}"


def _axis(axis: str, turn: float) -> str:
    return f"{axis}′" if turn and axis != "z" else axis


def _kpc(value: float) -> str:
    return f"{_plain(value)} kpc"


def _plain(value: float) -> str:
    return f"{value + 0.0:.2f}".replace("-", "\u2212")


def _caption(parts: Sequence[str]) -> str:
    style = "margin:0 8px 10px 40px;font-size:12px;line-height:1.35"
    return f'<p class="muted" style="{style}">{html.escape("; ".join(parts))}.</p>'
