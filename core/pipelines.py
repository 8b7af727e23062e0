"""The ensembles of potentials by name: the five uncertainties of PHYSICS 4, and what is computed beside them.

``potential_seed`` holds the best fit. Each of the others changes one thing: the stars within their errors, which stars
there are, the flow, the place and velocity of the Sun. ``weak_form`` is the preview from the stars alone, ``null`` the
null test, on stars turned to random azimuths.
"""

from collections.abc import Iterable, Mapping

OBSERVATIONAL_NOISE = "observational_noise"
BOOTSTRAP = "bootstrap"
DF_SEED = "df_seed"
POTENTIAL_SEED = "potential_seed"
SOLAR_POSITION = "solar_position"
BARYONS = "baryons"
WEAK_FORM = "weak_form"
NULL = "null"

TITLES: Mapping[str, str] = {
    OBSERVATIONAL_NOISE: "noise",
    BOOTSTRAP: "bootstrap",
    DF_SEED: "DF seed",
    POTENTIAL_SEED: "Φ seed",
    SOLAR_POSITION: "x₀, v₀",
    BARYONS: "baryons",
    WEAK_FORM: "weak form",
    NULL: "null test",
}
"""Short names, in the order in which pipelines are shown."""

RESAMPLED = (BOOTSTRAP, OBSERVATIONAL_NOISE)
"""Pipelines whose every draw has stars and flows of its own: one flow on each half of the stars, and one potential."""

UNCERTAINTIES = (OBSERVATIONAL_NOISE, BOOTSTRAP, DF_SEED, POTENTIAL_SEED, SOLAR_POSITION, BARYONS)
"""What adds up to the error of a scalar."""


def shown_pipelines(names: Iterable[str]) -> dict[str, str]:
    """The short names of some pipelines in their order; one that has none keeps its own, at the end."""
    found = set(names)
    known = {name: words for name, words in TITLES.items() if name in found}
    return known | {name: name.replace("_", " ") for name in sorted(found - set(known))}


def colour_of(name: str) -> int:
    """Number of a pipeline's colour, the same in every figure, whatever else is drawn; unknown ones share one."""
    names = list(TITLES)
    return names.index(name) if name in TITLES else len(names)


def flows_per_draw(*, halves: bool) -> int:
    """Flows of a resampled draw: one on each half of its stars, or one on all of them."""
    return 2 if halves else 1
