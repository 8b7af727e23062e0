"""Deleting a run: into the trash, and only where nobody is running it."""

from pathlib import Path

from core.jobs.ownership import forget_owner, owned
from core.runs.registry import Run, list_runs
from core.runs.trash import throw_away


def delete(run: Run) -> Path:
    """Move a run into the trash; returns its place there.

    Raises RunBusyError, naming host and process, where somebody runs it.
    """
    with owned(run):  # so that nobody starts it meanwhile
        place = throw_away(run.path)
    forget_owner(place)  # the record went along: after a restore the run would be taken for one that was interrupted
    return place


def children(run: Run, root: Path) -> list[Run]:
    """The runs that were fitted to a subset of this one's stars."""
    return [other for other in list_runs(root) if other.manifest.parent == run.id]
