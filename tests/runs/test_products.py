"""The flows of a run as files: every family comes back as it was, and those that are not fit for use are left out."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_flows import FAMILIES, bits, stars_of, trainer, weights_of

from core.config import preset
from core.errors import CorruptArtifactError, InputError, TrainingError, UnknownRunError
from core.flow.family import FlowState
from core.phase_space.solar_position import SolarPosition
from core.potential.basis import LinearState, disc_basis
from core.potential.galaxy import galaxy_state
from core.potential.guided import GuidedState
from core.potential.reference_frame import reference_frame
from core.potential.training import PotentialMember
from core.runs import artifacts, products
from core.runs.flow_files import read_flow, write_flow_member
from core.runs.products import MAIN, flow_path, rejection_path, stored_flows

HELD_OUT = (-15.801, -15.803, -15.806, -15.802)
"""Of members that all found the stars."""


def member(family, seed=0):
    """A member that was never trained."""
    flow = trainer(family, "disc").family
    networks = weights_of(flow.networks(jax.random.key(0)), 0.2, seed)
    return FlowState(networks, flow.coordinates.orientation(jax.random.key(seed)), jnp.asarray(-0.3))


def write(place, number, held_out, family="factored", half=None):
    made = trainer(family, "disc")
    write_flow_member(
        flow_path(place, MAIN, number),
        family=made.family,
        region=made.stars.region,
        proposal=made.stars.proposal,
        state=member(family, number),
        half=number % 2 if half is None else half,
        held_out=held_out,
    )


def reject(place, number, reason="the loss is no longer finite at step 7 of 200"):
    artifacts.write_json(rejection_path(place, MAIN, number), {"member": number, "half": number % 2, "reason": reason})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_flow_is_read_as_it_was_written(family, tmp_path):
    for number in (0, 1):
        write(tmp_path, number, -15.8, family)
    flow, made = read_flow(tmp_path), trainer(family, "disc")
    assert flow.family == made.family
    assert flow.region == made.stars.region
    assert flow.half.tolist() == [0, 1]
    np.testing.assert_array_equal(flow.proposal.cubed_radii, made.stars.proposal.cubed_radii)
    for i in range(flow.members):
        assert bits(jax.tree.map(lambda leaf, i=i: leaf[i], flow.states)) == bits(member(family, i))
    w = np.asarray(stars_of("disc")[1].w[:20], float)
    expected = jax.vmap(lambda point: made.family.log_df(member(family, 1), point))(jnp.asarray(w))
    np.testing.assert_allclose(flow.log_df(w)[1], expected, rtol=1e-12)


def test_every_flow_is_listed_by_number_with_what_is_known_of_it(tmp_path):
    for number, held_out in enumerate((*HELD_OUT, -17.0)):
        write(tmp_path, number, held_out)
    reject(tmp_path, 5)
    write(tmp_path, 10, -15.803)
    flows = stored_flows(tmp_path)
    assert [flow.number for flow in flows] == [0, 1, 2, 3, 4, 5, 10]
    assert [flow.half for flow in flows] == [0, 1, 0, 1, 0, 1, 0]
    assert [flow.reason is None for flow in flows] == [True, True, True, True, False, False, True]
    assert flows[4].reason == "its mean ln f of held-out stars is -17.000, that of the others -15.803"
    assert flows[5].reason == "the loss is no longer finite at step 7 of 200"
    assert flows[5].path is None
    assert math.isnan(flows[5].held_out)
    assert [flow.held_out for flow in flows if flow.number != 5] == [*HELD_OUT, -17.0, -15.803]
    assert stored_flows(tmp_path, "null") == []


def test_neither_a_rejected_flow_nor_an_outlier_is_used(tmp_path):
    for number, held_out in enumerate((*HELD_OUT, -17.0)):
        write(tmp_path, number, held_out)
    reject(tmp_path, 5)
    flow = read_flow(tmp_path)
    assert flow.members == 4
    assert flow.half.tolist() == [0, 1, 0, 1]
    for i in range(4):
        assert bits(jax.tree.map(lambda leaf, i=i: leaf[i], flow.states)) == bits(member("factored", i))


def test_half_of_the_flows_are_enough(tmp_path):
    write(tmp_path, 0, -15.8)
    write(tmp_path, 3, -15.81)
    reject(tmp_path, 1)
    reject(tmp_path, 2)
    assert read_flow(tmp_path).half.tolist() == [0, 1]


def test_fewer_than_half_are_too_few(tmp_path):
    write(tmp_path, 0, -15.8)
    write(tmp_path, 1, -15.8)
    for number in (2, 3, 4):
        reject(tmp_path, number)
    words = r"only 2 of 5 flows can be used, too few\. flow 2: the loss is no longer finite .*; flow 3: .*; flow 4:"
    with pytest.raises(TrainingError, match=words):
        read_flow(tmp_path)


def test_a_half_of_the_stars_without_a_member_is_an_error(tmp_path):
    """The cross-half instruments need both."""
    for number in (0, 2):
        write(tmp_path, number, -15.8)
    reject(tmp_path, 1)
    with pytest.raises(TrainingError, match=r"only 2 of 3 flows can be used, too few\. flow 1:"):
        read_flow(tmp_path)


def test_members_on_all_stars_have_no_halves_to_miss(tmp_path):
    for number in (0, 1):
        write(tmp_path, number, -15.8, half=-1)
    assert read_flow(tmp_path).half.tolist() == [-1, -1]


def test_a_run_without_flows_and_one_of_another_program_say_so(tmp_path):
    with pytest.raises(UnknownRunError, match="no trained flow yet"):
        read_flow(tmp_path)
    write(tmp_path, 0, -15.8)
    path = flow_path(tmp_path, MAIN, 0)
    arrays, metadata = artifacts.read_arrays(path)
    artifacts.write_arrays(path, arrays, {**metadata, "schema": products.FLOW_SCHEMA - 1})
    with pytest.raises(InputError, match="it has schema 1, this program reads 2"):
        read_flow(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(CorruptArtifactError, match="damaged"):
        read_flow(tmp_path)


def test_a_stored_flow_is_a_value(tmp_path):
    write(tmp_path, 0, -15.8)
    (flow,) = stored_flows(tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        flow.reason = "another"


def test_a_fitted_galaxy_is_read_back_as_it_was(tmp_path):
    """Its pattern speed may be no number: nothing turned."""
    config = preset("quick", {"potential.solver": "analytic", "potential.analytic.bulge": "plummer"}).potential
    sun = SolarPosition()
    state = galaxy_state(config.analytic, reference_frame("rotating", sun), sun)
    fitted = [PotentialMember(state, 20.0), PotentialMember(state._replace(parameters=2 * state.parameters), np.nan)]
    products.write_potentials(products.potentials_path(tmp_path, "df_seed"), config, fitted, 26.5)
    found, read, speed = products.read_members(tmp_path, "df_seed")
    assert (found, speed) == (config, 26.5)
    assert [bits(m.state) for m in read] == [bits(m.state) for m in fitted]
    assert read[0].pattern_speed == 20.0
    assert np.isnan(read[1].pattern_speed)
    assert products.read_potentials(tmp_path, "df_seed").model.bulge == "plummer"


def test_a_guided_potential_and_a_drift_are_read_back_as_they_were(tmp_path):
    config = preset("quick", {"potential.solver": "guided", "potential.drift": "free"}).potential
    sun = SolarPosition()
    galaxy = galaxy_state(config.analytic, reference_frame("rotating", sun), sun)
    basis = disc_basis(sun, None)
    state = GuidedState(galaxy, LinearState(basis, jnp.arange(float(basis.positive + 24))))
    fitted = [PotentialMember(state, 20.0, 0.1, (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)), PotentialMember(state, 20.0)]
    path = products.potentials_path(tmp_path, "df_seed")
    products.write_potentials(path, config, fitted, 26.5)
    _, read, _ = products.read_members(tmp_path, "df_seed")
    assert [bits(m.state) for m in read] == [bits(m.state) for m in fitted]
    assert [(m.drift, m.drift_noise_share) for m in read] == [(m.drift, m.drift_noise_share) for m in fitted]
    # Products of earlier versions know no drift.
    arrays, metadata = artifacts.read_arrays(path)
    artifacts.write_arrays(path, arrays, {k: v for k, v in metadata.items() if "drift" not in k})
    assert [m.drift for m in products.read_members(tmp_path, "df_seed")[1]] == [None, None]
    assert products.read_potentials(tmp_path, "df_seed").drift is None
