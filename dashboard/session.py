"""What one browser tab has chosen: pure state, mirrored in the address so that a link restores the view."""

import json
from collections.abc import Container, Mapping
from contextlib import suppress
from itertools import chain, count
from typing import Any

import param

from core.diagnostics.residual_maps import FORMS
from core.diagnostics.turned_axes import AXES
from core.errors import RegionError
from core.phase_space import region as regions
from core.phase_space.region import COMBINATIONS, Everything, Region
from dashboard.plots.brushes import BRUSHES
from dashboard.plots.density_maps import SCALES
from dashboard.plots.palette import PALETTES, Palette

PAGES = {
    "quality": "Flow quality",
    "potential": "Potential",
    "scalars": "Scalars",
    "train": "Train",
    "compare": "Compare",
}


def encoded(value: Any) -> str:
    """A plain value as text for the address.

    Panel would replace bare JSON in an address by the text of Python objects, which cannot be read back.
    """
    return _MARK + json.dumps(value, separators=(",", ":"))


def decoded(text: str) -> Any:
    """The value that :func:`encoded` wrote; ValueError for any other text."""
    try:
        return json.loads(text.removeprefix(_MARK))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


_MARK = "~"
REPLACE = "replace"


def free_name(wanted: str, taken: Container[str]) -> str:
    """The name that is wanted; many a lasso is described by the same words, so it may need a number to be free."""
    numbered = (f"{wanted} ({i})" for i in count(2))
    return next(name for name in chain([wanted], numbered) if name not in taken)


def _written(region: Region) -> str:
    return "" if isinstance(region, Everything) else encoded(region.to_json())


def _all_written(named: Mapping[str, Region]) -> str:
    return encoded([[name, region.to_json()] for name, region in named.items()]) if named else ""


class Session(param.Parameterized):
    """The choices of one session, all of them in the address of the page."""

    page = param.Selector(default="quality", objects=list(PAGES))
    run = param.String(default="", doc="Directory name of the run that is looked at.")
    runs = param.String(default="", doc="Directory names of the runs that are compared, separated by commas.")
    subset = param.String(default="", doc="Region of the chosen subset as JSON; empty for all stars.")
    subsets = param.String(default="", doc="Named subsets as JSON: a list of pairs of name and region.")
    theme = param.Selector(default="light", objects=list(PALETTES))

    projections = param.String(default="x~y,vphi~vR,l~sinb", doc="Pairs of coordinates, one row each.")
    view = param.String(default="", doc="Zoomed ranges of projections as JSON.")
    scale = param.Selector(default="log", objects=list(SCALES))
    form = param.Selector(default="paper", objects=list(FORMS))
    bins = param.Selector(default=128, objects=[64, 128, 256])
    brush = param.Selector(default=BRUSHES[0], objects=list(BRUSHES), doc="What a drag in a map does.")
    combine = param.Selector(default=REPLACE, objects=[REPLACE, *COMBINATIONS], doc="What drawing does to the subset.")
    linked = param.Boolean(default=True, doc="Rows that share a coordinate share its range.")
    marginals = param.Boolean(default=False, doc="Show the distributions of single coordinates.")

    averaging = param.String(default="", doc="What is averaged anew as JSON; empty for the run's own.")
    pair_x = param.String(default="", doc="Scalar that is drawn across; empty for the first choice.")
    pair_y = param.String(default="", doc="Scalar that is drawn up.")

    search = param.String(default="", doc="Words that the listed runs hold.")
    listed = param.Selector(default="current", objects=["current", "archived", "trash"], doc="Which runs are listed.")

    quantity = param.String(default="density")
    show = param.String(default="median")
    overlay_truth = param.Boolean(default=True)
    contours = param.Boolean(default=True)
    grey = param.Boolean(default=False, doc="Grey out what is not to be used.")
    at_x = param.Number(default=0.0)
    at_y = param.Number(default=0.0)
    at_z = param.Number(default=0.0)
    turn = param.Number(default=0.0, bounds=(-90, 90), doc="Angle of the vertical planes about the crosshair [deg].")
    along = param.Selector(default="z", objects=list(AXES), doc="Axis of the profile through the crosshair.")
    arrows = param.Boolean(default=False)
    baryons = param.String(default="", doc="Model of the baryons under ρ_DM; empty for the first choice.")
    colours = param.Selector(default="automatic", objects=["automatic", "each plane", "fixed"])
    colour_low = param.Number(default=0.0, doc="Where fixed colours begin.")
    colour_high = param.Number(default=1.0, doc="Where fixed colours end.")

    @classmethod
    def in_address(cls) -> list[str]:
        """The parameters that the address mirrors: all of them."""
        return [name for name in cls.param if name != "name"]

    def take(self, values: Mapping[str, Any]) -> None:
        """Choose what is valid of the values of an address; what is not leaves the choice as it is."""
        for name, value in values.items():
            with suppress(ValueError):
                # Panel reads a text of digits as a number.
                setattr(self, name, str(value) if isinstance(self.param[name], param.String) else value)

    @property
    def region(self) -> Region:
        """The chosen subset; everything where the address holds none, or none that can be read."""
        try:
            return regions.from_json(decoded(self.subset)) if self.subset else Everything()
        except (ValueError, RegionError):
            return Everything()

    def choose(self, region: Region) -> None:
        """Choose a subset."""
        self.subset = _written(region)

    def draw(self, region: Region) -> None:
        """Choose what was drawn, combined with the chosen subset as the session says."""
        # All stars or some of them are all stars: nobody draws for that.
        starts = isinstance(self.region, Everything) and self.combine == "or"
        alone = starts or self.combine == REPLACE
        self.choose(region if alone else COMBINATIONS[self.combine](self.region, region))

    @property
    def named(self) -> dict[str, Region]:
        """The named subsets, in order; those that cannot be read are left out."""
        found: dict[str, Region] = {}
        for pair in self._pairs():
            with suppress(ValueError, TypeError, RegionError):
                name, region = pair
                found[str(name)] = regions.from_json(region)
        return found

    def _pairs(self) -> list[Any]:
        try:
            pairs = decoded(self.subsets) if self.subsets else []
        except ValueError:
            return []
        return pairs if isinstance(pairs, list) else []

    @property
    def offered(self) -> dict[str, Region]:
        """The named subsets and the chosen one, which is called after itself where it has no name."""
        named, region = self.named, self.region
        if isinstance(region, Everything) or region in named.values():
            return named
        return {**named, free_name(str(region), named): region}

    @property
    def chosen_name(self) -> str:
        """What the chosen subset is called; empty for all stars."""
        return next((name for name, region in self.offered.items() if region == self.region), "")

    def name_subsets(self, named: dict[str, Region]) -> None:
        """Replace the named subsets."""
        self.subsets = _all_written(named)

    def revise(self, region: Region) -> None:
        """Put ``region`` in the place of the chosen subset, under the name that it has."""
        named = {name: region if old == self.region else old for name, old in self.named.items()}
        self.param.update(subset=_written(region), subsets=_all_written(named))

    @property
    def palette(self) -> Palette:
        """Colours of the chosen theme."""
        return PALETTES[self.theme]
