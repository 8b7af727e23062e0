"""Every setting of a fit with its default, and the presets ``quick``, ``standard`` and ``paper``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.baryons.choice import chosen_model
from core.baryons.model import BaryonModel
from core.errors import ConfigError, suggestion
from core.galaxy_config import AnalyticConfig, GuidedConfig
from core.phase_space.solar_position import SolarPosition
from core.settings import replace, section, setting

FEWEST_STARS = 256
"""Training stars of a member below which no flow is fitted."""


@dataclass(frozen=True)
class OptimizationConfig:
    """How long and how fast to descend."""

    steps: int = setting(15_000, "largest number of steps", low=10, high=10_000_000)
    epochs: float = setting(60.0, "largest number of passes over the training stars", low=0.01)
    batch: int = setting(512, "stars per step", low=16)
    learning_rate: float = setting(3e-3, "peak of the cosine schedule", low=1e-6, high=1.0)
    weight_decay: float = setting(
        0.02,
        "decoupled weight decay of AdamW in a descent of all steps that passes over its stars epochs times; of fewer "
        "stars a shorter one decays faster, to the same total, of more it decays less, with the square of its passes",
        low=0.0,
        high=10.0,
    )
    averaging: float = setting(0.02, "running mean of the parameters, as a fraction of the steps", low=1e-4, high=0.5)
    patience: int = setting(20, "reports without a better held-out loss after which the descent stops", low=1)
    settled: float = setting(
        0.0,
        "change of the scores of held-out stars between reports, relative, below which the descent stops",
        low=0.0,
        high=1.0,
    )

    def length(self, rows: int) -> int:
        """Steps for a training set of ``rows``."""
        return max(10, min(self.steps, int(self.epochs * rows / self.batch)))

    def decay(self, rows: int) -> float:
        """Weight decay of each step for a training set of ``rows``.

        Few stars make few steps and are the sooner learnt by heart: these get the whole of the decay. The more stars
        there are than the steps can pass over ``epochs`` times, the less they need: with the square of the passes.
        """
        steps = self.length(rows)
        passes = steps * self.batch / rows
        return self.weight_decay * self.steps / steps * min(1.0, passes / self.epochs) ** 2


@dataclass(frozen=True)
class SpatialDensityConfig:
    """The functions whose sum is ln n(x)."""

    waves: int = setting(
        0, "plane waves for structure finer than a sheet: clumps, holes of dust; 0 leaves them out", low=0, high=2000
    )


@dataclass(frozen=True)
class VelocityConfig:
    """The conditional flow for p(v | x)."""

    layers: int = setting(6, "coupling layers, each moving one velocity coordinate", low=3, high=48)
    hidden: int = setting(32, "width of the two hidden layers of a layer's network", low=4, high=1024)
    components: int = setting(6, "logistics in each mixture", low=2, high=64)
    training: OptimizationConfig = section(
        lambda: OptimizationConfig(steps=15_000, epochs=60, batch=512, learning_rate=3e-3, weight_decay=0.15)
    )


@dataclass(frozen=True)
class JointConfig:
    """Flows of all six coordinates in one piece: the families joint and spline."""

    layers: int = setting(12, "coupling layers, each moving one coordinate", low=6, high=96)
    hidden: int = setting(48, "width of the two hidden layers of a layer's network", low=4, high=1024)
    components: int = setting(8, "logistics, or bins of the spline, in each map", low=2, high=64)
    training: OptimizationConfig = section(
        lambda: OptimizationConfig(steps=10_000, epochs=60, batch=512, learning_rate=3e-3, weight_decay=0.03)
    )


@dataclass(frozen=True)
class ContinuousConfig:
    """The published family, FFJORD: a vector field whose flow carries the stars to a normal distribution."""

    layers: int = setting(3, "hidden layers of the field", low=1, high=8)
    hidden: int = setting(64, "width of a hidden layer", low=4, high=1024)
    steps: int = setting(4, "steps of the solver in training; f is evaluated with twice as many", low=2, high=64)
    match: bool = setting(True, "train by flow matching first, then by maximum likelihood")
    transport: bool = setting(True, "pair stars and draws by optimal transport in flow matching")
    kinetic: float = setting(0.0, "weight of the kinetic energy of the field, ∫|g|²", low=0.0)
    jacobian: float = setting(0.0, "weight of the Jacobian of the field, ∫|∂g/∂u|²", low=0.0)
    matching: OptimizationConfig = section(
        lambda: OptimizationConfig(steps=8000, epochs=60, batch=512, learning_rate=3e-3, weight_decay=0.0)
    )
    likelihood: OptimizationConfig = section(
        lambda: OptimizationConfig(steps=1000, epochs=60, batch=256, learning_rate=1e-3, weight_decay=0.0)
    )


@dataclass(frozen=True)
class FlowConfig:
    """The ensemble of flows."""

    family: str = setting(
        "factored",
        "kind of flow: n(x) p(v|x), one smooth coupling flow, one of splines, or FFJORD",
        choices=("factored", "joint", "spline", "continuous"),
    )
    mode: str = setting(
        "joint",
        "joint fits f(x, v); conditional p(v|x) alone, for stars selected by place in an unknown way",
        choices=("joint", "conditional"),
    )
    members: int = setting(4, "independent flows", low=1, high=64)
    halves: bool = setting(True, "train members on disjoint halves of the stars, for the cross-half instruments")
    coordinates: str = setting(
        "auto", "frame of the flow: auto takes disc in a rotating frame", choices=("auto", "disc", "sphere")
    )
    held_out: float = setting(0.05, "fraction of the stars kept from all members", low=0.001, high=0.5)
    combination: str = setting("median", "best estimate of f from the members", choices=("median", "mean", "mixture"))
    padding: float = setting(
        0.3,
        "outer fraction of the volume whose stars are mirrored behind the edge, for families other than factored",
        low=0.0,
        high=1.0,
    )
    density: SpatialDensityConfig = section(SpatialDensityConfig)
    velocity: VelocityConfig = section(VelocityConfig)
    joint: JointConfig = section(JointConfig)
    continuous: ContinuousConfig = section(ContinuousConfig)

    def __post_init__(self) -> None:
        if self.mode == "conditional" and self.family != "factored":
            raise ConfigError(
                f"flow.mode=conditional needs flow.family=factored; got {self.family!r}",
                remedy="Only the factored family has p(v|x) on its own.",
            )

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the descents by which a member is trained, in order."""
        if self.family == "factored":
            return ("velocity",)
        first = ("matching",) if self.family == "continuous" and self.continuous.match else ()
        return *first, "likelihood"

    def training_rows(self, stars: int) -> int:
        """Stars that one member is trained on, of ``stars`` in all."""
        return int(stars * (1 - self.held_out) / (2 if self.halves else 1))


@dataclass(frozen=True)
class SampleConfig:
    """What is drawn from the fitted distribution function."""

    flow_stars: int = setting(262_144, "stars drawn for the comparison with the data", low=1000)
    scored_points: int = setting(32_768, "points at which the potential is fitted", low=1000)
    edge: float = setting(
        0.05, "outer fraction of the volume's radius left out of the fit of the potential", low=0.0, high=0.5
    )


@dataclass(frozen=True)
class NetworkConfig:
    """The published potential network and its loss, L = ln⟨asinh(α|R|)/α + λ asinh(β max(-∇²Φ, 0))/β⟩ + l2."""

    layers: int = setting(3, "hidden layers", low=1, high=12)
    hidden: int = setting(64, "width of a hidden layer", low=4, high=2048)
    alpha: float = setting(1.0, "softening α of the residual, in units of its typical size", low=1e-6)
    beta: float = setting(1.0, "softening β of negative density, in units of the typical density", low=1e-6)
    penalty: float = setting(1.0, "weight λ of negative density", low=0.0)
    l2: float = setting(1e-6, "penalty on the squared weights", low=0.0)
    target: str = setting("ln_f", "stationarity of ln f, or of f as published", choices=("ln_f", "f"))
    warm_start: bool = setting(True, "begin at the potential of the convex solver")
    warming: OptimizationConfig = section(
        lambda: OptimizationConfig(steps=1500, epochs=200, batch=1024, learning_rate=3e-3, weight_decay=0.0)
    )
    training: OptimizationConfig = section(
        lambda: OptimizationConfig(steps=6000, epochs=200, batch=1024, learning_rate=3e-3, weight_decay=0.0)
    )


@dataclass(frozen=True)
class PotentialConfig:
    """The ensemble of potentials."""

    solver: str = setting(
        "convex",
        "how Φ is found",
        choices=("convex", "network", "analytic", "guided"),
        aliases={"linear": "convex"},
    )
    members: int = setting(8, "potentials of different seeds on the best distribution function", low=1, high=128)
    frame: str = setting("rotating", "frame of stationarity", choices=("rotating", "inertial"))
    pattern_speed: str = setting("free", "Ω_p: free, or its fixed value", unit="km/s/kpc")
    drift: str = setting(
        "none",
        "velocity u of the frame's origin: none, free, or fixed as ux,uy,uz to the centre, with the rotation, north",
        unit="km/s",
    )
    basis: str = setting(
        "auto",
        "elements of the convex solver: auto takes disc in a rotating frame",
        choices=("auto", "disc", "sphere"),
    )
    harmonics: int = setting(4, "highest degree of the harmonic polynomials for outside matter", low=0, high=8)
    reweights: int = setting(2, "updates of the weights of the points", low=0, high=20)
    ridge: float = setting(1e-6, "ridge on the normalised normal equations", low=0.0, high=1.0)
    network: NetworkConfig = section(NetworkConfig)
    analytic: AnalyticConfig = section(AnalyticConfig)
    guided: GuidedConfig = section(GuidedConfig)

    def __post_init__(self) -> None:
        if self.drift not in ("none", "free") and self.fixed_drift is None:
            raise ConfigError(
                f"potential.drift must be none, free or three numbers; got {self.drift!r}",
                remedy="For example: potential.drift=0,5,0.",
            )
        if self.pattern_speed != "free" and not _is_number(self.pattern_speed):
            raise ConfigError(
                f"potential.pattern_speed must be free or a number; got {self.pattern_speed!r}",
                remedy="For example: potential.pattern_speed=28.2.",
            )

    @property
    def frees_drift(self) -> bool:
        """Whether the drift of the frame is fitted."""
        return self.drift == "free"

    @property
    def fixed_drift(self) -> tuple[float, float, float] | None:
        """The drift that is given [km/s]; None where there is none, or it is fitted."""
        parts = self.drift.split(",")
        if len(parts) != 3 or not all(map(_is_number, parts)):
            return None
        x, y, z = map(float, parts)
        return x, y, z


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


@dataclass(frozen=True)
class ScalarsConfig:
    """Where the scalars are averaged (PHYSICS 4) and what is subtracted from the density."""

    inner: float = setting(0.1, "radius about the Sun inside which there are no data", unit="kpc", low=0.0)
    outer: float = setting(0.8, "radius about the Sun beyond which the edge is felt", unit="kpc", low=0.01)
    slab: float = setting(0.3, "half thickness of the slab whose mean density is reported", unit="kpc", low=0.01)
    height: float = setting(
        0.8, "height of the surface density and the vertical force", unit="kpc", low=0.01, high=10.0
    )
    baryons: str = setting(
        "midplane",
        "what is subtracted to leave the dark matter: midplane (one number), mckee2015, flynn2006, or a TOML document "
        "of components",
    )
    baryon_density: float = setting(
        0.084,
        "baryons in the midplane at R0 (McKee, Parravano & Hollenbach 2015), for midplane",
        unit="Msun/pc³",
        low=0.0,
    )
    baryon_error: float = setting(0.012, "one-sigma error of baryon_density", unit="Msun/pc³", low=0.0)

    def __post_init__(self) -> None:
        _ = self.baryon_model  # says what is wrong with it

    @property
    def baryon_model(self) -> BaryonModel:
        """The model that ``baryons`` chooses."""
        return chosen_model(self.baryons, self.baryon_density, self.baryon_error)


@dataclass(frozen=True)
class PipelinesConfig:
    """The ensembles beside the flow members and the potential seeds (PHYSICS 4)."""

    noise_members: int = setting(
        0,
        "fits to the stars drawn anew within their errors, where the catalogue has errors; 0 leaves them out",
        low=0,
        high=128,
    )
    bootstrap_members: int = setting(
        0, "fits to the stars drawn anew with replacement; 0 leaves them out", low=0, high=128
    )
    solar_members: int = setting(
        8,
        "potentials for places and velocities of the Sun drawn within their errors, in a rotating frame",
        low=0,
        high=1000,
    )
    null_members: int = setting(
        0,
        "flows of the null test, trained on the stars turned to random azimuths; 0 leaves it out",
        low=0,
        high=64,
    )


@dataclass(frozen=True)
class JobsConfig:
    """How the tasks of a run are executed."""

    members_per_task: int = setting(2, "flows trained by one process, one after the other", low=1, high=64)
    members_at_once: int = setting(
        16, "flows trained in one program on an accelerator, as its memory allows", low=1, high=1024
    )
    checkpoint_seconds: float = setting(20.0, "time between checkpoints", unit="s", low=0.0)
    retries: int = setting(
        3, "repetitions of a task whose process dies before it got further than ever", low=0, high=100
    )
    resume: bool = setting(True, "the pages go on with the run where this machine or its processes were stopped")
    nice: int = setting(19, "niceness of the training processes", low=0, high=19)


@dataclass(frozen=True)
class Config:
    """Everything that defines a fit beside its stars."""

    seed: int = setting(0, "root of every random number of the run", low=0, high=2**31 - 1)
    flow: FlowConfig = section(FlowConfig)
    sample: SampleConfig = section(SampleConfig)
    potential: PotentialConfig = section(PotentialConfig)
    solar: SolarPosition = section(SolarPosition)
    scalars: ScalarsConfig = section(ScalarsConfig)
    pipelines: PipelinesConfig = section(PipelinesConfig)
    jobs: JobsConfig = section(JobsConfig)

    def __post_init__(self) -> None:
        if self.flow.mode == "conditional" and self.potential.frees_drift:
            raise ConfigError(
                "potential.drift=free needs flow.mode=joint",
                remedy="A free n(x) does nearly all that a drift does: leave it out, or give its value.",
            )

    @property
    def flow_coordinates(self) -> str:
        """The frame of the flow that ``auto`` stands for."""
        if self.flow.coordinates != "auto":
            return self.flow.coordinates
        return "disc" if self.potential.frame == "rotating" else "sphere"


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {},
    "standard": {
        "flow.members": 8,
        "flow.density.waves": 128,
        "flow.velocity.training.steps": 20_000,
        "potential.members": 16,
        "sample.scored_points": 65_536,
        "sample.flow_stars": 524_288,
        "pipelines.noise_members": 4,
        "pipelines.bootstrap_members": 4,
        "pipelines.solar_members": 16,
        "pipelines.null_members": 2,
    },
    "paper": {
        "flow.members": 16,
        "flow.density.waves": 256,
        "flow.velocity.training.steps": 60_000,
        "flow.velocity.training.batch": 4096,
        "flow.velocity.training.weight_decay": 0.03,
        "flow.velocity.hidden": 64,
        "flow.velocity.components": 12,
        "potential.members": 16,
        "sample.scored_points": 262_144,
        "sample.flow_stars": 2_097_152,
        "pipelines.noise_members": 8,
        "pipelines.bootstrap_members": 8,
        "pipelines.solar_members": 16,
        "pipelines.null_members": 4,
        "jobs.members_per_task": 1,
    },
}
"""What each preset changes; ``quick`` is the default of every setting."""


def preset(name: str, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration of a preset with the values of dotted keys replaced."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}", remedy=suggestion(name, PRESETS))
    return replace(replace(Config(), PRESETS[name]), overrides or {})
