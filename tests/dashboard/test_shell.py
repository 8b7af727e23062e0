"""The document of a visitor, built as the server builds it."""

from urllib.parse import urlsplit

from bokeh.document import Document
from bokeh.models import ImportedStyleSheet
from panel.io.state import set_curdoc

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
