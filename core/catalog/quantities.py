"""The measured quantities of a star: names, other people's names, units, ranges, stored types.

Names and units are those of the Gaia archive (PHYSICS 1). Every other module asks here, so that a new alias
is one word in one place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

NO_ID = -1
"""Stored where a star has no identifier: integers have no NaN."""

SENTINELS = (-99.0, -999.0, -9999.0)
"""Numbers that other catalogues write for "not measured", besides anything of 1e20 or more."""

LARGEST = 1e20

_LIGHT = 299_792.458
"""Nothing moves faster [km/s]."""
_FASTEST_ON_THE_SKY = 1e6
"""A hundred times Barnard's star [mas/yr]: what is beyond is in another unit, or no measurement."""


@dataclass(frozen=True)
class Quantity:
    """A column the program understands.

    ``unit`` is an astropy unit string, ``low`` and ``high`` the inclusive range a value can have,
    ``aliases`` the names under which other tables carry it, best first. An error below zero means "not
    measured".
    """

    name: str
    unit: str = ""
    aliases: tuple[str, ...] = ()
    dtype: type = np.float32
    low: float = -np.inf
    high: float = np.inf

    @property
    def is_integer(self) -> bool:
        """An identifier: never to pass through a floating-point number."""
        return np.issubdtype(self.dtype, np.integer)

    @property
    def is_error(self) -> bool:
        """A standard error."""
        return self.name.endswith("_error")


CARTESIAN = ("x", "y", "z", "vx", "vy", "vz")
"""Heliocentric Galactic w, always stored."""

ASTROMETRY = ("ra", "dec", "parallax", "pmra", "pmdec")
"""Gaia's five astrometric parameters in the order of its covariance matrix."""

CORRELATIONS = tuple(f"{a}_{b}_corr" for a, b in combinations(ASTROMETRY, 2))
"""The ten correlations of the five parameters."""

_SKY = (
    Quantity("ra", "deg", ("ra_icrs", "raj2000", "ra_j2000", "_ra"), np.float64, 0.0, 360.0),
    Quantity(
        "dec",
        "deg",
        ("de_icrs", "dec_icrs", "dej2000", "decj2000", "dec_j2000", "_de"),
        np.float64,
        -90.0,
        90.0,
    ),
    Quantity("ra_error", "mas", ("e_ra_icrs", "e_ra", "ra_err")),
    Quantity("dec_error", "mas", ("e_de_icrs", "e_dec", "dec_err")),
    Quantity("parallax", "mas", ("plx", "varpi")),
    Quantity("parallax_error", "mas", ("e_plx", "plx_error", "plx_err", "parallax_err", "e_parallax")),
    Quantity("distance", "kpc", ("dist",)),
    Quantity("distance_error", "kpc", ("dist_error", "distance_err", "e_distance", "e_dist")),
    Quantity(
        "pmra",
        "mas/yr",
        ("pm_ra", "pmra_cosdec", "pm_ra_cosdec"),
        low=-_FASTEST_ON_THE_SKY,
        high=_FASTEST_ON_THE_SKY,
    ),
    Quantity("pmra_error", "mas/yr", ("e_pmra", "pm_ra_error", "pmra_err")),
    Quantity("pmdec", "mas/yr", ("pmde", "pm_dec", "pm_de"), low=-_FASTEST_ON_THE_SKY, high=_FASTEST_ON_THE_SKY),
    Quantity("pmdec_error", "mas/yr", ("e_pmde", "pm_dec_error", "pmdec_err", "e_pmdec")),
    Quantity(
        "radial_velocity",
        "km/s",
        ("dr2_radial_velocity", "rv", "vlos", "vrad", "rvel", "hrv", "rad_vel", "v_los"),
        low=-_LIGHT,
        high=_LIGHT,
    ),
    Quantity(
        "radial_velocity_error",
        "km/s",
        (
            "dr2_radial_velocity_error",
            "e_rv",
            "rv_error",
            "rv_err",
            "e_rvel",
            "vlos_error",
            "vlos_err",
            "e_vlos",
        ),
    ),
)
_LABELS = (
    Quantity(
        "source_id",
        "",
        (
            *(
                "gaia_source_id",
                "gaiadr3_source_id",
                "gaia_dr3_source_id",
                "dr3_source_id",
                "gaia_dr3_id",
                "gaiadr3",
            ),
            *("gaiaedr3", "gaia_edr3_id", "gaia_id", "gaiadr2_source_id", "gaia_dr2_source_id"),
            *("dr2_source_id", "gaia_dr2_id", "gaiadr2"),
        ),
        np.int64,
    ),
    Quantity("group", "", ("orbit", "orbit_id"), np.int64),
    Quantity("selection_weight"),
)
_PHOTOMETRY = (
    Quantity("phot_g_mean_mag", "mag", ("gmag", "g_mag", "phot_g")),
    Quantity("phot_bp_mean_mag", "mag", ("bpmag", "bp_mag", "phot_bp")),
    Quantity("phot_rp_mean_mag", "mag", ("rpmag", "rp_mag", "phot_rp")),
    Quantity("bp_rp", "mag", ("bprp", "bp_rp_color")),
    Quantity("ruwe"),
)
_PHASE_SPACE = (
    *(Quantity(name, "kpc") for name in CARTESIAN[:3]),
    *(Quantity(name, "km/s", low=-_LIGHT, high=_LIGHT) for name in CARTESIAN[3:]),
)

QUANTITIES: Mapping[str, Quantity] = {
    q.name: q
    for q in (
        *_PHASE_SPACE,
        *_LABELS,
        *_SKY,
        *(Quantity(name, low=-1.0, high=1.0) for name in CORRELATIONS),
        *_PHOTOMETRY,
    )
}
