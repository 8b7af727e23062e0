"""``runs``, ``tag``, ``archive``, ``delete``, ``restore``, ``trash``: order among many runs."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from core.commands.console import json_option, runs_option, say
from core.jobs.deletion import children
from core.jobs.deletion import delete as throw_away
from core.jobs.search import matching
from core.jobs.status import RunStatus, run_status
from core.runs import labels
from core.runs import trash as trash_can
from core.runs.registry import find_own_run, list_runs, runs_root
from core.runs.trash import Thrown, trashed


@click.command()
@click.argument("words", nargs=-1)
@click.option("--tag", "tags", multiple=True, help="Only runs with this tag; may be repeated.")
@click.option("--archived", is_flag=True, help="List the archived runs instead.")
@json_option
@runs_option
def runs(words: tuple[str, ...], tags: tuple[str, ...], archived: bool, as_json: bool, runs: str | None) -> None:
    """List the runs that hold all WORDS in name, id, catalogue, preset, tags or state."""
    listed = [run_status(run) for run in list_runs(runs_root(runs)) if run.archived == archived]
    found = matching(listed, " ".join(words), [labels.checked_tag(tag) for tag in tags])
    if as_json:
        say(json.dumps([_record(status) for status in found]))
        return
    for status in found:
        say(_line(status))
    if not found:
        say("There is no such run.")


@click.command()
@click.argument("run")
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag from it; may be repeated.")
@runs_option
def tag(run: str, tags: tuple[str, ...], remove: tuple[str, ...], runs: str | None) -> None:
    """Give RUN the tags TAGS, and say which it has. `deep-potential runs --tag TAG` lists those that have one."""
    found = find_own_run(run, runs_root(runs))
    labels.change_tags(found.path, add=tags, remove=remove)
    say(f"{found.manifest.name}: {', '.join(found.tags) or 'no tags'}")


@click.command()
@click.argument("run")
@click.option("--undo", is_flag=True, help="List it again.")
@runs_option
def archive(run: str, undo: bool, runs: str | None) -> None:
    """Put RUN out of the way: not listed and not offered, but it still opens by its name or by a link to it."""
    found = find_own_run(run, runs_root(runs))
    labels.archive(found.path, archived=not undo)
    say(f"{found.manifest.name} ({found.id}) is {'listed again' if undo else 'archived'}")


@click.command()
@click.argument("run")
@runs_option
def delete(run: str, runs: str | None) -> None:
    """Move RUN to the trash, from where `deep-potential restore` brings it back. Stop it first if it is running."""
    root = runs_root(runs)
    found = find_own_run(run, root)
    throw_away(found)
    say(f"{found.manifest.name} ({found.id}) is in the trash; back with: deep-potential restore {found.id}")
    for child in children(found, root):
        say(f"{child.manifest.name} ({child.id}) was fitted to a subset of it and stays")


@click.command()
@click.argument("run")
@runs_option
def restore(run: str, runs: str | None) -> None:
    """Bring RUN back from the trash."""
    thrown = trash_can.find_thrown(run, runs_root(runs))
    say(f"{thrown.names[-1]}: {trash_can.restore(thrown)}")


@click.command()
@click.option("--empty", is_flag=True, help="Remove them for good, once you have said yes.")
@click.option("--older", type=click.FloatRange(0), metavar="DAYS", help="Only those in it for so many days.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@runs_option
def trash(empty: bool, older: float | None, yes: bool, as_json: bool, runs: str | None) -> None:
    """List the deleted runs, or remove them for good with --empty."""
    found = trash_can.older_than(trashed(runs_root(runs)), older or 0.0)
    if as_json:
        say(json.dumps([_thrown_record(thrown) for thrown in found]))
    else:
        for thrown in found:
            say(f"{thrown.names[0]}  deleted {_day(thrown.deleted)}  {thrown.size / 1e6:,.1f} MB  {thrown.names[-1]}")
        if not found:
            say("There is nothing in the trash" + ("." if older is None else " for so long."))
    if empty and found:
        if not yes:
            click.confirm(f"Remove {len(found)} for good?", abort=True, err=True)
        for thrown in found:
            trash_can.remove(thrown)


def _record(status: RunStatus) -> dict[str, Any]:
    run, manifest = status.run, status.run.manifest
    return {
        "id": run.id,
        "name": manifest.name,
        "path": str(run.path),
        "state": status.state,
        "created": manifest.created,
        "stars": manifest.stars,
        "catalogue": manifest.catalogue.name,
        "preset": manifest.preset,
        "parent": manifest.parent,
        "tags": list(run.tags),
        "archived": run.archived,
    }


def _thrown_record(thrown: Thrown) -> dict[str, Any]:
    deleted = datetime.fromtimestamp(thrown.deleted, UTC).isoformat(timespec="seconds")
    whose = {"id": thrown.manifest.id, "name": thrown.manifest.name} if thrown.manifest else {"id": None, "name": None}
    return {**whose, "path": str(thrown.path), "deleted": deleted, "bytes": thrown.size}


def _line(status: RunStatus) -> str:
    manifest = status.run.manifest
    tags = "".join(f"  #{tag}" for tag in status.run.tags)
    return (
        f"{status.run.id}  {status.state:<12} {manifest.stars:>12,} stars  {manifest.preset:<9} {manifest.name}{tags}"
    )


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")
