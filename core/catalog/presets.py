"""Recipes that come with the program, written as a user would write them.

Sources of the numbers: global parallax zero-point −0.017 mas, measured with quasars (Lindegren et al. 2021,
A&A 649, A4); ruwe < 1.4 (Lindegren 2018, technical note GAIA-C3-TN-LU-LL-124); parallax/error > 10 keeps
the distance error below 10 % so that 1/parallax is a fair distance (Bailer-Jones 2015, PASP 127, 994).
"""

from collections.abc import Mapping

_GAIA = """
coordinates = "astrometric"

[distance]
method = "parallax"
zero_point = -0.017  # mas; subtracted from every parallax

[[cuts]]
name = "parallax/error > 10"
keep = "parallax / parallax_error > 10"

[[cuts]]
name = "ruwe < 1.4"
keep = "ruwe < 1.4"
optional = true  # Gaia DR2 has no such column
"""

_UPPER_MAIN_SEQUENCE = """
[[cuts]]
# bluer than old stars at their turn-off (the Sun: bp_rp 0.82, M_G 4.67), so that giants stay outside
name = "-0.3 < bp_rp < 0.8"
keep = "-0.3 < bp_rp < 0.8"

[[cuts]]
# M_G = G + 5 log10(parallax / mas) - 10 within 1.7 mag of the ridge M_G = 0.7 + 4.5 bp_rp and brighter than
# 4.5; the band holds binaries (0.75 mag brighter) and leaves out hot subdwarfs and white dwarfs
name = "upper main sequence"
keep = '''
abs(phot_g_mean_mag + 5 * log10(parallax) - 10 - (0.7 + 4.5 * bp_rp)) < 1.7
& phot_g_mean_mag + 5 * log10(parallax) - 10 < 4.5
'''
"""

_VOLUME = """
[volume]
radius = 1.0  # kpc
"""

PRESETS: Mapping[str, str] = {
    "gaia-dr3-rvs": _GAIA + _VOLUME,
    "gaia-dr3-upper-main-sequence": _GAIA + _UPPER_MAIN_SEQUENCE + _VOLUME,
    "cartesian": 'coordinates = "cartesian"  # x, y, z [kpc] and vx, vy, vz [km/s], heliocentric Galactic\n',
}
"""TOML text of each preset."""
