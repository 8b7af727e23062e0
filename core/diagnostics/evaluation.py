"""A fit at given points: the arrays of ``deep-potential evaluate`` (INTERFACES 3)."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core import ensemble
from core.array_types import PhaseSpace
from core.errors import InputError
from core.flow.distribution_function import FlowEnsemble, combined
from core.potential.fields import PotentialEnsemble


def read_points(path: Path) -> tuple[PhaseSpace, bool]:
    """Points from an ``.npz`` with ``w`` (n, 6), or with positions ``x`` (n, 3) alone; and whether it has velocities.

    Raises InputError naming what is missing or malformed.
    """
    name: str | None = None
    points: np.ndarray = np.zeros(0)
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            name = next((n for n in ("w", "x") if n in file), None)
            points = np.asarray(file[name]) if name else points
            if points.dtype.kind not in "fiu":
                raise ValueError(f"{name} has the type {points.dtype}")
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise InputError(
            f"not an .npz file of numbers: {error}", file=path, remedy="Write it with numpy.savez."
        ) from error
    if name is None:
        raise InputError("holds neither w nor x", file=path, remedy="Give w of shape (n, 6) or x of shape (n, 3).")
    points = points.astype(float)
    width = 6 if name == "w" else 3
    if points.ndim != 2 or points.shape[1] != width or len(points) == 0:
        raise InputError(f"has shape {points.shape}", file=path, column=name, remedy=f"Expected (n, {width}), n > 0.")
    if not np.all(np.isfinite(points)):
        raise InputError("holds values that are not finite", file=path, column=name)
    return (points, True) if width == 6 else (np.concatenate([points, np.zeros_like(points)], 1), False)


def evaluate_run(
    flow: FlowEnsemble,
    potential: PotentialEnsemble,
    w: PhaseSpace,
    *,
    has_velocity: bool,
    combination: str = "median",
) -> dict[str, np.ndarray]:
    """Every array of INTERFACES 3 at ``w``; those of f only where there are velocities.

    ``combination`` says how the members make the best ln f and score (``flow.combination``). Of a conditional flow
    ``ln_f`` is ln p(v | x).
    """
    x = w[:, :3]
    arrays: dict[str, np.ndarray] = {"inside": np.asarray(flow.inside(w))}
    if has_velocity:
        log_df, score = flow.log_df_and_score(w)
        arrays |= {"ln_f": log_df, "score": score}
        best = combined(log_df, score, combination)
        arrays |= {"ln_f_best": best.log_df, "score_best": best.score}
    fields = {
        "potential": potential.potential(x),
        "acceleration": potential.acceleration(x),
        "density": potential.density(x),
    }
    for name, values in fields.items():
        arrays |= {name: values, f"{name}_best": ensemble.median(values)}
    if potential.pattern_speed is not None:
        arrays["pattern_speed"] = potential.pattern_speed
        arrays["pattern_speed_best"] = np.asarray(potential.best_pattern_speed)
    return {name: a if a.dtype == bool else np.asarray(a, float) for name, a in arrays.items()}
