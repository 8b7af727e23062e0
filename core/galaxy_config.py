"""The settings of the analytic Galaxy: what each parameter begins with, its bounds, and which of them are fitted."""

from dataclasses import dataclass, fields

from core.errors import ConfigError, suggestion
from core.settings import setting


@dataclass(frozen=True)
class AnalyticConfig:
    """Two Miyamoto–Nagai discs, a Navarro–Frenk–White halo and a bulge about the Galactic centre.

    In an inertial frame they stand about the catalogue's own origin.
    """

    free: str = setting(
        "thin_mass, thin_height, halo_mass", "names of the parameters that are fitted; the others keep their values"
    )
    bulge: str = setting("hernquist", "profile of the bulge", choices=("hernquist", "plummer"))
    thin_mass: float = setting(4e10, "mass of the thin disc", unit="Msun", low=0.0, high=1e12)
    thin_length: float = setting(3.5, "length a of the thin disc", unit="kpc", low=0.1, high=20.0)
    thin_height: float = setting(0.3, "height b of the thin disc", unit="kpc", low=0.02, high=2.0)
    thick_mass: float = setting(1e10, "mass of the thick disc", unit="Msun", low=0.0, high=1e12)
    thick_length: float = setting(3.0, "length a of the thick disc", unit="kpc", low=0.1, high=20.0)
    thick_height: float = setting(0.9, "height b of the thick disc", unit="kpc", low=0.05, high=5.0)
    halo_mass: float = setting(8e11, "4π ρs rs³ of the halo", unit="Msun", low=0.0, high=1e14)
    halo_scale: float = setting(18.0, "scale radius of the halo", unit="kpc", low=0.1, high=100.0)
    bulge_mass: float = setting(9e9, "mass of the bulge", unit="Msun", low=0.0, high=1e12)
    bulge_scale: float = setting(0.5, "scale of the bulge", unit="kpc", low=0.01, high=20.0)

    def __post_init__(self) -> None:
        for name in self.free_names:
            if name not in PARAMETERS:
                raise ConfigError(
                    f"potential.analytic.free names no parameter {name!r}", remedy=suggestion(name, PARAMETERS)
                )
            if getattr(self, name) == 0:
                raise ConfigError(
                    f"potential.analytic.{name} is free and begins at 0",
                    remedy="Give it a value above 0, or leave it out of potential.analytic.free.",
                )

    @property
    def free_names(self) -> tuple[str, ...]:
        """The parameters that are fitted, in their order."""
        named = {part.strip() for part in self.free.split(",")} - {""}
        return tuple(n for n in PARAMETERS if n in named) + tuple(sorted(named - set(PARAMETERS)))

    @property
    def values(self) -> tuple[float, ...]:
        """The value of every parameter, in their order."""
        return tuple(getattr(self, name) for name in PARAMETERS)

    def bounds(self, name: str) -> tuple[float, float]:
        """Lowest and highest value of a parameter."""
        metadata = next(f.metadata for f in fields(self) if f.name == name)
        return metadata["low"], metadata["high"]


@dataclass(frozen=True)
class GuidedConfig:
    """The correction of the guided solver to the analytic Galaxy, whose settings are those of the analytic solver."""

    correction: float = setting(
        0.0,
        "how far the force is expected to be from the Galaxy's, relative; 0: as the greatest evidence has it",
        low=0.0,
        high=100.0,
    )


PARAMETERS = tuple(f.name for f in fields(AnalyticConfig) if f.name not in ("free", "bulge"))
"""Masses, lengths and heights, in the order of their definition."""
