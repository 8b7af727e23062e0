"""Potentials in closed form: what mock catalogues take as truth and what fits and exports are checked against.

Every kernel is a free function of one position ``x`` [kpc] in the notation of its paper and returns Φ [(km/s)²]; forces
are −∇Φ and densities ∇²Φ/4πG [Msun/kpc³] by automatic differentiation. The discs stand on Galactocentric axes (Sun at
negative X, rotation towards +Y, Z to the north); azimuths count from the Sun in the direction of rotation (PHYSICS 1).
"""

import math
from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jaxtyping import Array, Float

from core import units

Position = Float[Array, "3"]
Parameter = float | int | Float[Array, ""]
Potential = Float[Array, ""]

# Python floats: a numpy scalar would turn single precision into double.
_G = float(units.G)
_FOUR_PI_G = float(units.FOUR_PI_G)


def _radius(x: Position) -> Float[Array, ""]:
    return jnp.sqrt(x[0] ** 2 + x[1] ** 2 + x[2] ** 2)


def plummer(x: Position, mass: Parameter, scale: Parameter) -> Potential:
    """Sphere of Plummer (1911): −GM/√(r² + b²), ``mass`` [Msun], ``scale`` b [kpc]."""
    return -_G * mass / jnp.sqrt(x[0] ** 2 + x[1] ** 2 + x[2] ** 2 + scale**2)


def hernquist(x: Position, mass: Parameter, scale: Parameter) -> Potential:
    """Sphere of Hernquist (1990, eq. 5): −GM/(r + a), ``mass`` [Msun], ``scale`` a [kpc]."""
    return -_G * mass / (_radius(x) + scale)


def isochrone(x: Position, mass: Parameter, scale: Parameter) -> Potential:
    """Sphere of Hénon (1959): −GM/(b + √(b² + r²)), ``mass`` [Msun], ``scale`` b [kpc]."""
    return -_G * mass / (scale + jnp.sqrt(scale**2 + x[0] ** 2 + x[1] ** 2 + x[2] ** 2))


def nfw(x: Position, mass: Parameter, scale: Parameter) -> Potential:
    """Halo of Navarro, Frenk & White (1996): −GM ln(1 + r/rs)/r.

    ``mass`` is 4π ρs rs³ [Msun] (the total diverges), ``scale`` rs [kpc].
    """
    r = _radius(x)
    return -_G * mass * jnp.log1p(r / scale) / r


def miyamoto_nagai(x: Position, mass: Parameter, a: Parameter, b: Parameter) -> Potential:
    """Disc of Miyamoto & Nagai (1975, eq. 4): −GM/√(R² + (a + √(z² + b²))²), ``mass`` [Msun], ``a``, ``b`` [kpc]."""
    return -_G * mass / jnp.sqrt(x[0] ** 2 + x[1] ** 2 + (a + jnp.sqrt(x[2] ** 2 + b**2)) ** 2)


def logarithmic(x: Position, v0: Parameter, core: Parameter = 0.0, flattening: Parameter = math.inf) -> Potential:
    """Flat rotation curve (Binney & Tremaine 2008, eq. 2.71a): ½ v0² ln(Rc² + R² + z²/q²), zero at 1 kpc.

    ``v0`` [km/s], ``core`` Rc [kpc], ``flattening`` q of the potential; an infinite q leaves the plane's own part, to
    be joined with a slab.
    """
    return 0.5 * v0**2 * jnp.log(core**2 + x[0] ** 2 + x[1] ** 2 + x[2] ** 2 / flattening**2)


def harmonic(x: Position, frequencies: Float[Array, "3 3"]) -> Potential:
    """Homogeneous matter (Freeman 1966): ½ xᵀKx, ``frequencies`` the symmetric K [(km/s/kpc)²]."""
    return 0.5 * jnp.dot(x, jnp.dot(frequencies, x))


def log_cosh(u: Float[Array, ""]) -> Float[Array, ""]:
    """The function ln cosh u, finite where cosh overflows."""
    return jnp.logaddexp(u, -u) - math.log(2.0)


def sech2_sheet(x: Position, density: Parameter, height: Parameter) -> Potential:
    """Self-gravitating sheet of Spitzer (1942): 4πG ρ0 h² ln cosh(z/h), whose density is ρ0 sech²(z/h).

    ``density`` ρ0 in the midplane [Msun/kpc³], ``height`` h [kpc].
    """
    return _FOUR_PI_G * density * height**2 * log_cosh(x[2] / height)


def spiral(
    x: Position,
    amplitude: Parameter,
    arms: int,
    pitch: Parameter,
    phase: Parameter,
    R0: Parameter,
    height: Parameter = math.inf,
) -> Potential:
    """Logarithmic spiral (Binney & Tremaine 2008, section 6.1): A cos m(φ + cot p ln(R/R0) − φ0) / (1 + z²/h²).

    ``amplitude`` A [(km/s)²], ``pitch`` p [deg], ``phase`` φ0 [deg] of a potential crest at ``R0`` [kpc], ``height`` h
    [kpc]. The arms trail. The vertical profile is a closed form of ours, not the field of a thin sheet.
    """
    R2 = x[0] ** 2 + x[1] ** 2
    cosine, sine = _multiple_angle(-x[0] / jnp.sqrt(R2), x[1] / jnp.sqrt(R2), arms)
    winding = 0.5 * jnp.log(R2 / R0**2) / jnp.tan(jnp.deg2rad(pitch)) - jnp.deg2rad(phase)
    wound_cosine, wound_sine = _cosine_and_sine(arms * winding)
    crest = cosine * wound_cosine - sine * wound_sine
    return amplitude * crest / (1 + x[2] ** 2 / height**2)


def _cosine_and_sine(angle: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Of an angle of a few turns, to rounding.

    In single precision by Taylor series of a quarter of the angle, doubled twice (error 8e-7): on a CPU the library's
    own functions are called star by star and cost two thirds of an orbit.
    """
    if angle.dtype != jnp.float32:
        return jnp.cos(angle), jnp.sin(angle)
    quarter = 0.25 * (angle - 2 * math.pi * jnp.round(angle / (2 * math.pi)))
    q2 = quarter**2
    sine = quarter * (1 - q2 / 6 * (1 - q2 / 20 * (1 - q2 / 42 * (1 - q2 / 72))))
    cosine = 1 - q2 / 2 * (1 - q2 / 12 * (1 - q2 / 30 * (1 - q2 / 56 * (1 - q2 / 90))))
    for _ in range(2):
        cosine, sine = 1 - 2 * sine**2, 2 * sine * cosine
    return cosine, sine


def _multiple_angle(
    cosine: Float[Array, ""], sine: Float[Array, ""], times: int
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Cosine and sine of a multiple of an angle: products cost a quarter of an arctangent and a cosine."""
    c, s = cosine, sine
    for _ in range(times - 1):
        c, s = c * cosine - s * sine, s * cosine + c * sine
    return c, s


def bar(x: Position, amplitude: Parameter, angle: Parameter, scale: Parameter) -> Potential:
    """Quadrupole of a bar (outside it that of Dehnen 2000, eq. 3): −A b³ R² cos 2(φ − φb) / (b² + r²)^{5/2}.

    ``amplitude`` A [(km/s)²], ``angle`` φb [deg] of the major axis from the Sun in the direction of rotation, ``scale``
    b [kpc]. Smooth everywhere and −A (b/R)³ cos 2(φ − φb) in the plane far out.
    """
    X, Y = -x[0], x[1]
    twice = 2 * jnp.deg2rad(angle)
    quadrupole = (X**2 - Y**2) * jnp.cos(twice) + 2 * X * Y * jnp.sin(twice)
    r2 = scale**2 + x[0] ** 2 + x[1] ** 2 + x[2] ** 2
    return -amplitude * scale**3 * quadrupole / (r2**2 * jnp.sqrt(r2))


POTENTIALS: Mapping[str, Callable[..., Potential]] = {
    kernel.__name__: kernel
    for kernel in (
        plummer,
        hernquist,
        isochrone,
        nfw,
        miyamoto_nagai,
        logarithmic,
        harmonic,
        sech2_sheet,
        spiral,
        bar,
    )
}
"""Every kernel by its name."""
