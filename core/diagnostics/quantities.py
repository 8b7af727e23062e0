"""The scalars by name: what each is called, its unit, and the volume over which it is averaged."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A scalar's name, its label in a figure, its unit, and the key of its volume."""

    name: str
    label: str
    unit: str
    volume: str


QUANTITIES = (
    Quantity("acceleration_x", "ax", "(km/s)²/kpc", "shell"),
    Quantity("acceleration_y", "ay", "(km/s)²/kpc", "shell"),
    Quantity("acceleration_z", "az", "(km/s)²/kpc", "shell"),
    Quantity("pattern_speed", "Ωp", "km/s/kpc", "shell"),
    Quantity("drift_x", "ux", "km/s", "shell"),
    Quantity("drift_y", "uy", "km/s", "shell"),
    Quantity("drift_z", "uz", "km/s", "shell"),
    Quantity("density_midplane", "ρ(R0, Z = 0)", "Msun/pc³", "arc"),
    Quantity("density_slab", "⟨ρ⟩ slab", "Msun/pc³", "slab"),
    Quantity("density_shell", "⟨ρ⟩ shell", "Msun/pc³", "shell"),
    Quantity("circular_velocity", "vc(R0)", "km/s", "arc"),
    Quantity("surface_density", "Σ", "Msun/pc²", "column"),
    Quantity("vertical_force", "Kz", "(km/s)²/kpc", "face"),
    Quantity("dark_matter_density", "ρDM", "Msun/pc³", "arc"),
    Quantity("negative_density_fraction", "fraction with ρ < 0", "", "shell"),
)
"""The scalars of every run, in the order in which they are shown; the drift only where the frame has one."""

DRIFT = ("drift_x", "drift_y", "drift_z")
"""Components of the velocity of the frame, to the centre, with the rotation and to the north."""

LAYERED = (
    Quantity("dark_matter_slab", "ρDM slab", "Msun/pc³", "slab"),
    Quantity("dark_matter_shell", "ρDM shell", "Msun/pc³", "shell"),
)
"""What a model of the baryons with heights adds: the midplane says nothing of a volume."""

DARK_MATTER = {
    "arc": "dark_matter_density",
    "slab": "dark_matter_slab",
    "shell": "dark_matter_shell",
    "": "dark_matter",
}
"""The name of the dark matter's mean density by volume; that of a volume of one's own is followed by @ and its name."""


def own_quantities(name: str) -> tuple[Quantity, ...]:
    """What is averaged over a volume of one's own."""
    components = (Quantity(f"acceleration_{i}@{name}", f"a{i} {name}", "(km/s)²/kpc", name) for i in "xyz")
    return (
        Quantity(f"density@{name}", f"⟨ρ⟩ {name}", "Msun/pc³", name),
        Quantity(f"dark_matter@{name}", f"ρDM {name}", "Msun/pc³", name),
        *components,
    )


def quantities(own: Iterable[str] = ()) -> tuple[Quantity, ...]:
    """All that can be averaged, over the volumes of a run and those of one's own by name, in the order shown."""
    return (*QUANTITIES[:-1], *LAYERED, QUANTITIES[-1], *(q for name in own for q in own_quantities(name)))


def dark_matter_name(volume: str) -> str:
    """The name of the dark matter's mean density over a volume, by the key of that."""
    return DARK_MATTER.get(volume) or f"{DARK_MATTER['']}@{volume}"
