"""The scalars of a run as text: for reading, for a spreadsheet, for a paper."""

import csv as csv_module
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
"""The content of ``scalars.json``."""

ERROR_IN_WORDS = (
    "Error: half of the 16–84 % range in every pipeline, with resampled stars (noise, bootstrap) also how far the "
    "median of the draws is off the best fit, all in quadrature; without the weak form and the null test."
)
"""What the error of a scalar holds, for readers of a table (``ScalarDraws.errors``)."""


def significant(value: float, error: float) -> str:
    """``value`` to two significant digits of ``error``; four digits where the error is zero."""
    if not error > 0:
        return f"{value:.4g}"
    digits = max(0, 1 - _order(error))
    return f"{value:z.{digits}f}"  # z: no negative zero


def signed(words: str) -> str:
    """A number in words with a true minus sign."""
    return words.replace("-", "\u2212", 1) if words.startswith("-") else words


def _order(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _rows(document: Document) -> Iterator[tuple[str, str, float, str, float, float, float, str]]:
    for name, entry in document.items():
        for pipeline, draws in entry["pipelines"].items():
            median, low, high = draws["median"], draws["low"], draws["high"]
            yield name, entry["unit"], entry["best"], pipeline, median, low, high, entry["volume"]


def plain(document: Document) -> str:
    """Aligned columns, then what :func:`cautions` has to say; the error is that of :data:`ERROR_IN_WORDS`."""
    numbers = "".join(f"{word:>12}" for word in ("median", "16 %", "84 %"))
    lines = [f"{'quantity':<28}{'best':>12}{'error':>12}  {'pipeline':<20}{numbers}  unit, volume"]
    shown = ""
    for name, unit, best, pipeline, median, low, high, volume in _rows(document):
        error = (high - low) / 2
        numbers = "".join(f"{significant(v, error):>12}" for v in (median, low, high))
        first = ("", "", "", "")
        if name != shown:
            total = document[name].get("error")
            words = "–" if total is None else significant(total, total)
            first = (name, significant(best, error if total is None else total), words, f"  {unit}, {volume}")
        lines.append(f"{first[0]:<28}{first[1]:>12}{first[2]:>12}  {pipeline:<20}{numbers}{first[3]}")
        shown = name
    return "\n".join([*lines, *cautions(document)])


def cautions(document: Document) -> list[str]:
    """Of every scalar what asks for caution, then the verdicts on the motion of the frame: a line each."""
    lines = [f"{name}: {entry['warning']}" for name, entry in document.items() if entry.get("warning")]
    if speed := document.get("pattern_speed"):
        lines.append(f"pattern speed: {speed['verdict']} ({speed['reason']})")
    for name, entry in document.items():
        if name.startswith("drift_") and "verdict" in entry:
            lines.append(f"{name}: {entry['verdict']} ({entry['reason']})")
    return lines


def csv(document: Document) -> str:
    """One line per quantity and pipeline; the error of the quantity is that of :data:`ERROR_IN_WORDS`.

    ``reaveraged`` says whether the numbers are the run's own or made anew from its potentials.
    """
    out = io.StringIO()
    writer = csv_module.writer(out, lineterminator="\n")
    writer.writerow(
        ["quantity", "unit", "best", "pipeline", "median", "low", "high", "volume", "error", "reaveraged", "baryons"]
    )
    writer.writerows([*row, *_of_entry(document[row[0]])] for row in _rows(document))
    return out.getvalue().rstrip("\n")


def _of_entry(entry: Mapping[str, Any]) -> tuple[float | None, str, str]:
    """The error of a quantity, whether it was averaged anew, and the model of the baryons that was subtracted."""
    baryons = entry.get("baryons")
    return entry.get("error"), "true" if entry.get("reaveraged") else "false", baryons["model"] if baryons else ""


_SYMBOLS = {
    "acceleration_x": "a_x",
    "acceleration_y": "a_y",
    "acceleration_z": "a_z",
    "pattern_speed": r"\Omega_\mathrm{p}",
    "drift_x": "u_x",
    "drift_y": "u_y",
    "drift_z": "u_z",
    "density_midplane": r"\rho(R_0, Z = 0)",
    "density_slab": r"\langle\rho\rangle_\mathrm{slab}",
    "density_shell": r"\langle\rho\rangle_\mathrm{shell}",
    "circular_velocity": r"v_\mathrm{c}(R_0)",
    "surface_density": r"\Sigma",
    "vertical_force": "K_z",
    "dark_matter_density": r"\rho_\mathrm{DM}",
    "negative_density_fraction": r"f(\rho < 0)",
    "dark_matter_slab": r"\rho_\mathrm{DM,\,slab}",
    "dark_matter_shell": r"\rho_\mathrm{DM,\,shell}",
    "density": r"\langle\rho\rangle",
    "dark_matter": r"\rho_\mathrm{DM}",
}
_UNITS = {
    "(km/s)²/kpc": r"(km\,s$^{-1}$)$^2$\,kpc$^{-1}$",
    "km/s/kpc": r"km\,s$^{-1}$\,kpc$^{-1}$",
    "km/s": r"km\,s$^{-1}$",
    "Msun/pc³": r"M$_\odot$\,pc$^{-3}$",
    "Msun/pc²": r"M$_\odot$\,pc$^{-2}$",
}


def latex(document: Document) -> str:
    """A table with one row per quantity: best fit with its error, and a column per pipeline.

    A pipeline has its median with the distances to the 84th and the 16th percentile: not its part in the error.
    """
    pipelines = list(dict.fromkeys(p for entry in document.values() for p in entry["pipelines"]))
    head = " & ".join(["quantity", "unit", "best", *(p.replace("_", " ") for p in pipelines)])
    lines = [rf"\begin{{tabular}}{{ll{'c' * (len(pipelines) + 1)}}}", r"\hline", head + r" \\", r"\hline"]
    for name, entry in document.items():
        quantity, _, volume = name.partition("@")
        cells = [f"${_SYMBOLS[quantity]}${_plainly(volume)}", _UNITS.get(entry["unit"], entry["unit"]), _best(entry)]
        cells += [_cell(entry["pipelines"].get(p)) for p in pipelines]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"])


def _plainly(volume: str) -> str:
    """The name of a volume of one's own, with nothing that LaTeX or its encoding would stumble over."""
    words = re.sub(r"[^A-Za-z0-9 .,+/-]", " ", volume).strip()
    return f" {words}" if words else ""


def _best(entry: Mapping[str, Any]) -> str:
    error = entry.get("error")
    if error is None:
        return f"${significant(entry['best'], 0.0)}$"
    return rf"${significant(entry['best'], error)} \pm {significant(error, error)}$"


def _cell(draws: Mapping[str, Any] | None) -> str:
    if draws is None:
        return "--"
    up, down = draws["high"] - draws["median"], draws["median"] - draws["low"]
    error = (up + down) / 2
    return f"${significant(draws['median'], error)}^{{+{significant(up, error)}}}_{{-{significant(down, error)}}}$"
