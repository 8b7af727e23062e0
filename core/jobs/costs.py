"""What tasks cost: seconds on one core of a server of the 2020s, or on an H200.

They set how progress and remaining time are shared out, and what is said before a fit is started.
"""

from core.config import Config, ContinuousConfig, FlowConfig, SpatialDensityConfig, VelocityConfig

START = 6.0
"""Seconds to import and compile, for every task."""

SCORE = 2.5e-5
"""Seconds for the score of one member at one point."""

_COUPLING_STEP = 1.6e-3 / (6 * 32 * 50 * 512)
"""Seconds for a step, by star and by weight of the networks that set the maps."""

_ACCELERATOR_START = 65.0
_LAUNCH = 3e-5
"""Seconds by which a step on an accelerator gets longer with each layer, however few members and stars there are."""

_ACCELERATOR_STEP = 1.9e-8 / (6 * 64 * 100)
"""What a step on an accelerator takes beside, by member, by star and by weight of the networks."""

_GAIN = 100.0
"""How much faster than a core an accelerator is taken to be where it was not measured."""


def seconds_alone(flow: FlowConfig, rows: int) -> float:
    """To train one member on so many stars, on a core."""
    if flow.family == "continuous":
        return _continuous_seconds(flow.continuous, rows)
    if flow.family != "factored":
        joint = flow.joint
        # A layer of a spline costs about as much as one of logistics.
        size = joint.layers * joint.hidden * (joint.hidden + 3 * joint.components)
        return joint.training.length(rows) * _COUPLING_STEP * size * min(joint.training.batch, rows)
    velocity = flow.velocity
    per_step = _COUPLING_STEP * _weights(velocity) * min(velocity.training.batch, rows)
    return velocity.training.length(rows) * per_step + _density_seconds(flow.density, rows)


def seconds_at_once(flow: FlowConfig, rows: int, members: int, densities: int) -> float:
    """To train members in one program on an accelerator, compiling included; so many n(x) are solved for."""
    if flow.family != "factored":
        return _ACCELERATOR_START + members * seconds_alone(flow, rows) / _GAIN
    velocity = flow.velocity
    work = _weights(velocity) * min(velocity.training.batch, rows)
    steps = velocity.training.length(rows) * (velocity.layers * _LAUNCH + members * _ACCELERATOR_STEP * work)
    return _ACCELERATOR_START + steps + densities * _density_seconds(flow.density, rows)


def potential_seconds(config: Config) -> float:
    """To fit one potential, on a core."""
    if config.potential.solver != "network":
        times = _GUIDED if config.potential.solver == "guided" else 1.0
        return times * _CONVEX * config.sample.scored_points
    network = config.potential.network
    steps = network.training.length(config.sample.scored_points)
    return steps * network.training.batch * network.hidden**2 * network.layers * 8e-10


_CONVEX, _GUIDED = 1.4e-5, 2.0


def _density_seconds(density: SpatialDensityConfig, rows: int) -> float:
    """To solve for ln n(x): the features of the stars, and some steps of Newton's method."""
    features = 60 + density.waves
    return features * 2e-9 * rows + features**2 * 4e-5


def _weights(velocity: VelocityConfig) -> int:
    return velocity.layers * velocity.hidden * (velocity.hidden + 3 * velocity.components)


def _continuous_seconds(flow: ContinuousConfig, rows: int) -> float:
    weights = flow.hidden * (7 + (flow.layers - 1) * flow.hidden + 6)
    matching = flow.matching.length(rows) * flow.matching.batch if flow.match else 0
    # A solved star costs six tangents at six stages of every step, there and back.
    solved = flow.likelihood.length(rows) * flow.likelihood.batch * flow.steps * 6 * 7
    return weights * (1e-9 * matching + 2e-9 * solved)
