"""An exported field is the potential that was put in, on the right axes, and an error beyond its volume."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from exact_export import EXACT_DENSITY, SPEED, exact_acceleration, exact_potential, on_axes, tables, vectors_on_axes

from core.errors import InputError
from core.export import agama, gala, galpy, local_field
from core.export.files import read_tables, write_tables
from core.export.interpolation import local_cubic, spline, spline_acceleration
from core.export.tables import MEDIAN

AXES = tuple(np.linspace(-1, 1, n) for n in (21, 25, 41))
NODES = np.stack(np.meshgrid(*AXES, indexing="ij"), -1)


def test_the_field_is_what_was_put_in(exported, frame, points):
    field, X = local_field.load(exported), on_axes(points, frame)
    np.testing.assert_allclose(field.potential(X), exact_potential(points), rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(field.acceleration(X), vectors_on_axes(exact_acceleration(points), frame), atol=1e-7)
    np.testing.assert_allclose(field.density(X), EXACT_DENSITY, rtol=1e-12)
    assert field.spin == (-SPEED if frame == "rotating" else 0.0)


@pytest.mark.parametrize("x", [[0.0, 0.0, 1.01], [0.7, 0.7, 0.7], [np.nan, 0.0, 0.0]])
def test_a_point_outside_the_volume_is_an_error(exported, frame, x):
    field, X = local_field.load(exported), on_axes(np.array([[0.1, 0.0, 0.0], x]), frame)
    assert field.inside(X).tolist() == [True, False]
    for function in (field.potential, field.acceleration, field.density):
        with pytest.raises(InputError, match=r"outside the fitted volume.*does not extrapolate"):
            function(X)


def test_a_cubic_interpolation_has_the_error_of_its_fourth_derivative():
    """Of sin(kx), at most (kh)⁴ 3/128 for four equally spaced points; a spline's gradient (kh)³/24."""
    k, h, x = 4.0, 0.1, np.linspace(-0.7, 0.7, 997)[:, None] * [1.0, 0.0, 0.0]
    table = np.sin(k * NODES[..., 0])
    error = np.abs(local_cubic(AXES, table[..., None], x)[:, 0] - np.sin(k * x[:, 0]))
    assert 0.5 < error.max() / (3 / 128 * (k * h) ** 4) < 1.02
    gradient = np.abs(spline_acceleration(spline(AXES, table), x)[:, 0] + k * np.cos(k * x[:, 0])) / k
    assert 0.1 < gradient.max() / ((k * h) ** 3 / 24) < 1.02


def test_nothing_is_interpolated_from_nodes_that_are_not_there():
    table = np.where(NODES[..., :1] < 0.5, 1.0, np.nan)
    x = np.array([[0.21, 0.0, 0.0], [0.41, 0.0, 0.0], [-0.99, 0.0, 0.0], [3.0, 0.0, 0.0]])
    np.testing.assert_array_equal(np.isfinite(local_cubic(AXES, table, x)[:, 0]), [True, False, False, False])


@pytest.mark.parametrize("suffix", ["fits", "h5"])
def test_files_hold_what_was_written(tmp_path, suffix):
    made = tables()
    spreads, classes = {("df_seed", "density"): made.trusted * 0.5}, (made.inside + 2 * made.trusted).astype(np.uint8)
    made = replace(made, spreads=spreads, reliability={"force": classes, "density": classes[::-1]})
    write_tables(tmp_path / f"phi.{suffix}", made)
    read = read_tables(tmp_path / f"phi.{suffix}")
    assert read.metadata == made.metadata
    for ours, theirs in zip(made.axes, read.axes, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-15)
    for name in ("fields", "spreads", "reliability"):
        assert getattr(read, name).keys() == getattr(made, name).keys()
        for key, values in getattr(made, name).items():
            np.testing.assert_array_equal(getattr(read, name)[key], values)
    for ours, theirs in zip(masks(made), masks(read), strict=True):
        np.testing.assert_array_equal(theirs, ours)


def masks(made):
    return made.inside, made.trusted


def test_medians_are_no_potential(tmp_path):
    write_tables(tmp_path / "grid.fits", tables(combination=MEDIAN))
    with pytest.raises(InputError, match=r"medians over members.*--to galpy"):
        local_field.load(tmp_path / "grid.fits")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "no.fits").write_text("no")
    for name in ("no.fits", "missing.fits"):
        with pytest.raises(InputError, match="not a table that deep-potential export wrote"):
            local_field.load(tmp_path / name)


@pytest.mark.parametrize(
    ("loader", "package"), [(galpy, "galpy.potential"), (gala, "gala.potential"), (agama, "agama")]
)
def test_a_missing_library_is_named_with_the_remedy(loader, package, exported, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    if hasattr(loader, "_potential_class"):
        loader._potential_class.cache_clear()
    with pytest.raises(InputError, match=f"Run: pip install {package.split('.')[0]}"):
        loader.load(exported)


def test_agama_is_given_the_potential_and_the_sign_of_its_frame(exported, frame, points, monkeypatch):
    """A stand-in with the documented constructor: agama itself may not be there."""
    units = {}
    made = SimpleNamespace(setUnits=units.update, Potential=lambda **given: SimpleNamespace(**given))
    monkeypatch.setitem(sys.modules, "agama", made)
    potential, omega = agama.load(exported)
    assert units == {"mass": 1, "length": 1, "velocity": 1}
    assert omega == (-SPEED if frame == "rotating" else 0.0)
    values = potential.potential(on_axes(points, frame))
    np.testing.assert_allclose(values, exact_potential(points), rtol=1e-9, atol=1e-8)
    with pytest.warns(UserWarning, match="outside the fitted volume"):
        beyond = potential.potential(on_axes(np.array([[0.1, 0.0, 0.0], [0.0, 0.0, 1.01]]), frame))
    np.testing.assert_array_equal(np.isfinite(beyond), [True, False])
