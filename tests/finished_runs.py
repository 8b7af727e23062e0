"""Finished runs with small products, for the tests of what shows a run: the pages and the report."""

import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from small_runs import TINY, ball, manifest

from core import mocks
from core.config import preset
from core.diagnostics.scalar_draws import ScalarDraws
from core.diagnostics.star_counts import Slope
from core.diagnostics.stationarity import PatternSpeedVerdict
from core.flow.family import FlowState
from core.flow.training import flow_trainer
from core.phase_space.region import Everything, Region
from core.phase_space.sample import ScoredSample
from core.potential.training import fit_convex
from core.runs.artifacts import file_digest, write_json
from core.runs.flow_files import write_flow_member
from core.runs.manifest import CatalogueReference
from core.runs.products import MAIN, flow_path, potentials_path, write_potentials
from core.runs.registry import Run, create_run
from core.runs.star_files import FLOW_SAMPLE, FLOW_SUMMARY, FlowSummary, write_stars, write_summary

SLOPES = (Slope("r 0–0.5 kpc", -1.0, 0.1, -1.1, 0.1), Slope("r 0.5–1 kpc", -2.0, 0.1, -3.0, 0.1))
"""Gradients of ln n in the data and in the flow: one agrees, one does not."""


def write_products(place: Path) -> None:
    """Two flows that were never trained, and two potentials: files that only have to be read."""
    config = preset("quick", {**TINY, "potential.frame": "inertial"})
    system = mocks.system("plummer", {"radius": 1.0})
    stars = system.sample(np.random.default_rng(0), 800)
    trainer = flow_trainer(stars, config.flow, config.solar, coordinates="sphere", seed=0)
    shape = {"family": trainer.family, "region": trainer.stars.region, "proposal": trainer.stars.proposal}
    networks = trainer.family.networks(jax.random.key(0))
    state = FlowState(networks, rotation=jnp.eye(3), log_normaliser=jnp.zeros(()))
    for member in range(2):
        write_flow_member(flow_path(place, MAIN, member), state=state, half=member, held_out=-15.0, **shape)
    log_df, score = system.ln_f(stars.w)[None], system.score(stars.w)[None]
    scored = ScoredSample(np.asarray(stars.w, float), log_df, score, np.array([-1]))
    fitted = fit_convex(scored, config.potential, config.solar, seed=0)[0]
    write_potentials(potentials_path(place, "potential_seed"), config.potential, [fitted] * 2, None)


def finish_run(
    runs: Path,
    data: Path,
    products: Path,
    name: str = "ball",
    run_id: str = "20260101-000000-0000",
    region: Region | None = None,
    **changes: object,
) -> Run:
    """A run of stars in a ball with the ``products`` of :func:`write_products`, and all else that is shown of a run."""
    catalogue = ball(data, name=name)
    stars = catalogue.sample(region)
    reference = CatalogueReference(catalogue.id, catalogue.name, len(catalogue), True)
    spec = manifest(name, run_id, catalogue=reference, region=region or Everything(), stars=len(stars), **changes)
    run = create_run(runs, spec, ["test"])
    write_stars(run.products / FLOW_SAMPLE, np.random.default_rng(3).permutation(stars.w)[:1500])
    write_summary(run.products / FLOW_SUMMARY, FlowSummary((-15.0, -15.5), {}, SLOPES))
    write_json(run.products / "scalars.json", scalars())
    shutil.copytree(products, run.products, dirs_exist_ok=True)
    digests = {str(p.relative_to(run.path)): file_digest(p) for p in run.products.iterdir()}
    write_json(run.path / "tasks" / "scalars" / "DONE", digests)
    write_json(run.path / "state.json", {"state": "done"})
    return run


def scalars() -> dict[str, object]:
    """What ``scalars.json`` holds."""
    draws = {p: np.array([27.0, 28.0, 28.5, 29.0]) for p in ("df_seed", "potential_seed")}
    none = {p: np.zeros(4) for p in draws}
    made = [
        ScalarDraws("pattern_speed", "Ωp", "km/s/kpc", "r < 1 kpc", 28.0, draws, 28.2),
        ScalarDraws("negative_density_fraction", "fraction with ρ < 0", "", "r < 1 kpc", 0.0, none),
    ]
    document = {scalar.name: scalar.to_json() for scalar in made}
    document["pattern_speed"] |= PatternSpeedVerdict(0.1, 27.0).to_json()
    return document
