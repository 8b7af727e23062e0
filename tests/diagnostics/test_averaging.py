"""Averaging anew: volumes of one's own, other baryons, and what a finished run allows."""

import json
import re

import numpy as np
import pytest

from core.config import preset
from core.diagnostics.averaging import Averaging, from_json, from_options
from core.diagnostics.scalars import OneMember, scalar_draws, scalar_values
from core.diagnostics.volumes import averaging_volumes, outlines, own_volume
from core.errors import ConfigError, RegionError
from core.phase_space.region import Box, Shell
from core.phase_space.solar_position import SolarPosition

SUN = SolarPosition()
BALL = Shell(1.0)
CONFIG = preset("quick")
MCKEE = preset("quick", {"scalars.baryons": "mckee2015"})


class Disc:
    """Known baryons and nothing else but ``dark`` [Msun/pc³]; the force is that of x."""

    def __init__(self, model, dark):
        self.model, self.dark = model, dark

    def potential(self, x):
        return -x[:, 0]

    def acceleration(self, x):
        return np.array([1.0, 0, 0]) + 0 * x

    def density(self, x):
        X = SUN.galactocentric_position(x)
        R = np.hypot(X[:, 0], X[:, 1])
        return self.dark + sum(c.at(R, X[:, 2], SUN.R0) for c in self.model.components)


def values(config, *texts, field=None):
    field = field or Disc(MCKEE.scalars.baryon_model, 0.01)
    own = [own_volume(text, i) for i, text in enumerate(texts, 1)]
    found = scalar_values(OneMember(field), averaging_volumes(config, BALL, own), config)
    return {name: float(v[0]) for name, v in found.items()}


def test_what_the_baryons_leave_is_the_dark_matter_in_every_volume():
    """The mean of a model is taken over the very places of the density."""
    found = values(MCKEE, "abs(Z) < 0.1 & r < 0.5", "north: Z > 0.3")
    dark = {name: v for name, v in found.items() if name.startswith("dark_matter")}
    assert set(dark) == {
        "dark_matter_density",
        "dark_matter_slab",
        "dark_matter_shell",
        "dark_matter@V1",
        "dark_matter@north",
    }
    assert all(v == pytest.approx(0.01, rel=1e-9) for v in dark.values())
    assert found["density@north"] < found["density_shell"] < found["density@V1"]
    assert found["acceleration_x@north"] == pytest.approx(SUN.axes[0, 0])


def test_one_number_for_the_midplane_says_nothing_of_a_volume():
    found = values(CONFIG, "abs(Z) < 0.1 & r < 0.5")
    assert [name for name in found if name.startswith("dark_matter")] == ["dark_matter_density"]
    assert "density@V1" in found


def test_there_are_no_baryons_without_a_plane():
    config = preset("quick", {"potential.frame": "inertial", "scalars.baryons": "mckee2015"})
    found = values(config, "r < 0.5")
    assert "density@V1" in found
    assert not any(name.startswith("dark_matter") for name in found)


def test_places_of_a_volume_are_inside_it_and_the_fitted_region():
    region = BALL & Box((("x", -0.5, 0.9),))
    volume = own_volume("abs(z - 0.2) < 0.02 & x > 0.2", 1)
    x = averaging_volumes(CONFIG, region, [volume]).own["V1"]
    assert len(x) > 64
    assert np.all(np.abs(x[:, 2] - 0.2) < 0.02)
    assert np.all((x[:, 0] > 0.2) & (x[:, 0] <= 0.9))


def test_the_volumes_of_a_run_do_not_move_for_ones_own():
    alone, beside = (averaging_volumes(CONFIG, BALL, own) for own in ([], [own_volume("r < 0.3", 1)]))
    np.testing.assert_array_equal(alone.shell, beside.shell)
    assert alone.words == {name: w for name, w in beside.words.items() if name != "V1"}


def test_a_volume_says_how_much_of_it_may_not_be_believed():
    words = averaging_volumes(CONFIG, BALL, [own_volume("r < 0.9", 1), own_volume("x > 0.2 & r < 0.7", 2)]).words
    share = int(re.fullmatch(r"r < 0\.9 \((\d+) % of it outside 0\.1 < r < 0\.8 kpc\)", words["V1"])[1])
    assert share == pytest.approx(100 * (1 - (0.8**3 - 0.1**3) / 0.9**3), abs=4)  # 2048 pairs of points
    assert words["V2"] == "x > 0.2 & r < 0.7"


def test_errors_of_the_baryons_go_together_over_volumes(fit):
    config = preset("quick", {"scalars.baryons": "mckee2015", "potential.frame": fit.system.frame})
    own = (own_volume("slice: Z > 0.1 & r < 0.5", 1),)
    draws = {d.name: d for d in scalar_draws({"potential_seed": fit.potential}, config, BALL, own=own)}
    dark = [d for name, d in draws.items() if name.startswith("dark_matter")]
    assert len(dark) == 4
    for d in dark:
        assert d.errors["baryons"] == pytest.approx(d.baryons["error"], rel=0.05)
        assert np.mean(d.pipelines["baryons"]) == pytest.approx(d.best)
        assert d.baryons["model"] == "mckee2015"
    one, other = (draws[name].pipelines["baryons"] for name in ("dark_matter_slab", "dark_matter@slice"))
    assert np.corrcoef(one, other)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scalars.outer": 0.9}, r"beyond 0\.8 kpc.*r < 0\.9"),
        ({"scalars.height": 1.1}, r"scalars\.height = 1\.1 kpc reaches beyond"),
        ({"scalars.inner": 0.8}, "has no volume"),
        ({"scalars.outer": -1}, "outside its bounds"),
        ({"scalars.slab": "thick"}, "must be a number"),
        ({"scalars.oter": 0.5}, "Did you mean 'scalars.outer'"),
        ({"flow.members": 3}, "cannot be changed in a finished run"),
    ],
)
def test_what_a_finished_run_does_not_allow_is_said(changes, words):
    with pytest.raises(ConfigError, match=words):
        Averaging(changes).config(CONFIG, BALL)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["r > 2"], "hardly anything of the volume 'V1'"),
        (["vphi > 200"], "depends on vphi"),
        (["thin: abs(z) <"], "cannot read"),
        (["rr < 1"], "unknown coordinate 'rr'"),
        (["a: r < 1", "a: r < 0.5"], "two volumes have the name 'a'"),
        (["r < 1"] * 7, "too many"),
    ],
)
def test_what_is_no_volume_is_said(texts, words):
    with pytest.raises(RegionError, match=words):
        averaging_volumes(CONFIG, BALL, from_options({}, texts).own)


def test_an_averaging_survives_an_address():
    averaging = from_options({"scalars.outer": "0.6"}, ["thin: abs(z) < 0.1", "r < 0.5"])
    assert [v.name for v in averaging.own] == ["thin", "V2"]
    assert from_json(json.loads(json.dumps(averaging.to_json()))) == averaging
    assert averaging.words() == ["scalars.outer = 0.6", "thin: abs(z) < 0.1", "V2: r < 0.5"]
    assert Averaging().is_of_run
    assert not averaging.is_of_run
    for malformed in (None, [], {"own": 3, "changes": {}}, {"own": [["a"]], "changes": {}}, {"own": []}):
        with pytest.raises(RegionError, match="malformed"):
            from_json(malformed)


def test_a_sketch_shows_a_volume_where_it_is():
    drawn = outlines(CONFIG, BALL, [own_volume("x > 0.5 & z < 0", 1)])
    (shadow,) = drawn.own
    middle = len(shadow.xy) // 2
    assert drawn.reach == 1
    assert not shadow.xy[:, :middle].any()  # nothing at x < 0
    assert shadow.xz[:middle].any()
    assert not shadow.xz[middle:].any()  # nothing to the north
