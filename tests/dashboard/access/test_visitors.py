"""A server without a login answers its own machine alone."""

from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPServerRequest, RequestStartLine
from tornado.web import Application, RequestHandler

from dashboard.access import visitors
from dashboard.access.visitors import is_this_machine, refused


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("", True),
        ("192.0.2.2", False),
        ("::ffff:192.0.2.2", False),
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),
        ("localhost", False),
        ("nonsense", False),
    ],
)
def test_addresses(address, inside):
    assert is_this_machine(address) == inside


class Page(RequestHandler):
    """Asks for a document as Bokeh does."""

    def document(self):
        def application():
            return refused()

        return application()


def page(address, user=None, *, login=False):
    application = Application()
    application.auth_provider = SimpleNamespace(get_user=(lambda h: user) if login else None, get_user_async=None)
    line = RequestStartLine("GET", "/app", "HTTP/1.0")
    connection = SimpleNamespace(set_close_callback=lambda callback: None, context=SimpleNamespace(remote_ip=address))
    connection.context.protocol = "http"
    handler = Page(application, HTTPServerRequest(connection=connection, start_line=line))
    handler.current_user = user
    return handler


def test_a_stranger_gets_words_and_403():
    handler = page("192.0.2.2")
    template = handler.document()
    assert handler.get_status() == 403
    assert visitors.WORDS in str(template._code)


def test_this_machine_gets_the_page():
    assert page("127.0.0.1").document() is None


@pytest.mark.parametrize(("user", "welcome"), [("ada", True), (None, False)])
def test_where_there_is_a_login_it_decides(user, welcome):
    for address in ("127.0.0.1", "192.0.2.2"):
        assert (page(address, user, login=True).document() is None) == welcome


def test_without_a_request_there_is_no_stranger():
    assert refused() is None
