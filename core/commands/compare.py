"""``compare``: what the page of that name tells in numbers and words."""

import csv
import io
import json
from collections.abc import Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import click

from core.commands.console import json_option, runs_option, say
from core.diagnostics.scalar_tables import significant
from core.runs.registry import Run, find_run, runs_root

if TYPE_CHECKING:  # JAX takes a second to import
    from core.runs.compared import Contrast, Measured

_COLUMNS = ("quantity", "unit", "run", "id", "best", "error", "volume", "difference", "difference_error", "sigmas")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN RUN...")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@runs_option
def compare(names: tuple[str, ...], as_json: bool, as_csv: bool, runs: str | None) -> None:
    """Compare runs with the first: scalars with differences in σ, verdicts on Ωp, and the settings that differ.

    Where their volumes differ, scalars are evaluated anew in the common one.
    """
    from core.runs import compared  # JAX takes a second to import

    if as_json and as_csv:
        raise click.UsageError("Choose one of --json and --csv.")
    if not 2 <= len(set(names)) == len(names) <= len(ascii_uppercase):
        raise click.UsageError(f"Name two to {len(ascii_uppercase)} different runs.")
    found = [find_run(name, runs_root(runs)) for name in names]
    own = [compared.measured(letter, run) for letter, run in zip(ascii_uppercase, found, strict=False)]
    apart = compared.apart(own)
    all_of = compared.within_common(own, _evaluated) if apart else own
    differences = [compared.contrasts(m, all_of[0]) for m in all_of[1:]]
    rows = _rows(all_of, differences)
    settings = compared.differing_settings(found)
    if as_json:
        say(json.dumps(_document(all_of, rows, settings, evaluated_anew=bool(apart))))
    elif as_csv:
        say(_csv(rows))
    else:
        say(_words(all_of, rows, settings, apart))


def _evaluated(run: Run, config: Any, region: Any) -> Any:
    """The scalars of a run averaged anew within a region."""
    from core.catalog.resolve import open_catalogue  # astropy takes half a second to import
    from core.runs.readings import scalars_within

    reference = run.manifest.catalogue
    stars = open_catalogue(reference.id) if reference.synthetic else None  # only a mock's know the truth
    return {scalar.name: scalar for scalar in scalars_within(run, stars, config, region)}


def _rows(runs: Sequence["Measured"], differences: Sequence["dict[str, Contrast]"]) -> list[dict[str, Any]]:
    """A row for every quantity and run: what it measured, and how far that is from the first."""
    names = dict.fromkeys(name for m in runs for name in m.scalars)
    rows = []
    for name in names:
        for m, contrasts in zip(runs, [{}, *differences], strict=True):
            if (scalar := m.scalars.get(name)) is None:
                continue
            row: dict[str, Any] = {"quantity": name, "unit": scalar.unit, "run": m.letter, "id": m.run.id}
            row |= {"best": scalar.best, "error": scalar.error, "volume": scalar.volume}
            row |= dict.fromkeys(("difference", "difference_error", "sigmas")) | {"reason": ""}
            if contrast := contrasts.get(name):
                row["reason"] = contrast.reason
                if (less := contrast.difference) is not None:
                    row |= {"difference": less.value, "difference_error": less.error, "sigmas": less.sigmas}
            rows.append(row)
    return rows


def _document(
    runs: Sequence["Measured"], rows: list[dict[str, Any]], settings: dict[str, list[str]], *, evaluated_anew: bool
) -> dict[str, Any]:
    return {
        "runs": [{"run": m.letter, "id": m.run.id, "name": m.run.manifest.name, "error": m.error} for m in runs],
        "scalars": rows,
        "evaluated_anew": evaluated_anew,
        "pattern_speed": {m.letter: _verdict(m) for m in runs},
        "settings": settings,
    }


def _verdict(run: "Measured") -> dict[str, Any] | None:
    speed = run.document.get("pattern_speed")
    return {key: speed.get(key) for key in ("verdict", "reason", "constrained", "noise_share")} if speed else None


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, (*_COLUMNS, "reason"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def _words(
    runs: Sequence["Measured"], rows: list[dict[str, Any]], settings: dict[str, list[str]], apart: list[str]
) -> str:
    lines = [f"{m.title} ({m.run.id})" + (f": {m.error}" if m.error else "") for m in runs]
    if apart:
        lines.append(f"volumes of {', '.join(apart)} differ from those of A: all are evaluated in the common volume")
    lines += ["", f"{'quantity':<28}{'run':<5}{'best':>12}{'error':>12}{'less A':>12}{'σ':>8}  unit, volume"]
    lines += [_line(row) for row in rows]
    lines.append("")
    for m in runs:
        speed = _verdict(m)
        told = f"{speed['verdict']} ({speed['reason']})" if speed else "no pattern speed"
        lines.append(f"pattern speed of {m.letter}: {told}")
    lines += ["", *(f"{name}: {' | '.join(values)}" for name, values in settings.items())]
    return "\n".join(lines) if settings else "\n".join([*lines, "the same stars and the same settings"])


def _line(row: dict[str, Any]) -> str:
    error = row["error"]
    best, spread = significant(row["best"], error or 0.0), "–" if error is None else significant(error, error)
    less, sigmas = row["difference"], row["sigmas"]
    apart = "" if less is None else significant(less, row["difference_error"] or 0.0)
    far = "" if sigmas is None else f"{sigmas:.1f}"
    told = ", ".join(filter(None, (row["unit"], row["volume"], row["reason"])))
    return f"{row['quantity']:<28}{row['run']:<5}{best:>12}{spread:>12}{apart:>12}{far:>8}  {told}"
