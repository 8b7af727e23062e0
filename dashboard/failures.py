"""What a user sees when something goes wrong: our own errors in words in place of the picture, others by an id.

Nothing is swallowed: an error that is not ours goes to the log with its traceback under the id that the page shows.
"""

import html
import logging
import secrets
from pathlib import Path

import panel as pn

from core.errors import understood
from core.log import RecordHandler

log = logging.getLogger("deep_potential.dashboard")


def keep_log(file: Path) -> None:
    """From now on write what goes wrong into ``file`` as well, where its traceback is found by its id."""
    if not any(isinstance(handler, RecordHandler) for handler in log.handlers):
        log.addHandler(RecordHandler(file))
        log.addHandler(logging.StreamHandler())  # and where the server's other words go


def words(error: BaseException) -> str:
    """What to tell the user; an error that is not ours is logged under a new id."""
    if (known := understood(error)) is not None:
        return str(known)
    error_id = secrets.token_hex(4)
    log.error("error %s", error_id, exc_info=error, extra={"error_id": error_id})
    return f"Something went wrong that should not have. Its traceback is in the server's log under {error_id}."


def alert(error: BaseException) -> pn.pane.HTML:
    """The error in place of the picture."""
    return pn.pane.HTML(
        f'<div class="alert" role="alert">{html.escape(words(error))}</div>', sizing_mode="stretch_width"
    )


def notify(error: BaseException) -> None:
    """Handler of errors in callbacks: a notification in the corner of the page."""
    if pn.state.notifications is not None:
        pn.state.notifications.error(words(error), duration=8000)
    else:
        words(error)
