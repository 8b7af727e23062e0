"""Slices and profiles are the field itself at the places that they say, with a truth only where one is known."""

import numpy as np
import pytest

from core.diagnostics.slices import AXES, FIELDS, TRUE_VIEWS, VIEWS, Slicer
from core.diagnostics.volumes import trusted_shell
from core.errors import InputError
from core.phase_space.region import Everything, Expression, Shell
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
REGION = Shell(1.0, centre=(0.2, 0.0, -0.1)) & Expression("abs(b) > 10")


@pytest.fixture
def slicer(fit):
    return Slicer(fit.potential, fit.system, SUN, REGION, trusted_shell(fit.config, REGION) & REGION)


def direct(field, name, x):
    """Each quantity by its definition, for one member or the truth, in cylindrical components about the Galaxy."""
    a, q = field.acceleration(x) @ SUN.axes.T, SUN.galactocentric_position(x)
    outwards = q[:, :2] / np.hypot(q[:, 0], q[:, 1])[:, None]
    onwards = np.stack([outwards[:, 1], -outwards[:, 0]], 1)  # clockwise: with the rotation
    return {
        "density": lambda: field.density(x),
        "potential": lambda: field.potential(x) - field.potential(np.zeros((1, 3))),
        "acceleration_x": lambda: a[:, 0],
        "acceleration_y": lambda: a[:, 1],
        "acceleration_z": lambda: a[:, 2],
        "acceleration_R": lambda: np.sum(a[:, :2] * outwards, 1),
        "acceleration_phi": lambda: np.sum(a[:, :2] * onwards, 1),
    }[name]()


class Member:
    """One member of an ensemble as a field."""

    def __init__(self, potential, k):
        one = potential.take(slice(k, k + 1))
        self.potential, self.acceleration, self.density = (
            lambda x, f=f: f(x)[0] for f in (one.potential, one.acceleration, one.density)
        )


@pytest.mark.parametrize("name", FIELDS)
def test_a_plane_is_the_field_at_its_cells(name, slicer, fit):
    found = slicer.plane(name, "y", 0.3, count=5)
    assert (found.a, found.b) == ("x", "z")
    assert found.a_range == pytest.approx((-0.8, 1.2))
    assert found.b_range == pytest.approx((-1.1, 0.9))
    centres = [np.linspace(low + 0.2, high - 0.2, 5) for low, high in (found.a_range, found.b_range)]
    x = np.array([[a, 0.3, b] for b in centres[1] for a in centres[0]])  # rows run along b
    members = np.stack([direct(Member(fit.potential, k), name, x) for k in range(3)]).reshape(3, 5, 5)
    scale = np.abs(members).max()
    np.testing.assert_allclose(found.median, np.median(members, 0), atol=1e-9 * scale)
    low, high = np.percentile(members, [16, 84], axis=0)
    np.testing.assert_allclose(found.spread, (high - low) / 2, atol=1e-9 * scale)
    truth = direct(fit.system, name, x).reshape(5, 5)
    np.testing.assert_allclose(found.truth, truth, atol=1e-9 * scale)
    np.testing.assert_allclose(found.view("difference"), found.median - truth, atol=1e-9 * scale)
    # An independent check: the fit is close to the truth where it is trusted.
    tolerance = 0.05 * np.abs(truth).max() + (30 if name.startswith("acceleration") else 0)
    assert np.all(np.abs(found.view("difference"))[found.trusted] < tolerance)


@pytest.mark.parametrize("axis", AXES)
def test_a_profile_is_the_field_along_its_line(axis, slicer, fit):
    at = (0.1, 0.2, 0.3)
    found = slicer.profile("density", axis, at, count=7)
    x = np.tile(np.array(at), (7, 1))
    x[:, AXES.index(axis)] = found.position
    centre = REGION.bounding_ball()[0][AXES.index(axis)]
    np.testing.assert_allclose(found.position[[0, -1]], [centre - 1, centre + 1])
    members = fit.potential.density(x)
    np.testing.assert_allclose(found.median, np.median(members, 0), rtol=1e-9)
    for name, percent in (("lowest", 0), ("low", 16), ("high", 84), ("highest", 100)):
        np.testing.assert_allclose(getattr(found, name), np.percentile(members, percent, axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.truth, fit.system.density(x))


def test_planes_meet_in_profiles(slicer):
    """A profile through the cells of a plane has the values of those cells."""
    plane = slicer.plane("acceleration_z", "x", 0.1, count=8)
    x = np.stack([np.full(8, 0.1), np.full(8, -0.875), np.linspace(-0.975, 0.775, 8)], 1)
    members, _ = slicer.values("acceleration_z", x)
    np.testing.assert_allclose(plane.median[:, 0], np.median(members, 0), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("normal", AXES)
def test_what_is_inside_and_what_is_trusted_is_said_cell_by_cell(normal, slicer):
    found = slicer.plane("density", normal, 0.05, count=12)
    a, b = (axis for axis in AXES if axis != normal)
    edges = {axis: np.linspace(*slicer.span(axis), 13) for axis in (a, b)}
    x = np.zeros((144, 3))
    x[:, AXES.index(a)] = np.tile((edges[a][1:] + edges[a][:-1]) / 2, 12)
    x[:, AXES.index(b)] = np.repeat((edges[b][1:] + edges[b][:-1]) / 2, 12)
    x[:, AXES.index(normal)] = 0.05
    np.testing.assert_array_equal(found.inside.ravel(), REGION.contains_positions(x, SUN))
    np.testing.assert_array_equal(found.trusted.ravel(), slicer.trusted.contains_positions(x, SUN))
    assert not np.any(found.trusted & ~found.inside)
    assert found.shade.shape == (48, 48)
    assert set(np.unique(found.shade)) == {0.0, 1.0, 2.0}
    assert np.mean(found.shade < 2) == pytest.approx(np.mean(found.inside), abs=0.1)


def test_every_view_is_a_map_of_the_same_cells(slicer):
    found = slicer.plane("density", "z", 0.0, count=6)
    for view in VIEWS:
        assert found.view(view).shape == (6, 6), view
    np.testing.assert_allclose(found.view("signal to noise"), np.abs(found.median) / found.spread)


def test_without_a_truth_there_is_none_to_see(fit):
    slicer = Slicer(fit.potential, None, SUN, Everything(), Everything())
    found = slicer.plane("density", "z", 0.0, count=4)
    assert slicer.span("x") == (-1.0, 1.0)
    assert found.truth is None
    assert slicer.profile("density", "z", (0.0, 0.0, 0.0), count=3).truth is None
    for view in TRUE_VIEWS:
        with pytest.raises(InputError, match="the truth is known for mocks only"):
            found.view(view)


def test_misspelt_names_are_refused_with_the_nearest(slicer):
    with pytest.raises(InputError, match=r"unknown quantity 'densty'. Did you mean 'density'\?"):
        slicer.plane("densty", "z", 0.0, count=2)
    with pytest.raises(InputError, match=r"unknown view 'medain'. Did you mean 'median'\?"):
        slicer.plane("density", "z", 0.0, count=2).view("medain")
