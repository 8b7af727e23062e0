"""Finding runs by words: in their name, id, catalogue, preset, tags and state."""

from collections.abc import Iterable, Sequence

from core.jobs.status import RunStatus


def matching(statuses: Iterable[RunStatus], text: str = "", tags: Sequence[str] = ()) -> list[RunStatus]:
    """Those that hold every word of ``text`` somewhere, whatever the case, and carry all ``tags``."""
    words = text.casefold().split()
    return [s for s in statuses if all(word in _told(s) for word in words) and set(tags) <= set(s.run.tags)]


def _told(status: RunStatus) -> str:
    run, manifest = status.run, status.run.manifest
    told = (manifest.name, run.path.name, manifest.catalogue.name, manifest.preset, status.state, *run.tags)
    return "\n".join(told).casefold()
