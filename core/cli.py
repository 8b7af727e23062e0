"""``deep-potential …``: assembles the commands and turns what goes wrong into words and an exit code.

Exit codes: 0 done, 2 bad input, 3 the run is being run elsewhere, 4 cancelled, 1 anything else with an error id whose
traceback is in the log (INTERFACES 2).
"""

import secrets
import sys
import traceback
from collections.abc import Sequence

import click

from core.commands.catalogues import catalogues, ingest, mock
from core.commands.compare import compare
from core.commands.export import export
from core.commands.fits import cancel, fit, run, status
from core.commands.gaia import adql, fetch
from core.commands.moving import pack, unpack
from core.commands.registry import archive, delete, restore, runs, tag, trash
from core.commands.results import evaluate, report, sample, scalars
from core.commands.service import demo, doctor, serve
from core.errors import CancelledError, understood
from core.log import log_file, write_record


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="deep-potential", prog_name="deep-potential")
def commands() -> None:
    """From a stellar catalogue to a map of the Galaxy's gravity."""


for command in (
    *(mock, adql, fetch, ingest, catalogues, fit, run, status, cancel),
    *(runs, tag, archive, delete, restore, trash, pack, unpack),
    *(evaluate, sample, scalars, compare, export, report, serve, doctor, demo),
):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code, which the console script passes on."""
    try:
        commands.main(arguments, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return CancelledError.exit_code
    except Exception as error:  # noqa: BLE001  (one of the three catch sites: the traceback goes into the log)
        if (known := understood(error)) is not None:
            click.echo(f"Error: {known}", err=True)
            return known.exit_code
        click.echo(f"Error: {type(error).__name__}: {error}\n{_logged(error)}", err=True)
        return 1
    return 0


def _logged(error: Exception) -> str:
    """Write the traceback into the log; says where it is."""
    error_id = secrets.token_hex(4)
    try:
        write_record(log_file(), error, id=error_id, command=sys.argv, message=str(error))
    except OSError:
        return "".join(traceback.format_exception(error))
    return f"Error id {error_id}; the traceback is in {log_file()}"


if __name__ == "__main__":
    sys.exit(main())
