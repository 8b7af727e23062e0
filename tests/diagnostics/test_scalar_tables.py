"""The scalar table as text: readable by a spreadsheet and by LaTeX, with as many digits as the errors warrant."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.diagnostics import scalar_tables
from core.diagnostics.scalar_tables import significant
from core.diagnostics.scalars import scalar_draws
from core.diagnostics.stationarity import PatternSpeedVerdict
from core.phase_space.region import Shell


@pytest.fixture(scope="module")
def document(fit):
    pipelines = {"potential_seed": fit.potential, "df_seed": fit.potential.take(slice(0, 2))}
    draws = {d.name: d.to_json() for d in scalar_draws(pipelines, fit.config, Shell(1.0))}
    draws["pattern_speed"] |= PatternSpeedVerdict(0.1, 26.5).to_json()
    return draws


def test_the_csv_holds_every_number_to_full_precision(document):
    rows = list(csv.DictReader(io.StringIO(scalar_tables.csv(document))))
    assert len(rows) == sum(len(entry["pipelines"]) for entry in document.values())
    for row in rows:
        draws = document[row["quantity"]]["pipelines"][row["pipeline"]]
        assert [float(row[k]) for k in ("median", "low", "high")] == [draws[k] for k in ("median", "low", "high")]
        assert float(row["best"]) == document[row["quantity"]]["best"]
        assert float(row["error"]) == document[row["quantity"]]["error"]
        assert row["unit"] == document[row["quantity"]]["unit"]
        assert row["volume"] == document[row["quantity"]]["volume"]


def test_latex_has_one_row_per_quantity_and_one_column_per_pipeline(document):
    text = scalar_tables.latex(document)
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 1 + len(document)
    assert all(line.count("&") == 5 for line in body)
    assert all(line.count(r"\pm") == 1 for line in body[1:])
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert all(line.count("$") % 2 == 0 for line in body)
    assert all(line.count("{") == line.count("}") for line in body)
    assert "_" not in body[0]  # a pipeline's underscore would be a subscript
    assert text.isascii()  # whatever the encoding of the paper


def test_latex_says_what_a_pipeline_does_not_have(document):
    short = {name: {**entry, "pipelines": dict(entry["pipelines"])} for name, entry in document.items()}
    del short["density_shell"]["pipelines"]["df_seed"]
    (row,) = [line for line in scalar_tables.latex(short).splitlines() if "shell" in line]
    assert row.endswith(r"& -- \\")


def test_the_plain_table_names_everything_once_and_ends_with_the_verdict(document):
    lines = scalar_tables.plain(document).splitlines()
    assert len(lines) == 2 + sum(len(entry["pipelines"]) for entry in document.values())
    for name in document:
        assert sum(line.startswith(f"{name} ") for line in lines) == 1
    assert lines[-1] == ("pattern speed: constrained (noise share 0.10; the stars themselves turn at 26.5 km/s/kpc)")


def test_runs_without_a_combined_error_are_still_read(document):
    old = {name: {k: v for k, v in entry.items() if k != "error"} for name, entry in document.items()}
    assert "–" in scalar_tables.plain(old)
    assert r"\pm" not in scalar_tables.latex(old)
    assert scalar_tables.csv(old).splitlines()[1].endswith(",")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.08612, 0.0098, "0.0861"),
        (0.08612, 0.0102, "0.086"),
        (28.234, 0.1, "28.23"),
        (-4321.4, 12.0, "-4321"),
        (4321.4, 340.0, "4321"),
        (1e-5, 2e-7, "0.00001000"),
        (0.086123, 0.0, "0.08612"),
        (12345678.0, 0.0, "1.235e+07"),
        (3.0, float("nan"), "3"),
    ],
)
def test_digits_are_two_of_the_error(value, error, text):
    assert significant(value, error) == text


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e3))
def test_rounding_costs_less_than_a_twentieth_of_the_error(value, error):
    assert abs(float(significant(value, error)) - value) <= max(0.05 * error, 0.5 if error >= 10 else 0) + 1e-9


def test_an_empty_document_is_an_empty_table():
    assert scalar_tables.csv({}).count("\n") == 0
    assert len(scalar_tables.plain({}).splitlines()) == 1
    assert r"\begin{tabular}{llc}" in scalar_tables.latex({})
    assert not np.any([line.endswith("& ") for line in scalar_tables.latex({}).splitlines()])
