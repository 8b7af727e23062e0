"""Published counts of the baryons at the Sun as models with heights.

Papers give surface densities, or none of the closed profiles: a height is then column / 2 density, which keeps both the
midplane and the column. Neither paper has a radial scale: stars fall with R by 2.6 kpc (thin disc) and 2.0 kpc (thick),
Bland-Hawthorn & Gerhard 2016, and gas, whose column near the Sun is nearly level, not at all.
"""

import math

from core.baryons.model import BaryonModel, Component

_HYDROGEN = 0.0346
"""Density [Msun/pc³] of one hydrogen nucleus per cm³ with helium and metals, 1.4 m_H."""

_THIN, _THICK = 2.6, 2.0


def _cold(name: str, group: str, nuclei: float, height_pc: float, error: float) -> Component:
    """Gas of ``nuclei`` per cm³ that falls as exp(−(Z/height)²); ``error`` is relative."""
    density = nuclei * _HYDROGEN
    return Component(name, density, error * density, "gaussian", height_pc / 1000 / math.sqrt(2), group=group)


def _warm(name: str, group: str, nuclei: float, height_pc: float, error: float) -> Component:
    """Gas of ``nuclei`` per cm³ that falls as exp(−|Z|/height)."""
    density = nuclei * _HYDROGEN
    return Component(name, density, error * density, "exponential", height_pc / 1000, group=group)


def _column(name: str, group: str, density: float, error: float, column: float, **shape: float | str) -> Component:
    """A component of ``column`` Msun/pc²; of sech² and exponential alike the height is column / 2 density."""
    profile = str(shape.get("profile", "exponential"))
    length = float(shape.get("length", math.inf))
    return Component(name, density, error, profile, column / (2 * density) / 1000, length, group)


MCKEE = BaryonModel(
    "mckee2015",
    "McKee, Parravano & Hollenbach 2015, ApJ 814, 13, Tables 1 and 2",
    (
        # Relative errors are those of the columns: H2 1.0 ± 0.3, HI 10.9 ± 1.6, HII 1.8 ± 0.1 Msun/pc².
        _cold("H2", "H2", 0.15, 105, 0.3),
        _cold("HI, cold", "HI", 0.80, 127, 0.15),
        _cold("HI, warm, thin", "HI", 0.13, 318, 0.15),
        _warm("HI, warm, thick", "HI", 0.077, 403, 0.15),
        _warm("HII", "HII", 0.0154, 1590, 0.06),
        _column("stars and remnants", "stars", 0.043, 0.004, 33.4, length=_THIN),
    ),
)
"""Gas with profiles, stars and remnants as one disc of 33.4 Msun/pc²; 0.084 Msun/pc³ in the midplane.

The error there is that of the columns, 0.007. Total less dark matter, 0.097 ± 0.013 − 0.013 ± 0.003, says 0.012.
"""

FLYNN = BaryonModel(
    "flynn2006",
    "Flynn, Holmberg, Portinari, Fuchs & Jahreiß 2006, MNRAS 372, 1149, local disc model (quoted from memory)",
    (
        _column("H2", "gas", 0.021, 0.0034, 3.0, profile="sech2"),
        _column("HI (1)", "gas", 0.016, 0.0026, 4.1, profile="sech2"),
        _column("HI (2)", "gas", 0.012, 0.0019, 4.1, profile="sech2"),
        _column("warm gas", "gas", 0.0009, 0.0001, 2.0, profile="sech2"),
        _column("thin disc", "stars", 0.0379, 0.0038, 28.5, length=_THIN),
        _column("thick disc", "stars", 0.0035, 0.0003, 7.0, length=_THICK),
    ),
)
"""Isothermal gas, stars and remnants summed to a thin disc, and a thick disc; 0.091 Msun/pc³, 49 Msun/pc².

The paper's error of the whole, 0.009, is shared out here: gas 0.008, stars 0.004.
"""

LITERATURE = {model.name: model for model in (MCKEE, FLYNN)}
