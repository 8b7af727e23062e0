"""What pages and reports read off a finished run alike: slices and profiles of its potentials beside the truth."""

from core import mocks
from core.catalog.catalogue import Catalogue
from core.diagnostics.profiles import Profile, galactic_profiles
from core.diagnostics.scalars import trusted_shell
from core.diagnostics.slices import Slicer
from core.pipelines import NULL
from core.runs.registry import Run

NOT_MEASURED = (NULL,)
"""Pipelines that measure no uncertainty: the null test is fitted to stars that were turned about."""


def measured_pipelines(run: Run) -> list[str]:
    """The uncertainty pipelines whose potentials the run has."""
    found = [path.stem.removeprefix("potential-") for path in sorted(run.products.glob("potential-*.safetensors"))]
    return [name for name in found if name not in NOT_MEASURED]


def slicer(run: Run, catalogue: Catalogue) -> Slicer:
    """What evaluates slices of a run's best fit; UnknownRunError where it has no potentials yet."""
    config, region = run.manifest.config, run.flow.region
    return Slicer(
        potential=run.potential,
        truth=mocks.from_truth(catalogue.truth) if catalogue.truth else None,
        sun=config.solar,
        region=region.spatial_part(),
        trusted=trusted_shell(config, region) & region.spatial_part(),
    )


def profiles(run: Run, catalogue: Catalogue) -> tuple[Profile, ...]:
    """The profiles of a run in every pipeline that it has; none in an inertial frame, which knows no plane."""
    if run.manifest.config.potential.frame != "rotating":
        return ()
    of = slicer(run, catalogue)
    return galactic_profiles(
        {name: run.potentials(name) for name in measured_pipelines(run)},
        truth=of.truth,
        sun=of.sun,
        region=of.region,
        trusted=of.trusted,
        synthetic=run.manifest.catalogue.synthetic,
    )
