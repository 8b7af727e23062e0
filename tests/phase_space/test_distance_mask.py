"""A map of the largest distance in each direction is the region it says, in either order of pixels."""

import json

import astropy.units as u
import numpy as np
import pytest
from astropy_healpix import HEALPix

from core.errors import RegionError
from core.flow.spatial_density import fit_proposal, quadrature
from core.phase_space import distance_mask
from core.phase_space.distance_mask import FINEST
from core.phase_space.region import And, Box, DistanceMask, Shell, from_json
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
NSIDE = 8
PIXELS = 12 * NSIDE**2
W = np.concatenate([np.random.default_rng(0).uniform(-2, 2, (5000, 3)), np.zeros((5000, 3))], 1)


def inside(region, w=W):
    return region.contains_points(w, SUN)


def reaches(seed=1, pixels=PIXELS):
    """Distances between 0.3 and 1.9 kpc, with a tenth of the sky unseen."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(pixels) < 0.1, 0.0, rng.uniform(0.3, 1.9, pixels))


def mask(distances, **fields):
    return DistanceMask(tuple(np.asarray(distances, float).tolist()), **fields)


def directions(nested=False):
    """Galactic longitude and latitude [deg] of the centres of all pixels."""
    grid = HEALPix(NSIDE, order="nested" if nested else "ring")
    return [angle.to_value(u.deg) for angle in grid.healpix_to_lonlat(np.arange(PIXELS))]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("nside", [1, 8, 64])
def test_the_same_distance_everywhere_is_a_ball(nside, nested):
    constant = mask(np.full(12 * nside**2, 1.3), nested=nested)
    np.testing.assert_array_equal(inside(constant), inside(Shell(1.3)))
    assert constant.bounding_ball() == Shell(1.3).bounding_ball()


def test_half_a_sky_is_half_a_ball():
    """Longitudes 0 to 180 are unseen: the rings are cut there between pixels or through the middle of one."""
    longitude, latitude = directions()
    half = mask(np.where((longitude > 0) & (longitude < 180), 0.0, 1.5))
    edge = np.hypot(W[:, 0], W[:, 2]) * 0.3  # a pixel of nside 8 is 7 degrees wide
    clear = np.abs(W[:, 1]) > edge
    np.testing.assert_array_equal(inside(half)[clear], (inside(Shell(1.5)) & (W[:, 1] < 0))[clear])

    north = mask(np.where(latitude > 0, 0.0, 1.5))  # the equator's own pixels are seen
    np.testing.assert_array_equal(inside(north)[W[:, 2] < 0], inside(Shell(1.5))[W[:, 2] < 0])
    high = W[:, 2] > 0.3 * np.hypot(W[:, 0], W[:, 1])
    assert high.any()
    assert not inside(north)[high].any()


@pytest.mark.parametrize("nested", [False, True])
def test_along_the_middle_of_a_pixel_it_ends_where_the_map_says(nested):
    distances = reaches()
    l, b = np.radians(directions(nested))  # noqa: E741
    direction = np.stack([np.cos(b) * np.cos(l), np.cos(b) * np.sin(l), np.sin(b)], 1)
    region = mask(distances, nested=nested)
    for factor in (0.1, 0.999, 1.001):
        x = np.where(distances > 0, factor * distances, 0.1)[:, None] * direction
        seen = (distances > 0) & (factor < 1)
        np.testing.assert_array_equal(region.contains_positions(x, SUN), seen)


def test_ring_and_nested_order_say_the_same():
    ring = reaches()
    nested = ring[HEALPix(NSIDE).nested_to_ring(np.arange(PIXELS))]
    assert not np.array_equal(ring, nested)
    np.testing.assert_array_equal(inside(mask(ring)), inside(mask(nested, nested=True)))


def test_its_ball_holds_everything_inside():
    region = mask(reaches())
    centre, radius = region.bounding_ball()
    distance = np.linalg.norm(W[:, :3] - np.array(centre), axis=1)
    assert np.all(distance[inside(region)] <= radius)
    assert region.is_spatial


def test_it_combines_with_other_regions():
    region, slab = mask(reaches()), Box((("z", -0.2, 0.2), ("vx", -10.0, 10.0)))
    np.testing.assert_array_equal(inside(region & slab), inside(region) & inside(slab))
    np.testing.assert_array_equal(inside(region | slab), inside(region) | inside(slab))
    np.testing.assert_array_equal(inside(~region), ~inside(region))
    assert isinstance((region & slab).spatial_part(), And)
    assert (region & Shell(5.0)).bounding_ball() == region.bounding_ball()


@pytest.mark.parametrize("nested", [False, True])
def test_the_quadrature_has_the_volume_of_its_pyramids(nested):
    distances = reaches()
    region = mask(distances, nested=nested)
    x = W[inside(region), :3]
    nodes = quadrature(fit_proposal(x, region), region, SUN, 2**15)
    expected = np.sum(4 * np.pi / PIXELS * distances**3 / 3)
    assert np.sum(nodes.volume) == pytest.approx(expected, rel=0.01)


def test_json_brings_back_the_same_mask():
    for nested in (False, True):
        region = mask(reaches(), nested=nested)
        again = from_json(json.loads(json.dumps(region.to_json())))
        assert again == region
        assert hash(again) == hash(region)


def test_it_says_how_fine_and_how_far_it_is():
    distances = np.full(PIXELS, 0.5)
    distances[3] = 1.2
    assert str(mask(distances)) == "distance mask (nside 8, r < 1.2 kpc)"
    assert len(str(~mask(distances) & mask(distances))) < 100


def test_stars_in_several_blocks_are_each_looked_up(monkeypatch):
    whole = inside(mask(reaches()))
    monkeypatch.setattr(distance_mask, "_BLOCK", 37)
    np.testing.assert_array_equal(inside(mask(reaches())), whole)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_odd_places_are_decided_without_a_warning(dtype):
    """The Sun has no direction and belongs to the mask; what is nowhere does not."""
    w = np.zeros((5, 6), dtype)
    w[1, 0], w[2, 1], w[3, 2], w[4, 0] = np.nan, np.inf, -np.inf, 1e-30
    np.testing.assert_array_equal(inside(mask(np.full(12, 1.0)), w), [True, False, False, False, True])
    assert inside(mask(np.full(12, 1.0)), w[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("distances", "words"),
    [
        ([], "0 pixels is no HEALPix map"),
        ([1.0] * 13, "13 pixels is no HEALPix map.*a power of two"),
        ([1.0] * 12 * 9, "108 pixels"),  # nside 3
        ([1.0] * 12 * (2 * FINEST) ** 2, f"at most {FINEST}"),
        ([1.0] * 11 + [-0.5], "reaches -0.5 kpc in pixel 11.*0 where nothing is seen"),
        ([np.nan] + [1.0] * 11, "reaches nan kpc in pixel 0"),
        ([1.0] * 11 + [np.inf], "finite"),
        ([0.0] * 12, "zeros alone has no volume"),
    ],
    ids=["none", "13", "nside 3", "too fine", "negative", "nan", "infinite", "zeros"],
)
def test_what_is_no_map_is_refused_in_words(distances, words):
    with pytest.raises(RegionError, match=words):
        mask(distances)
