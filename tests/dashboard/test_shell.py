"""The document of a visitor, built as the server builds it."""

import asyncio
from types import SimpleNamespace
from urllib.parse import urlsplit

from bokeh.application.handlers.document_lifecycle import DocumentLifecycleHandler
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet
from panel.io.state import set_curdoc, state

from dashboard import shell


def test_a_document_that_was_never_written_as_a_page_asks_for_nothing_outside(services, monkeypatch):
    """What a browser gets that connects late, or again: pages must not need the internet."""
    monkeypatch.setattr(shell, "services", lambda: services)
    document = Document()
    with set_curdoc(document):
        shell.build().server_doc(document)
    sheets = [sheet.url for root in document.roots for sheet in root.select({"type": ImportedStyleSheet})]
    assert sheets
    assert not [url for url in sheets if urlsplit(url).netloc]


def test_nothing_is_kept_of_a_visitor_who_has_gone(services, monkeypatch):
    """Not even the id of a root: it holds back a megabyte of what the page took, and lists of them slow all down."""
    monkeypatch.setattr(shell, "services", lambda: services)
    kept = [state._fake_roots, state._views, state._templates, state._locations]
    before = [len(one) for one in kept]
    document = Document()
    with set_curdoc(document):
        shell.build().server_doc(document)
    assert all(len(one) > count for one, count in zip(kept, before, strict=True))
    document.models.destroy()  # as the server does it first
    visitor = SimpleNamespace(id="visitor", _document=document)
    asyncio.run(DocumentLifecycleHandler().on_session_destroyed(visitor))
    assert [len(one) for one in kept] == before
