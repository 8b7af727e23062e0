"""Laws of a frame that drifts: a system seen by a Sun of another velocity is one whose frame moves."""

import dataclasses

import numpy as np
import pytest
from exact_scores import configured, drawn, judged, scored

from core import mocks
from core.config import preset
from core.errors import ConfigError
from core.phase_space.solar_position import SolarPosition
from core.potential.boltzmann import residual
from core.potential.reference_frame import reference_frame
from core.potential.training import fit_analytic, fit_convex, fit_network_member, gather
from core.potential.weak_form import weak_config

SUN = SolarPosition()
DRIFT = (4.0, -7.0, 3.0)
BOOSTED = dataclasses.replace(SUN, u=SUN.u + DRIFT[0], v=SUN.v + DRIFT[1], w=SUN.w + DRIFT[2])
"""A Sun that moves by DRIFT more: so does all that it sees."""


def boosted(name, **options):
    """A scored mock that moves by DRIFT, and the Sun with which that is so."""
    sample = scored(name, **options)
    if name != "plummer":
        return sample, BOOSTED
    w = sample.w.copy()
    w[:, 3:] += DRIFT
    return dataclasses.replace(sample, w=w), SUN


@pytest.mark.parametrize("name", ["freeman", "plummer"])
def test_a_boosted_system_is_stationary_in_the_frame_that_moves_with_it(name):
    system, _, _, _ = drawn(name)
    sample, sun = boosted(name)
    scores, force = sample.score[0], system.acceleration(sample.w[:, :3])
    speed = system.pattern_speed or 0.0
    still = reference_frame(system.frame, sun)
    for frame in (still.drifting(DRIFT), reference_frame(system.frame, sun, DRIFT)):
        found = residual(frame, sample.w, scores, force, speed)
        assert np.abs(found).max() < 1e-8 * np.abs(frame.streaming(sample.w, scores)).max()
    # What a drift changes is linear in it, but for its product with the pattern speed.
    change = still.shifts(scores) @ DRIFT + speed * still.swerves(scores) @ DRIFT
    np.testing.assert_allclose(residual(still, sample.w, scores, force, speed) - change, found, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "settings", "error"),
    [
        # Little tells a drift from turning and from forces: a thousandth of the information on uy is left.
        ("freeman", {}, 0.3),
        ("freeman", {"pattern_speed": "20"}, 0.3),
        ("shu-disc", {}, 0.1),
        ("slab-spiral", {}, 0.2),
        ("plummer", {}, 0.1),
    ],
)
def test_exact_scores_give_the_drift_back(name, settings, error):
    sample, sun = boosted(name)
    config = configured(name, drift="free", **settings)
    member, fit = fit_convex(sample, config, sun, seed=0, bootstrap=False)
    np.testing.assert_allclose(member.drift, DRIFT, atol=error)
    assert (fit.noise_share, member.drift_noise_share) == (1.0 if name == "shu-disc" else None, None)
    assert judged(name, member, config)[0] < 5e-3
    true = mocks.system(name).pattern_speed
    if true and name != "shu-disc":
        assert member.pattern_speed == pytest.approx(true, abs=0.1)


def test_a_drift_that_is_given_is_kept_and_gives_the_answer_of_a_system_at_rest():
    words = ",".join(map(str, DRIFT))
    moving, _ = fit_convex(scored("freeman"), configured("freeman", drift=words), BOOSTED, seed=0, bootstrap=False)
    resting, _ = fit_convex(scored("freeman"), configured("freeman"), SUN, seed=0, bootstrap=False)
    assert (moving.drift, resting.drift) == (DRIFT, None)
    assert moving.pattern_speed == pytest.approx(resting.pattern_speed, abs=1e-3)
    assert judged("freeman", moving, configured("freeman"))[0] < 1e-3
    both = gather(configured("freeman"), [moving, moving])
    np.testing.assert_array_equal(both.best_drift, DRIFT)
    assert both.take(slice(1)).drift.shape == (1, 3)


def test_the_noise_share_tells_which_components_are_seen():
    """A disc shows its own velocity to both halves; with errors of 5 % Freeman's system shows nothing of ux."""
    shares = {}
    for name in ("shu-disc", "freeman"):
        sample, sun = boosted(name, noise=0.05, members=2)
        member, _ = fit_convex(sample, configured(name, drift="free"), sun, seed=0, bootstrap=False)
        shares[name] = np.array(member.drift_noise_share)
        assert member.drift[2] == pytest.approx(DRIFT[2], abs=0.1)
    assert np.all(np.abs(shares["shu-disc"]) < 0.1)
    assert shares["freeman"][0] > 0.5
    assert np.all(shares["freeman"][1:] < 0.3)


def test_the_analytic_solver_finds_a_drift_too():
    off = {"analytic.thin_mass": 0, "analytic.thick_mass": 0, "analytic.halo_mass": 0, "analytic.bulge": "plummer"}
    begin = {"analytic.bulge_mass": 2e10, "analytic.bulge_scale": 2.0, "analytic.free": "bulge_scale,bulge_mass"}
    sample, sun = boosted("plummer")
    config = configured("plummer", solver="analytic", drift="free", **begin, **off)
    member, fit = fit_analytic(sample, config, sun, seed=0, bootstrap=False)
    np.testing.assert_allclose(member.drift, DRIFT, atol=1e-3)
    np.testing.assert_allclose(np.asarray(fit.state.parameters)[-2:], [1e10, 1.0], rtol=1e-3)


def test_the_network_keeps_the_drift_with_which_it_begins():
    small = {"network.hidden": 16, "network.layers": 2, "network.training.batch": 256, "network.warming.steps": 300}
    training = {"network.training.steps": 40, "network.training.learning_rate": 1e-4}
    config = configured("freeman", solver="network", drift="free", **small, **training)
    *_, (_, member) = fit_network_member(scored("freeman"), config, BOOSTED, seed=1)
    np.testing.assert_allclose(member.drift, DRIFT, atol=0.5)


def test_the_weak_form_fits_no_drift_and_keeps_a_given_one():
    assert weak_config(configured("freeman", drift="free")).fixed_drift is None
    assert weak_config(configured("freeman", drift="1,2,3")).fixed_drift == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"potential.drift": "1,2"}, r"must be none, free or three numbers; got '1,2'"),
        ({"potential.drift": "1,2,nan"}, r"must be none, free or three numbers"),
        ({"potential.drift": "free", "flow.mode": "conditional"}, r"drift=free needs flow.mode=joint"),
    ],
)
def test_what_is_no_drift_is_refused_in_words(settings, words):
    with pytest.raises(ConfigError, match=words):
        preset("quick", settings)
