"""Slices and profiles are the field itself at the places that they say, with a truth only where one is known."""

import numpy as np
import pytest

from core.baryons.literature import FLYNN, MCKEE
from core.baryons.model import one_number
from core.diagnostics.field_quantities import FIELDS
from core.diagnostics.slices import TRUE_VIEWS, VIEWS, Slicer
from core.diagnostics.turned_axes import AXES, along_axes, moved, turned_axes
from core.diagnostics.volumes import trusted_shell
from core.errors import InputError
from core.phase_space.region import Everything, Expression, Shell
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
REGION = Shell(1.0, centre=(0.2, 0.0, -0.1)) & Expression("abs(b) > 10")


@pytest.fixture
def slicer(fit):
    return Slicer(fit.potential, fit.system, SUN, REGION, trusted_shell(fit.config, REGION) & REGION, baryons=MCKEE)


def direct(field, name, x):
    """Each quantity by its definition, for one member or the truth, in cylindrical components about the Galaxy."""
    a, q = field.acceleration(x) @ SUN.axes.T, SUN.galactocentric_position(x)
    outwards = q[:, :2] / np.hypot(q[:, 0], q[:, 1])[:, None]
    onwards = np.stack([outwards[:, 1], -outwards[:, 0]], 1)  # clockwise: with the rotation
    return {
        "density": lambda: field.density(x),
        "dark_matter": lambda: field.density(x) - MCKEE.at(x, SUN),
        "circular_velocity": lambda: np.sqrt(-np.sum(a[:, :2] * q[:, :2], 1)),
        "acceleration": lambda: np.sqrt(np.sum(a**2, 1)),
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


PLACES = np.array([[0.3, 0.2, 0.1], [-0.4, 0.6, -0.2], [0.0, -0.5, 0.5]])


def test_components_are_those_of_one_vector(slicer, fit):
    """In any axes; a_φ is with the Galactic rotation, so along +y at the Sun."""
    of = {name: slicer.values(name, PLACES) for name in FIELDS}
    X = SUN.galactocentric_position(PLACES)
    R = np.hypot(X[:, 0], X[:, 1])
    for found in ({n: v[0] for n, v in of.items()}, {n: v[1] for n, v in of.items()}):
        a_R, a_phi, a_z = (found[f"acceleration_{i}"] for i in ("R", "phi", "z"))
        np.testing.assert_allclose(a_R**2 + a_phi**2 + a_z**2, found["acceleration"] ** 2, rtol=1e-9)
        np.testing.assert_allclose(found["acceleration_x"], (a_R * X[:, 0] + a_phi * X[:, 1]) / R, atol=1e-8)
        np.testing.assert_allclose(found["acceleration_y"], (a_R * X[:, 1] - a_phi * X[:, 0]) / R, atol=1e-8)
        np.testing.assert_allclose(found["circular_velocity"] ** 2, -R * a_R, rtol=1e-9)
        dark = found["density"] - found["dark_matter"]
        np.testing.assert_allclose(dark, np.broadcast_to(MCKEE.at(PLACES, SUN), dark.shape), rtol=1e-9)
    at_sun = np.zeros((1, 3))
    along_y = slicer.values("acceleration_y", at_sun)[0]
    np.testing.assert_allclose(slicer.values("acceleration_phi", at_sun)[0], along_y, rtol=1e-6)


class Sideways:
    """A uniform force along y: away from the Galactic axis where y > 0."""

    potential, density = (lambda self, x: np.zeros(len(x)),) * 2

    def acceleration(self, x):
        return np.tile([0.0, 100.0, 0.0], (len(x), 1))


def test_where_nothing_attracts_there_is_no_circular_velocity(fit):
    slicer = Slicer(fit.potential, Sideways(), SUN, REGION, REGION, baryons=MCKEE)
    found = slicer.plane("circular_velocity", "z", 0.0, count=8).truth
    y = slicer.grid("z", 0.0, 8)[:, 1].reshape(8, 8)
    np.testing.assert_array_equal(np.isnan(found), y > 0)
    np.testing.assert_allclose(found[y < 0], np.sqrt(100 * -y[y < 0]))


def test_other_baryons_leave_other_dark_matter(slicer, fit):
    x = PLACES
    members, truth = slicer.less(FLYNN).values("dark_matter", x)
    np.testing.assert_allclose(members, fit.potential.density(x) - FLYNN.at(x, SUN))
    np.testing.assert_allclose(truth, fit.system.density(x) - FLYNN.at(x, SUN))
    assert FLYNN.has_heights
    assert not one_number(0.1, 0.01).has_heights
    assert np.isnan(one_number(0.1, 0.01).at(x, SUN)).all()
    assert FLYNN.mean(x, SUN) == pytest.approx(FLYNN.at(x, SUN).mean())


def test_a_frame_without_a_plane_has_no_galactic_quantities(fit):
    slicer = Slicer(fit.potential, fit.system, SUN, REGION, REGION)
    assert {q for q in FIELDS if q not in slicer.quantities} == {"dark_matter", "circular_velocity"}
    assert slicer.less(MCKEE) is slicer
    with pytest.raises(InputError, match="no Galactic plane"):
        slicer.plane("dark_matter", "z", 0.0, count=2)


@pytest.mark.parametrize("turn", [0.0, 30.0, -75.0])
def test_turned_coordinates_are_a_rotation_about_the_vertical(turn):
    place = (0.3, -0.2, 0.5)
    along = along_axes(place, turn)
    assert np.hypot(along["x"], along["y"]) == pytest.approx(np.hypot(*place[:2]))
    assert along["z"] == place[2]
    assert moved(place, turn) == pytest.approx(place)
    onwards = np.subtract(moved(place, turn, x=along["x"] + 0.1), place)
    np.testing.assert_allclose(onwards, 0.1 * turned_axes(turn)[0], atol=1e-12)
    assert np.degrees(np.arctan2(onwards[1], onwards[0])) == pytest.approx(turn)


def test_a_plane_turned_by_a_right_angle_is_the_other_plane(slicer):
    turned, other = slicer.plane("density", "y", 0.3, 6, turn=90.0), slicer.plane("density", "x", -0.3, 6)
    np.testing.assert_allclose(turned.median, other.median, rtol=1e-9)
    assert (turned.a_range, turned.b_range) == (pytest.approx(other.a_range), other.b_range)
    level = slicer.plane("density", "z", 0.1, 6, turn=40.0)
    np.testing.assert_array_equal(level.median, slicer.plane("density", "z", 0.1, 6).median)


def test_turned_planes_meet_in_profiles_through_the_crosshair(slicer):
    """Both vertical planes hold the vertical line through the place; each holds its own horizontal one."""
    place, turn = (0.2, -0.1, 0.15), 25.0
    along = along_axes(place, turn)
    for normal, axis in (("y", "x"), ("x", "y")):
        x = slicer.grid(normal, along[normal], 8, turn=turn) - place
        np.testing.assert_allclose(x @ turned_axes(turn)[AXES.index(normal)], 0, atol=1e-12)
        profile = slicer.profile("potential", axis, place, 5, turn=turn)
        assert profile.here == pytest.approx(along[axis])
        places = np.array([moved(place, turn, **{axis: at}) for at in profile.position])
        np.testing.assert_allclose(profile.truth, slicer.values("potential", places)[1], rtol=1e-9, atol=1e-6)


def test_arrows_are_the_force_in_the_plane(slicer, fit):
    found = slicer.arrows("y", 0.1, turn=20.0)
    axes = turned_axes(20.0)
    x = np.stack([found.a, np.full(len(found.a), 0.1), found.b], 1) @ axes
    assert REGION.contains_positions(x, SUN).all()
    pull = np.median(fit.potential.acceleration(x), 0) @ axes.T
    np.testing.assert_allclose(np.stack([found.da, found.db], 1), pull[:, [0, 2]], rtol=1e-9)
    assert found.longest == pytest.approx(np.hypot(found.da, found.db).max())
    assert 0 < len(found.a) <= 121
