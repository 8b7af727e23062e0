"""Who may look: this machine, and those who have said who they are.

``panel serve`` listens on every network interface unless it is told otherwise, and a program, unlike a browser, need
not say from which page it comes. So the visitor's address is looked at before a page is built or a file is taken.
"""

import ipaddress
import sys
from http import HTTPStatus

import panel as pn
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

WORDS = (
    "This server has no login, so it answers the machine that it runs on and no other. "
    "For others: deep-potential serve --address ADDRESS --users FILE, or a proxy with a login before it."
)


def is_welcome(handler: RequestHandler) -> bool:
    """Whether the visitor of a request comes from this machine or has passed a login."""
    login = handler.application.auth_provider  # type: ignore[attr-defined]  # Bokeh's own kind of application
    if login.get_user is not None or login.get_user_async is not None:
        return handler.current_user is not None
    return is_this_machine(handler.request.remote_ip or "")


def is_this_machine(address: str) -> bool:
    """Whether an address such as ``127.0.0.1`` or ``::1`` does not leave the machine; a unix socket has none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address == ""
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def refused() -> pn.Template | None:
    """What a stranger gets in place of the page; None for everyone else."""
    handler = _asking()
    if handler is None or is_welcome(handler):
        return None
    if not isinstance(handler, WebSocketHandler):
        handler.set_status(HTTPStatus.FORBIDDEN)
    # words in the page itself: a stranger's browser gets no connection that would bring them
    return pn.Template(f'{{% extends base %}}{{% block contents %}}<p role="alert">{WORDS}</p>{{% endblock %}}')


def _asking() -> RequestHandler | None:
    """The request for which this document is built: Bokeh does not hand it on, but waits for us in its frame."""
    frame = sys._getframe()
    while (frame := frame.f_back) is not None:  # type: ignore[assignment]
        handler = frame.f_locals.get("self")
        if isinstance(handler, RequestHandler):
            return handler
    return None
