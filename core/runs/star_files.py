"""The sample of a flow as a file: what the comparison with the data reads, without JAX."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.array_types import PhaseSpace
from core.errors import CorruptArtifactError
from core.runs import artifacts

FLOW_SAMPLE = "flow_sample.parquet"
FLOW_SUMMARY = "flow.json"
COLUMNS = ("x", "y", "z", "vx", "vy", "vz")


def rounded(w: PhaseSpace) -> PhaseSpace:
    """Phase space rounded to 0.06 pc and 0.016 km/s: far below what a flow resolves, and half the size in a file."""
    steps = np.array([2.0**-14] * 3 + [2.0**-6] * 3)
    return np.round(np.asarray(w, float) / steps) * steps


def write_stars(path: Path, w: PhaseSpace) -> None:
    """Stars drawn from the flow, rounded."""
    values = rounded(w).astype(np.float32)
    table = pa.table({name: values[:, i] for i, name in enumerate(COLUMNS)})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=False,
        column_encoding=dict.fromkeys(COLUMNS, "BYTE_STREAM_SPLIT"),
        write_page_checksum=True,
    )
    artifacts.write_bytes(path, sink.getvalue().to_pybytes())


def read_stars(path: Path) -> PhaseSpace:
    """The stars of :func:`write_stars`, float32."""
    try:
        table = pq.read_table(path, columns=list(COLUMNS), page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise CorruptArtifactError(f"{path} cannot be read: {error}") from error
    return np.stack([table[name].to_numpy() for name in COLUMNS], 1)


def read_held_out(path: Path) -> list[float]:
    """Mean ln f of the held-out stars under each flow of the best estimate, as the summary of the flows holds it."""
    try:
        held_out = [float(value) for value in artifacts.read_json(path)["held_out_log_df"]]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtifactError(f"{path} is damaged: {error!r}") from error
    if not held_out:
        raise CorruptArtifactError(f"{path} is damaged: it knows of no flow")
    return held_out
