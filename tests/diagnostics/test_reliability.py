"""Reliability: the worst of spread, edge and stationarity counts, and a volume that is mostly doubtful is named."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from core import mocks
from core.catalog.resolve import open_catalogue
from core.diagnostics.averaging_trust import averaging_trust
from core.diagnostics.reliability import (
    CARE,
    DENSITY,
    FORCE,
    LIMITS,
    OUTSIDE,
    RELIABLE,
    UNUSABLE,
    WORDS,
    Reliability,
    legend,
    warning,
)
from core.diagnostics.steadiness import Steadiness, SteadinessMap
from core.diagnostics.volumes import averaging_volumes
from core.phase_space.region import Box, Shell
from core.phase_space.solar_position import SolarPosition
from core.runs import readings
from core.runs.registry import EMBEDDED_RUNS, find_run

SUN = SolarPosition()
CENTRE = np.zeros((1, 3))


@dataclass(frozen=True)
class Scattered:
    """An ensemble whose members are about 1 with a relative spread that is the same everywhere."""

    spread: float
    members: int = 401

    def density(self, x):
        # Half of the range from the 16th to the 84th percentile of these is 0.34.
        factors = 1 + self.spread / 0.34 * np.linspace(-0.5, 0.5, self.members)
        return np.repeat(factors[:, None], len(x), axis=1)

    def acceleration(self, x):
        return self.density(x)[..., None] * np.array([3.0, 0.0, 0.0])


def judge(*spreads, region=None, steadiness=None):
    ensembles = {str(i): Scattered(spread) for i, spread in enumerate(spreads or (0.0,))}
    return Reliability(ensembles, SUN, region or Shell(1.0), steadiness)


def steady(unexplained, floor=None):
    """The shares of both planes, the same in all cells but those of negative x, where they are not known."""
    edges = np.linspace(-1, 1, 3)
    shares = [np.array([[np.nan, v], [np.nan, v]]) for v in (unexplained, unexplained if floor is None else floor)]
    maps = tuple(SteadinessMap(axes, edges, *shares, shares[0], np.full((2, 2), 500)) for axes in ("xy", "xz"))
    return Steadiness(unexplained, unexplained, 0.0, maps)


@pytest.mark.parametrize("aspect", [FORCE, DENSITY])
def test_classes_change_at_the_limits_of_the_spread(aspect):
    for limit, better, worse in zip(LIMITS[aspect], (RELIABLE, CARE), (CARE, UNUSABLE), strict=True):
        assert judge(0.98 * limit).classes(aspect, CENTRE)[0] == better
        assert judge(1.02 * limit).classes(aspect, CENTRE)[0] == worse


def test_uncertainties_add_in_quadrature():
    found = judge(0.03, 0.04)
    for aspect in (FORCE, DENSITY):
        assert found.spread(aspect, CENTRE)[0] == pytest.approx(0.05, rel=1e-6)


def test_a_value_of_zero_is_known_to_nothing():
    class Nothing(Scattered):
        def density(self, x):
            return np.zeros((self.members, len(x)))

    assert replace(judge(), ensembles={"0": Nothing(0.0)}).classes(DENSITY, CENTRE)[0] == UNUSABLE


@pytest.mark.parametrize(
    "region", [Shell(1.0), Shell(2.5, centre=(3.0, -1.0, 0.5)), Box((("y", -1.0, 1.0),)) & Shell(1.0)]
)
def test_the_edge_is_felt_by_the_share_of_the_radius(region):
    centre, radius = region.bounding_ball()
    direction = np.array([1.0, 0.0, 0.0])
    edge = LIMITS["edge"]
    for share, expected in [
        (1.01, OUTSIDE),
        (1 - 0.5 * edge.care, UNUSABLE),
        (1 - 1.1 * edge.care, CARE),
        (1 - 0.95 * edge.reliable, CARE),
        (1 - 1.05 * edge.reliable, RELIABLE),
    ]:
        place = np.asarray(centre)[None] + share * radius * direction
        assert judge(region=region).classes(FORCE, place)[0] == expected


def test_a_hole_has_an_edge_too():
    region = Shell(1.0, 0.3)
    assert judge(region=region).classes(FORCE, np.array([[0.2, 0, 0], [0.32, 0, 0], [0.6, 0, 0]])).tolist() == [
        OUTSIDE,
        UNUSABLE,
        RELIABLE,
    ]


@pytest.mark.parametrize(
    ("unexplained", "floor", "expected"),
    [
        (0.02, 0.0, RELIABLE),
        (0.039, 0.039, RELIABLE),
        (0.06, 0.06, CARE),
        (0.12, 0.12, UNUSABLE),
        (0.03, 0.01, CARE),  # a force of the cell's own would remove 0.028 of it
        (0.06, 0.01, UNUSABLE),
    ],
)
def test_what_is_not_stationary_is_doubtful_where_it_is_known_to_be(unexplained, floor, expected):
    found = judge(steadiness=steady(unexplained, floor))
    known, unknown = np.array([[0.3, 0.2, 0.1]]), np.array([[-0.3, 0.2, 0.1]])
    assert found.classes(FORCE, known)[0] == expected
    assert found.classes(FORCE, unknown)[0] == RELIABLE


def test_shares_of_a_volume_are_a_whole():
    x = np.random.default_rng(0).uniform(-0.7, 0.7, (2000, 3))
    found = judge(0.03, region=Shell(1.1), steadiness=steady(0.06))
    for aspect in (FORCE, DENSITY):
        shares = found.shares(aspect, x)
        assert list(shares) == list(WORDS.values())
        assert sum(shares.values()) == pytest.approx(1)
        assert shares["use with care"] > 0.2
    assert found.shares(FORCE, np.array([[5.0, 0, 0]]))["do not use"] == 1


@pytest.mark.parametrize(
    ("reliable", "care", "said"),
    [
        (1.0, 0.0, None),
        (0.55, 0.4, None),
        (0.4, 0.55, "only 40 % of the volume lies where the fit is reliable"),
        (0.6, 0.2, "20 % of the volume lies where the fit should not be used"),
    ],
)
def test_a_volume_that_lies_largely_where_nothing_is_sure_is_named(reliable, care, said):
    shares = dict(zip(WORDS.values(), (reliable, care, 1 - reliable - care), strict=True))
    assert warning(shares, FORCE) == said
    assert (warning(shares, DENSITY) is None) == (said is None)


def test_the_legend_tells_every_limit_and_the_ensembles():
    said = legend(["bootstrap", "DF seed"])
    assert "bootstrap, DF seed" in said
    for limit in LIMITS.values():
        assert f"{100 * limit.reliable:.0f} / {100 * limit.care:.0f} %" in said


@pytest.mark.parametrize("name", ["disc-spiral", "disc-axisymmetric"])
def test_in_the_demonstration_the_more_reliable_places_have_the_smaller_errors(name):
    """Against exact truth, median over the ball: a force within 0.7 %, a density within 10 % where it is reliable."""
    run = find_run(name, EMBEDDED_RUNS)
    truth, found = mocks.from_truth(open_catalogue(run.manifest.catalogue.id).truth), readings.reliability(run)
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (8000, 3))
    x = x[np.linalg.norm(x, axis=1) < 1]
    best = run.potential.best()
    force, density = truth.acceleration(x), truth.density(x)
    errors = {
        FORCE: np.linalg.norm(best.acceleration(x) - force, axis=1) / np.linalg.norm(force, axis=1),
        DENSITY: np.abs(best.density(x) / density - 1),
    }
    for aspect, error in errors.items():
        classes = found.classes(aspect, x)
        median = {c: np.median(error[classes == c]) for c in (RELIABLE, CARE, UNUSABLE)}
        assert median[RELIABLE] < min(median[CARE], median[UNUSABLE])
        assert median[RELIABLE] < {FORCE: 0.007, DENSITY: 0.1}[aspect]
        assert np.mean(classes == RELIABLE) > 0.15
    trust = averaging_trust(found, averaging_volumes(run.manifest.config, found.region))
    assert {name for name in run.scalars if "reliability" in run.scalars[name]} == trust.keys() & run.scalars.keys()
    assert all(entry["warning"] is None for entry in trust.values())
