"""Fetching a recipe's stars from the Gaia archive, part by part: a broken connection costs the part that it broke.

The parts are ranges of random_index, each a file beside the one that is wanted until all are there; asked again, the
same command goes on with those that are missing.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.catalog.gaia_query import GaiaQuery
from core.errors import InputError, refused

MOST_ROWS = 3_000_000
"""Of one answer to somebody who has not logged in: an answer of so many may have been cut."""

Archive = Callable[[str], Any]
"""Answers a query in ADQL with an astropy Table."""


def gaia_archive() -> Archive:
    """The archive itself, by astroquery; InputError where that is not installed or the archive cannot be reached."""
    try:
        with redirect_stdout(sys.stderr):  # it tells the news of the archive
            from astroquery.gaia import Gaia
    except ImportError as error:
        raise InputError("astroquery is not installed", remedy="Install it with: pip install '.[gaia]'") from error
    except (OSError, HTTPException) as error:
        raise _unanswered(error) from error
    return lambda query: Gaia.launch_job_async(query).get_results()


def fetch(query: GaiaQuery, out: Path, parts: int, archive: Archive, progress: Callable[[float], None]) -> int:
    """Write the answer to a query, fetched in ``parts``, to the parquet file ``out``; returns its number of stars.

    Raises InputError where the archive does not answer, or not in full; what has been fetched by then is kept.
    """
    digest = hashlib.sha256(f"{query.adql()}{parts}".encode()).hexdigest()[:8]
    place = out.with_name(f".{out.name}.parts-{digest}")
    with refused("the stars cannot be written", out, "Check the directory."):
        place.mkdir(exist_ok=True)
        files = [place / f"{number:04d}.parquet" for number in range(parts)]
        for done, (file, part) in enumerate(zip(files, query.parts(parts), strict=True)):
            if not file.is_file():
                _store(_answer(query, part, archive, f"part {done + 1} of {parts}"), file)
            progress((done + 1) / parts)
        stars = _join(files, out)
    shutil.rmtree(place, ignore_errors=True)
    return stars


def _answer(query: GaiaQuery, part: tuple[int, int], archive: Archive, words: str) -> pa.Table:
    try:
        answer = archive(query.adql(part))
        columns = {str(name).lower(): answer[name] for name in answer.colnames}
    except (OSError, HTTPException, ValueError, AttributeError) as error:
        raise _unanswered(error, words) from error
    if lacking := [name for name in query.columns if name not in columns]:
        raise InputError(f"the answer of the archive to {words} has no column {lacking[0]!r}")
    if len(answer) >= MOST_ROWS:
        raise InputError(
            f"the answer of the archive to {words} has {len(answer):,} rows and may have been cut",
            remedy="Fetch it in more parts with --parts.",
        )
    return pa.table({name: _array(name, columns[name]) for name in query.columns})


def _array(name: str, column: Any) -> pa.Array:
    values = np.asarray(np.ma.getdata(column))
    if name == "source_id" and values.dtype.kind not in "iu":
        raise InputError(f"the archive gave identifiers as {values.dtype}, which loses digits", column=name)
    native = values.astype(np.int64 if name == "source_id" else values.dtype.newbyteorder("="))
    return pa.array(native, mask=np.ma.getmaskarray(column))


def _unanswered(error: Exception, words: str = "") -> InputError:
    what = f" to {words}" if words else ""
    return InputError(
        f"the Gaia archive gave no answer{what}: {error}", remedy="Try again later: what has been fetched is kept."
    )


def _store(table: pa.Table, file: Path) -> None:
    temporary = file.with_suffix(".tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(file)


def _join(files: list[Path], out: Path) -> int:
    """All parts in one file, in order, one in memory at a time; whole or not at all."""
    temporary, stars = out.with_name(f".{out.name}.{os.getpid()}.tmp"), 0
    try:
        with temporary.open("wb") as stream:
            schema = pq.read_schema(files[0])
            with pq.ParquetWriter(stream, schema, compression="zstd", write_page_checksum=True) as writer:
                for file in files:
                    table = pq.read_table(file).cast(schema)
                    writer.write_table(table)
                    stars += len(table)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return stars
