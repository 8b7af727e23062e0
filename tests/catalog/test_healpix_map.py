"""A HEALPix map in FITS becomes a distance mask, whatever program wrote it, or is refused with a reason."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from core.catalog.healpix_map import read_distance_mask
from core.errors import InputError
from core.phase_space.region import DistanceMask

DISTANCES = np.round(np.linspace(0.2, 1.5, 12 * 16**2), 4)


def write(path, values=DISTANCES, unit="kpc", code="E", per_row=1, **keywords):
    """A map as healpy writes it; keywords of None are left out."""
    values = np.asarray(values).reshape(-1, per_row)
    column = fits.Column("DISTANCE", f"{per_row}{code}", array=np.squeeze(values), unit=unit)
    hdu = fits.BinTableHDU.from_columns([column, fits.Column("SIGMA", "E", array=np.zeros(len(values)))])
    cards = {"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": 16, "INDXSCHM": "IMPLICIT"} | keywords
    hdu.header.update({key: value for key, value in cards.items() if value is not None})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


@pytest.mark.parametrize("per_row", [1, 16, 1024])
@pytest.mark.parametrize(("unit", "factor"), [("kpc", 1.0), ("pc", 1e3)])
@pytest.mark.parametrize("code", ["E", "D"])
def test_a_map_is_read_as_it_was_written(per_row, unit, factor, code, tmp_path):
    file = write(tmp_path / "map.fits", DISTANCES * factor, unit, code, per_row)
    assert read_distance_mask(file) == DistanceMask(tuple(DISTANCES.tolist()))


@pytest.mark.parametrize(("ordering", "nested"), [("RING", False), ("NESTED", True), ("nest", True)])
def test_the_order_of_pixels_is_the_files(ordering, nested, tmp_path):
    assert read_distance_mask(write(tmp_path / "map.fits", ORDERING=ordering)).nested is nested


def test_what_needs_not_be_said_may_be_missing(tmp_path):
    file = write(tmp_path / "map.fits", NSIDE=None, INDXSCHM=None, PIXTYPE=None)
    assert read_distance_mask(file).nside == 16
    assert read_distance_mask(write(tmp_path / "galactic.fits", COORDSYS="GAL")).nside == 16


def test_whole_numbers_are_distances_too(tmp_path):
    parsecs = np.arange(1, len(DISTANCES) + 1)
    mask = read_distance_mask(write(tmp_path / "map.fits", parsecs, "pc", "J"))
    np.testing.assert_allclose(mask.distances, parsecs / 1e3, rtol=1e-12)


def test_a_compressed_map_is_read(tmp_path):
    plain = write(tmp_path / "map.fits")
    packed = tmp_path / "map.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_distance_mask(packed) == read_distance_mask(plain)


def test_a_pixel_without_a_value_is_not_seen(tmp_path):
    values = np.where(np.arange(len(DISTANCES)) < 10, -1.6375e30, DISTANCES)
    mask = read_distance_mask(write(tmp_path / "map.fits", values))
    assert mask.distances[:10] == (0.0,) * 10
    assert mask.distances[10:] == tuple(DISTANCES[10:].tolist())


NEGATIVE = np.where(np.arange(len(DISTANCES)) == 7, -1.0, DISTANCES)
NAN = np.where(np.arange(len(DISTANCES)) == 7, np.nan, DISTANCES)
REFUSED = {
    "no order": ({"ORDERING": None}, "order of pixels is not known"),
    "multi-order": ({"ORDERING": "NUNIQ"}, "'NUNIQ'.*'RING' or 'NESTED'"),
    "part of the sky": ({"INDXSCHM": "EXPLICIT"}, "part of the sky"),
    "equatorial": ({"COORDSYS": "C"}, "not in Galactic coordinates"),
    "no unit": ({"unit": None}, "unit of its distances is not given.*TUNIT1"),
    "magnitudes": ({"unit": "mag"}, "in 'mag'"),
    "no unit at all": ({"unit": "parsnip"}, "in 'parsnip'"),
    "wrong nside": ({"NSIDE": 32}, "nside 16, but says NSIDE = 32"),
    "not a map": ({"values": DISTANCES[:100]}, "100 pixels is no HEALPix map"),
    "too fine": ({"values": np.ones(12 * 256**2), "NSIDE": 256}, "at most 128"),
    "negative": ({"values": NEGATIVE}, "reaches -1 kpc in pixel 7"),
    "not a number": ({"values": NAN}, "reaches nan kpc in pixel 7.*0 where nothing is seen"),
    "zeros": ({"values": np.zeros(12), "NSIDE": 1}, "zeros alone"),
    "words": ({"values": np.full(12, "far"), "code": "A", "NSIDE": 1}, "'DISTANCE' is not of numbers"),
    "complex": ({"values": DISTANCES.astype(complex), "code": "M"}, "not of numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_map_of_distances_is_refused_in_words(case, tmp_path):
    arguments, words = REFUSED[case]
    with pytest.raises(InputError, match=words) as caught:
        read_distance_mask(write(tmp_path / "map.fits", **arguments))
    assert caught.value.file == tmp_path / "map.fits"
    assert caught.value.remedy


def test_a_header_that_promises_too_much_is_not_believed(tmp_path):
    file = write(tmp_path / "map.fits")
    content = file.read_bytes()
    card = f"NAXIS2  = {len(DISTANCES):>20}".encode()
    assert content.count(card) == 1
    file.write_bytes(content.replace(card, b"NAXIS2  =         999999999999"))
    with pytest.raises(InputError, match="larger than 268 MB"):
        read_distance_mask(file)


@pytest.mark.parametrize("per_row", [1, 16])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 0.8])
def test_a_file_that_ends_too_early_is_refused(share, packed, per_row, tmp_path):
    content = write(tmp_path / "map.fits", per_row=per_row).read_bytes()
    content = gzip.compress(content) if packed else content
    cut = tmp_path / ("cut.fits.gz" if packed else "cut.fits")
    cut.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"cut\.fits"):
        read_distance_mask(cut)


def test_what_is_no_file_or_no_fits_is_refused(tmp_path):
    (tmp_path / "text.fits").write_text("l b distance\n")
    fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / "image.fits")
    for path, words in [
        (tmp_path / "text.fits", "truncated or damaged"),
        (tmp_path / "image.fits", "holds no table"),
        (tmp_path / "none.fits", "no such file"),
        (tmp_path, "directory"),
        ("https://example.org/map.fits", "an address is not read"),
    ]:
        with pytest.raises(InputError, match=words):
            read_distance_mask(path)
