"""The sample and the summary of a run's flows as files: what the comparison with the data reads, without JAX."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.array_types import PhaseSpace
from core.diagnostics.star_counts import Slope
from core.errors import CorruptArtifactError
from core.runs import artifacts
from core.runs.seals import read_product

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
    """The stars of :func:`write_stars`, float32; their columns are contiguous."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            w = np.empty((6, file.metadata.num_rows), np.float32)
            for row, name in zip(w, COLUMNS, strict=True):
                row[:] = file.read([name])[name].to_numpy()
    except (OSError, KeyError, ValueError, MemoryError, pa.ArrowException) as error:
        raise CorruptArtifactError(f"{path} cannot be read: {error}") from error
    finally:
        pa.default_memory_pool().release_unused()  # Arrow would keep twice as much as the stars take
    return w.T


@dataclass(frozen=True)
class FlowSummary:
    """What is to be known of a run's flows at a glance.

    ``held_out`` is the mean ln f of the held-out stars under each flow in use, ``rejected`` says which are not in use
    and why, ``slopes`` compare the gradients of ln n with those of the stars (:mod:`core.diagnostics.star_counts`).
    """

    held_out: tuple[float, ...]
    rejected: Mapping[int, str]
    slopes: tuple[Slope, ...]

    @property
    def mean_held_out(self) -> float:
        """The mean ln f of the held-out stars [nat per star], over the flows in use."""
        return sum(self.held_out) / len(self.held_out)


def write_summary(path: Path, summary: FlowSummary) -> None:
    """The summary as JSON."""
    document = {
        "held_out_log_df": summary.held_out,
        "rejected": [{"flow": flow, "reason": reason} for flow, reason in summary.rejected.items()],
        "log_density_slopes": [slope.to_json() for slope in summary.slopes],
    }
    artifacts.write_json(path, document)


def read_summary(path: Path) -> FlowSummary:
    """The summary that :func:`write_summary` wrote; CorruptArtifactError where it is damaged."""
    try:
        values = read_product(path)
        held_out = tuple(float(value) for value in values["held_out_log_df"])
        rejected = {int(entry["flow"]): str(entry["reason"]) for entry in values["rejected"]}
        slopes = tuple(Slope.from_json(entry) for entry in values["log_density_slopes"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptArtifactError(f"{path} is damaged: {error!r}") from error
    if not held_out:
        raise CorruptArtifactError(f"{path} is damaged: it knows of no flow")
    return FlowSummary(held_out, rejected, slopes)
