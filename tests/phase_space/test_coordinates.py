"""Every named coordinate against a formula of its own, and whether it knows the velocity."""

import numpy as np
import pytest

from core.errors import RegionError
from core.phase_space.coordinates import COORDINATES, coordinate
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()


def stars(n=300):
    rng = np.random.default_rng(1)
    return np.concatenate([rng.normal(size=(n, 3)) * 2, rng.normal(size=(n, 3)) * 50], 1)


def polar(w):
    """Cylindrical coordinates by complex numbers, φ from the Sun in the direction of rotation."""
    q = SUN.to_galactocentric(w)
    place, motion = -q[:, 0] + 1j * q[:, 1], -q[:, 3] + 1j * q[:, 4]
    turning = motion * np.conj(place) / np.abs(place)
    return np.abs(place), np.degrees(np.angle(place)), turning.real, turning.imag, q


def longitude_latitude(w):
    r = np.linalg.norm(w[:, :3], axis=1)
    b = np.degrees(np.pi / 2 - np.arccos(w[:, 2] / r))
    return np.degrees(np.angle(w[:, 0] + 1j * w[:, 1])), b, r


FORMULAE = {
    **{name: (lambda w, i=i: w[:, i]) for i, name in enumerate(("x", "y", "z", "vx", "vy", "vz"))},
    "r": lambda w: longitude_latitude(w)[2],
    "l": lambda w: longitude_latitude(w)[0],
    "b": lambda w: longitude_latitude(w)[1],
    "sinb": lambda w: np.sin(np.radians(longitude_latitude(w)[1])),
    "R": lambda w: polar(w)[0],
    "phi": lambda w: polar(w)[1],
    "Z": lambda w: polar(w)[4][:, 2],
    "vR": lambda w: polar(w)[2],
    "vphi": lambda w: polar(w)[3],
    "vZ": lambda w: polar(w)[4][:, 5],
    "Lz": lambda w: -np.cross(polar(w)[4][:, :3], polar(w)[4][:, 3:])[:, 2],
    "vlos": lambda w: (np.linalg.norm(w[:, :3] + 1e-6 * w[:, 3:], axis=1) - np.linalg.norm(w[:, :3], axis=1)) / 1e-6,
}


def test_every_coordinate_has_a_formula_of_its_own():
    assert set(FORMULAE) == set(COORDINATES)


@pytest.mark.parametrize("name", COORDINATES)
def test_each_coordinate_is_what_it_says(name):
    w = stars()
    # vlos is a difference over 1e-6 kpc/(km/s): its truncation error is v² 1e-6/r, 0.1 km/s for the nearest star.
    tolerance = {"atol": 0.2} if name == "vlos" else {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(coordinate(name).compute(w, SUN), FORMULAE[name](w), **tolerance)


@pytest.mark.parametrize("name", COORDINATES)
def test_a_spatial_coordinate_is_one_that_does_not_know_the_velocity(name):
    w, other = stars(), stars()
    other[:, 3:] = np.random.default_rng(2).normal(size=(len(w), 3)) * 90
    same = np.array_equal(coordinate(name).compute(w, SUN), coordinate(name).compute(other, SUN))
    assert coordinate(name).spatial == same


def test_the_sun_itself_has_coordinates():
    """Nothing divides by the distance of a star at the origin."""
    w = np.zeros((1, 6))
    values = {name: float(c.compute(w, SUN)[0]) for name, c in COORDINATES.items()}
    assert np.all(np.isfinite(list(values.values())))
    assert values["vphi"] == pytest.approx(SUN.v)
    assert values["vR"] == pytest.approx(-SUN.u)
    assert values["phi"] == 0
    assert (values["r"], values["sinb"], values["vlos"]) == (0, 0, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stored_stars_in_single_precision_have_coordinates_too(dtype):
    w = stars().astype(dtype)
    for name, c in COORDINATES.items():
        scale = np.abs(FORMULAE[name](stars())).max()
        np.testing.assert_allclose(c.compute(w, SUN), c.compute(w.astype(float), SUN), atol=1e-6 * scale, err_msg=name)


def test_labels_are_made_for_an_axis():
    assert coordinate("vphi").axis_label == "vφ  [km/s]"
    assert coordinate("sinb").axis_label == "sin b"
    assert len({c.label for c in COORDINATES.values()}) == len(COORDINATES)


@pytest.mark.parametrize(("word", "meant"), [("vfi", "vphi"), ("LZ", "Lz"), ("zz", "z"), ("qqqqqq", "Known are")])
def test_an_unknown_coordinate_is_refused_with_the_nearest(word, meant):
    with pytest.raises(RegionError, match=meant):
        coordinate(word)
